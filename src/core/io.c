/* SPDX-License-Identifier: ISC */
/* Files: whole reads with a bound, whole writes, and the permission rule for secrets. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "core/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/encode.h"
#include "core/invisible.h"

enum { SECRET_MAX = 4096 };

bool io_write_all(int fd, const void *p, size_t n)
{
	const char *s = p;
	ssize_t w;

	while (n) {
		w = write(fd, s, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return false;
		s += w;
		n -= (size_t)w;
	}
	return true;
}

bool io_read_all(int fd, struct buf *out, size_t max)
{
	size_t start = out->len;
	ssize_t r;

	for (;;) {
		if (!buf_reserve(out, 4096)) {
			errno = ENOMEM;
			return false;
		}
		r = read(fd, out->data + out->len, 4096);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return r == 0;
		out->len += (size_t)r;
		if (out->len - start > max) {
			errno = EFBIG;
			return false;
		}
	}
}

static bool refuse_file(char *why, size_t n, const char *path, const char *text)
{
	snprintf(why, n, "%s: %s", path, text);
	return false;
}

bool io_read_regular(const char *path, size_t max, struct buf *out, struct stat *st, char *why, size_t why_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	bool ok = false;

	if (fd < 0 || fstat(fd, st) != 0) {
		refuse_file(why, why_size, path, strerror(errno));
	} else if (!S_ISREG(st->st_mode)) {
		refuse_file(why, why_size, path, "not a regular file");
	} else if (!io_read_all(fd, out, max)) {
		refuse_file(why, why_size, path, errno == EFBIG ? "larger than such a file can be" : strerror(errno));
	} else {
		ok = true;
	}
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Takes white space and invisible characters around the text out of b. */
static void trim_secret(struct buf *b)
{
	size_t from = 0, length;

	while ((length = invisible_end(b->data, b->len)))
		b->len -= length;
	while ((length = invisible_begin(b->data + from, b->len - from)))
		from += length;
	memmove(b->data, b->data + from, b->len - from);
	b->len -= from;
}

/* A public key in DER: one sequence, as long as the file, with bytes that no text has. */
static bool is_der(const struct buf *b)
{
	const unsigned char *p = (const unsigned char *)b->data;
	size_t n = b->len, long_form;

	if (n < 4 || p[0] != 0x30 || !memchr(p, '\0', n))
		return false;
	long_form = p[1] == 0x81 ? 1 : p[1] == 0x82 ? 2 : 0;
	if (!long_form)
		return p[1] == n - 2;
	return (long_form == 1 ? p[2] : (size_t)p[2] << 8 | p[3]) == n - 2 - long_form;
}

/* Makes base64 of the bytes, so that a secret is always a text. False when memory is short. */
static bool encode_secret(struct buf *b)
{
	struct buf text = {0};

	if (!buf_reserve(&text, encode_size(ENCODING_BASE64, b->len) + 1))
		return false;
	encode(ENCODING_BASE64, b->data, b->len, text.data);
	text.len = encode_size(ENCODING_BASE64, b->len);
	explicit_bzero(b->data, b->cap);
	buf_free(b);
	*b = text;
	return true;
}

/* A key or a certificate in PEM has several lines (RFC 7468). */
static bool is_pem(const struct buf *b)
{
	static const char begin[] = "-----BEGIN ", end[] = "-----";

	return b->len > sizeof begin + sizeof end && memcmp(b->data, begin, sizeof begin - 1) == 0 &&
		memcmp(b->data + b->len - (sizeof end - 1), end, sizeof end - 1) == 0;
}

/* Trims a secret's text. False with the reason, which never quotes the text, where it can't be what a provider gave out. */
static bool clean_secret(const char *source, struct buf *b, char *why, size_t why_size)
{
	const char *encoding = invisible_encoding(b->data, b->len), *name;
	char text[128];

	if (is_der(b))
		return encode_secret(b) || refuse_file(why, why_size, source, "memory is short");
	if (encoding) {
		snprintf(text, sizeof text, "its text is %s, as its first bytes show; save it as UTF-8", encoding);
		return refuse_file(why, why_size, source, text);
	}
	if (b->len == 0)
		return refuse_file(why, why_size, source, "empty; put the secret in it");
	trim_secret(b);
	if (b->len == 0)
		return refuse_file(why, why_size, source, "only white space; put the secret in it");
	if (!is_pem(b) && (memchr(b->data, '\n', b->len) || memchr(b->data, '\r', b->len)))
		return refuse_file(why, why_size, source, "more than one line; one secret a file");
	for (size_t i = 0; i < b->len; i++) {
		if (b->data[i] == '\0' || b->data[i] == '\v' || b->data[i] == '\f')
			name = b->data[i] ? "a form feed or vertical tab" : "a NUL byte";
		else if (!invisible_at(b->data + i, b->len - i, &name))
			continue;
		snprintf(text, sizeof text, "%s is at byte %zu of the secret; copy the secret anew", name, i + 1);
		return refuse_file(why, why_size, source, text);
	}
	return true;
}

bool io_read_secret(const char *path, struct buf *out, char *why, size_t why_size)
{
	char text[96];
	struct stat st;

	out->len = 0;
	if (!io_read_regular(path, SECRET_MAX, out, &st, why, why_size))
		return false;
	if (st.st_mode & 007) {
		snprintf(text, sizeof text, "others may read or change it (mode %04o, user %u); chmod o= it", (unsigned)st.st_mode & 07777,
			(unsigned)st.st_uid);
		return refuse_file(why, why_size, path, text);
	}
	return clean_secret(path, out, why, why_size);
}

bool io_read_secret_env(const char *name, struct buf *out, char *why, size_t why_size)
{
	const char *value = getenv(name);
	char source[256];

	out->len = 0;
	if (!value || !*value) {
		snprintf(why, why_size, "the environment has no %s, or it is empty; set it where the service is started", name);
		return false;
	}
	snprintf(source, sizeof source, "environment variable %s", name);
	if (strlen(value) > SECRET_MAX)
		return refuse_file(why, why_size, source, "larger than a secret can be");
	if (!buf_add(out, value, strlen(value)))
		return refuse_file(why, why_size, source, "memory is short");
	return clean_secret(source, out, why, why_size);
}

static struct rlimit before; /* it was raised; zero: it wasn't */

void io_raise_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
		before = r;
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

void io_restore_limit(void)
{
	if (before.rlim_max)
		setrlimit(RLIMIT_NOFILE, &before);
}
