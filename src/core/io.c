/* Files: whole reads with a bound, whole writes, and the permission rule for secrets. */
#include "core/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

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

static bool refuse(char *why, size_t n, const char *path, const char *text)
{
	snprintf(why, n, "%s: %s", path, text);
	return false;
}

bool io_read_regular(const char *path, size_t max, struct buf *out, mode_t *mode, char *why, size_t why_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	bool ok = false;

	if (fd < 0 || fstat(fd, &st) != 0) {
		refuse(why, why_size, path, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		refuse(why, why_size, path, "not a regular file");
	} else if (!io_read_all(fd, out, max)) {
		refuse(why, why_size, path, errno == EFBIG ? "larger than such a file can be" : strerror(errno));
	} else {
		*mode = st.st_mode;
		ok = true;
	}
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Takes white space around the text, and a byte order mark before it, out of b. */
static void trim(struct buf *b)
{
	static const char white[] = " \t\r\n";
	size_t from = 0;

	if (b->len >= 3 && memcmp(b->data, "\xEF\xBB\xBF", 3) == 0)
		from = 3;
	while (from < b->len && memchr(white, b->data[from], 4))
		from++;
	while (b->len > from && memchr(white, b->data[b->len - 1], 4))
		b->len--;
	memmove(b->data, b->data + from, b->len - from);
	b->len -= from;
}

bool io_read_secret(const char *path, struct buf *out, char *why, size_t why_size)
{
	mode_t mode;

	out->len = 0;
	if (!io_read_regular(path, SECRET_MAX, out, &mode, why, why_size))
		return false;
	if (mode & 007)
		return refuse(why, why_size, path, "others may read or change it; chmod o= it");
	trim(out);
	if (out->len == 0)
		return refuse(why, why_size, path, "empty; put the secret in it");
	if (memchr(out->data, '\0', out->len) || memchr(out->data, '\n', out->len) || memchr(out->data, '\r', out->len))
		return refuse(why, why_size, path, "more than one line; one secret a file");
	return true;
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
