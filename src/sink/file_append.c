/* SPDX-License-Identifier: ISC */
/* The file of a file sink, to which whole batches of lines are added. */
#include "sink/file_append.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/log.h"
#include "sink/disk_path.h"
#include "sink/file_rotate.h"

enum {
	BLOCK = 16 * 1024, /* read at a time, to find the last line feed */
	OPEN_MOST = 10     /* the path names another file each time: give up */
};

static bool fail_append(struct file_append *f, const char *what)
{
	snprintf(f->error, sizeof f->error, "%s %s: %s", what, f->options.path, strerror(errno));
	return false;
}

void file_append_close(struct file_append *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
}

/* ---- opening */

/* Opens or makes the file. O_NONBLOCK: a pipe in its place must not block. -1 with errno set. */
static int open_or_make(const struct file_append *f, int dir, const char *name)
{
	const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW | O_NOCTTY;
	int fd = openat(dir, name, flags);

	if (fd >= 0 || errno != ENOENT)
		return fd;
	fd = openat(dir, name, flags | O_CREAT | O_EXCL, 0600);
	if (fd >= 0 && fchmod(fd, f->options.mode) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	else if (errno == EEXIST)
		return openat(dir, name, flags);
	return -1;
}

/* The directory is flushed each time: an earlier process may have made the file, and ended before it did that. */
static bool open_append(struct file_append *f)
{
	const char *name;
	int dir = disk_path_parent(f->options.path, &name);
	struct stat st;
	bool ok = false;

	if (dir < 0)
		return fail_append(f, "can't open the directory of");
	f->fd = open_or_make(f, dir, name);
	if (f->fd < 0 || fstat(f->fd, &st) != 0)
		fail_append(f, errno == ELOOP ? "a symbolic link is in the place of" : "can't open");
	else if (!S_ISREG(st.st_mode))
		snprintf(f->error, sizeof f->error, "%s is no regular file", f->options.path);
	else
		ok = fsync(dir) == 0 || fail_append(f, "can't flush the directory of");
	close(dir);
	if (!ok)
		file_append_close(f);
	return ok;
}

/* Locks the file that the path names now: a rotation may have moved the one that is open. */
static bool lock_current(struct file_append *f)
{
	for (int i = 0; i < OPEN_MOST; i++) {
		if (f->fd < 0 && !open_append(f))
			return false;
		if (!disk_path_lock(f->fd))
			return fail_append(f, "can't lock");
		if (disk_path_is_current(f->fd, f->options.path))
			return true;
		file_append_close(f);
	}
	snprintf(f->error, sizeof f->error, "%s is replaced again and again", f->options.path);
	return false;
}

/* ---- the end of the file */

/* Finds where the last line begins, in a file whose last byte is no line feed. -1 with errno set. */
static off_t last_line(int fd, off_t size)
{
	char block[BLOCK];
	off_t at = size;

	while (at > 0) {
		size_t n = at < BLOCK ? (size_t)at : BLOCK;
		ssize_t got = pread(fd, block, n, at - (off_t)n);

		if (got != (ssize_t)n)
			return -1;
		for (; n > 0; n--, at--)
			if (block[n - 1] == '\n')
				return at;
	}
	return 0;
}

/*
 * Cuts a line that was not written whole, because its process or the machine stopped; no event of it was reported as delivered.
 * Such a line begins as all lines of a sink do, or with the NULs of a block that was never written. Anything else is not the sink's.
 */
static bool cut_torn_line(struct file_append *f, off_t *size)
{
	char last, first;
	off_t from;

	if (*size == 0)
		return true;
	if (pread(f->fd, &last, 1, *size - 1) != 1)
		return fail_append(f, "can't read");
	if (last == '\n')
		return true;
	from = last_line(f->fd, *size);
	if (from < 0 || pread(f->fd, &first, 1, from) != 1)
		return fail_append(f, "can't read");
	if (first != '{' && first != '\0') {
		snprintf(f->error, sizeof f->error, "the last line of %s has no line feed, and is no event; is the file another program's?", f->options.path);
		return false;
	}
	if (ftruncate(f->fd, from) != 0)
		return fail_append(f, "can't cut the torn last line of");
	log_message(LOG_LEVEL_WARNING, "%s: cut a torn last line of %jd bytes", f->options.path, (intmax_t)(*size - from));
	*size = from;
	return true;
}

/* A rotation that fails delays no event. */
static bool rotate_if_due(struct file_append *f, struct stat *st)
{
	int64_t now = clock_now();

	if (!file_rotate_is_due(&f->options, st, now))
		return true;
	if (!file_rotate(&f->options, now)) {
		if (!f->rotation_failed)
			log_message(LOG_LEVEL_WARNING, "can't rotate %s: %s", f->options.path, strerror(errno));
		f->rotation_failed = true;
		return true;
	}
	f->rotation_failed = false;
	file_append_close(f);
	return lock_current(f) && (fstat(f->fd, st) == 0 || fail_append(f, "can't read"));
}

/* ---- the lines */

/* Cuts off what was written of a batch. Where that fails, the next process may find whole lines of it. */
static void take_back(struct file_append *f, off_t size)
{
	if (ftruncate(f->fd, size) != 0)
		f->in_doubt = true;
}

/* After a failed fdatasync(2) nothing is known of the file's pages: they are written anew, on a file that is opened anew. */
static bool write_lines(struct file_append *f, struct slice lines, off_t size)
{
	if (!io_write_all(f->fd, lines.p, lines.n)) {
		fail_append(f, "can't write to");
		take_back(f, size);
		return false;
	}
	if (fdatasync(f->fd) == 0)
		return true;
	fail_append(f, "can't flush");
	take_back(f, size);
	f->in_doubt = true;
	file_append_close(f);
	return false;
}

static bool append_locked(struct file_append *f, struct slice lines, int64_t *offset)
{
	struct stat st;

	if (fstat(f->fd, &st) != 0)
		return fail_append(f, "can't read");
	if (!cut_torn_line(f, &st.st_size) || !rotate_if_due(f, &st))
		return false;
	*offset = st.st_size;
	return write_lines(f, lines, st.st_size);
}

bool file_append_lines(struct file_append *f, struct slice lines, int64_t *offset)
{
	bool ok;

	f->in_doubt = false;
	ok = lock_current(f) && append_locked(f, lines, offset);
	if (f->fd >= 0)
		flock(f->fd, LOCK_UN);
	return ok;
}
