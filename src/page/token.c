/* SPDX-License-Identifier: ISC */
/* The token that an action must bring: it shows that the page, read by this user, made the request. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "page/token.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/encode.h"
#include "core/key.h"

enum { KEY_BYTES = 32, HOURS = 24, HOUR_MS = 3600 * 1000 };

/* Writes a new key under another name first: a process that finds the file finds it whole. */
static bool make_page_key(const char *path, unsigned char key[KEY_BYTES])
{
	char new[PATH_MAX + 32];
	bool ok;
	int fd;

	snprintf(new, sizeof new, "%s.%ld", path, (long)getpid());
	unlink(new);
	fd = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return false;
	ok = RAND_bytes(key, KEY_BYTES) == 1 && write(fd, key, KEY_BYTES) == KEY_BYTES;
	close(fd);
	ok = ok && (link(new, path) == 0 || errno == EEXIST);
	unlink(new);
	return ok;
}

/* The file must be this user's, and no other user may read it. */
static bool read_page_key(const char *path, unsigned char key[KEY_BYTES])
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool ok = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 077) == 0 &&
		read(fd, key, KEY_BYTES) == KEY_BYTES;

	if (fd >= 0)
		close(fd);
	return ok;
}

static struct key *load_page_key(const struct conf *conf)
{
	char path[PATH_MAX];
	unsigned char bytes[KEY_BYTES];
	struct key *key = NULL;

	if (snprintf(path, sizeof path, "%s/page.key", conf->dir) >= (int)sizeof path)
		return NULL;
	if (read_page_key(path, bytes) || (make_page_key(path, bytes) && read_page_key(path, bytes)))
		key = key_new(KEY_HMAC_SHA256, bytes, sizeof bytes);
	explicit_bzero(bytes, sizeof bytes);
	return key;
}

static bool add_token_text(struct buf *out, int64_t hour, const char *user)
{
	return buf_printf(out, "hookspool page %" PRId64 " %s", hour, user);
}

bool token_make(const struct conf *conf, const char *user, char token[TOKEN_TEXT])
{
	int64_t hour = clock_now() / HOUR_MS + HOURS;
	unsigned char mac[KEY_SIGNATURE_MAX];
	struct key *key = load_page_key(conf);
	struct buf message = {0};
	bool ok = key && add_token_text(&message, hour, user) && key_sign(key, message.data, message.len, mac);
	int n;

	if (ok) {
		n = snprintf(token, TOKEN_TEXT, "%" PRId64 ".", hour);
		encode(ENCODING_HEX, mac, KEY_SHA256_BYTES, token + n);
	}
	key_free(key);
	buf_free(&message);
	return ok;
}

/* Splits it into the hour and the HMAC. */
static bool read_token(const char *token, int64_t *hour, unsigned char mac[KEY_SHA256_BYTES])
{
	const char *dot = strchr(token, '.');
	size_t len = 0;

	*hour = 0;
	if (!dot || dot == token || dot - token > 12)
		return false;
	for (const char *p = token; p < dot; p++) {
		if (*p < '0' || *p > '9')
			return false;
		*hour = *hour * 10 + (*p - '0');
	}
	return decode(ENCODING_HEX, dot + 1, strlen(dot + 1), mac, KEY_SHA256_BYTES, &len) && len == KEY_SHA256_BYTES;
}

bool token_check(const struct conf *conf, const char *user, const char *token)
{
	int64_t hour, now = clock_now() / HOUR_MS;
	unsigned char mac[KEY_SHA256_BYTES];
	struct slice signature = {(const char *)mac, sizeof mac};
	struct buf message = {0};
	struct key *key;
	bool ok;

	if (!read_token(token, &hour, mac) || hour < now || hour > now + HOURS)
		return false;
	key = load_page_key(conf);
	ok = key && add_token_text(&message, hour, user) && key_verify(key, message.data, message.len, &signature, 1) == 1;
	key_free(key);
	buf_free(&message);
	return ok;
}
