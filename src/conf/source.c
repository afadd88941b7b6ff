/* SPDX-License-Identifier: ISC */
/* The text of one file of the configuration. */
#define _DEFAULT_SOURCE
#include "conf/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/invisible.h"
#include "core/io.h"
#include "core/writable.h"

enum { FILE_MAX = 4 << 20 };

/* A named pipe would be waited for without end; a shell's <(command) is a pipe below /dev. */
static bool is_pipe(const char *file, const struct stat *st)
{
	return S_ISFIFO(st->st_mode) && strncmp(file, "/dev/", 5) != 0;
}

static bool read_whole(const char *file, bool any_writer, struct buf *text, char *why, size_t n)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	bool ok = false;

	*why = '\0';
	if (fd < 0 || fstat(fd, &st) != 0 || fcntl(fd, F_SETFL, 0) != 0)
		goto out;
	if (is_pipe(file, &st))
		snprintf(why, n, "%s: it is a pipe, and no file", file);
	else if (any_writer || writable_mode(file, &st, why, n) != WRITABLE_BY_ALL)
		ok = io_read_all(fd, text, FILE_MAX);
out:
	if (!ok && !*why)
		snprintf(why, n, "%s: %s", file, strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}

/* Takes a byte order mark of UTF-8 away. False with the reason in why where the text can't be read. */
static bool check_encoding(const char *file, struct buf *text, char *why, size_t n)
{
	const char *encoding = invisible_encoding(text->data, text->len);

	if (encoding) {
		snprintf(why, n, "%s: its text is %s, as its first bytes show; save it as UTF-8", file, encoding);
		return false;
	}
	if (memchr(text->data, '\0', text->len)) {
		snprintf(why, n, "%s: it has a NUL byte; save it as UTF-8 text", file);
		return false;
	}
	if (text->len >= 3 && memcmp(text->data, "\xEF\xBB\xBF", 3) == 0)
		memcpy(text->data, "   ", 3);
	return true;
}

bool source_read(const char *file, bool any_writer, struct buf *text, char *why, size_t n)
{
	if (!read_whole(file, any_writer, text, why, n))
		return false;
	if (text->len && text->data[text->len - 1] == '\n')
		text->len--;
	if (buf_add(text, " ", 1))
		return check_encoding(file, text, why, n);
	snprintf(why, n, "memory is short");
	return false;
}
