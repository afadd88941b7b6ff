/* SPDX-License-Identifier: ISC */
/* The directory of a dir sink. */
#define _GNU_SOURCE /* sync_file_range */
#include "config.h"

#include "sink/dir_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/io.h"
#include "sink/disk_path.h"

enum {
	STALE_S = 3600, /* no attempt takes so long: what is in tmp since then is of a process that was killed */
	DIR_MODE = 0750
};

void dir_write_close(struct dir_write *d)
{
	if (d->tmp >= 0)
		close(d->tmp);
	if (d->fd >= 0)
		close(d->fd);
	d->fd = d->tmp = -1;
}

/* ---- opening */

static void remove_stale(int tmp)
{
	int fd = openat(tmp, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	struct stat st;

	while (d && (entry = readdir(d)))
		if (strncmp(entry->d_name, "evt_", 4) == 0 && fstatat(tmp, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    st.st_mtim.tv_sec < time(NULL) - STALE_S)
			unlinkat(tmp, entry->d_name, 0);
	if (d)
		closedir(d);
	else if (fd >= 0)
		close(fd);
}

/* Makes the directory with its mode, whatever the umask. False with errno set. */
static bool make_missing(int parent, const char *name)
{
	if (mkdirat(parent, name, DIR_MODE) == 0)
		return fchmodat(parent, name, DIR_MODE, 0) == 0;
	return errno == EEXIST;
}

/* The parent is flushed each time: an earlier process may have made the directory, and ended before it did that. */
static bool make_dir_path(const char *path)
{
	const char *name;
	int parent = disk_path_parent(path, &name), error;
	bool ok = parent >= 0 && make_missing(parent, name) && fsync(parent) == 0;

	error = errno;
	if (parent >= 0)
		close(parent);
	errno = error;
	return ok;
}

/* Opens the directory that the path names now. False with errno set. */
static bool open_current(struct dir_write *d)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int error;

	if (d->fd >= 0 && disk_path_is_current(d->fd, d->options.path))
		return true;
	dir_write_close(d);
	if (make_dir_path(d->options.path) && (d->fd = open(d->options.path, flags)) >= 0 &&
	    (mkdirat(d->fd, "tmp", 0700) == 0 || errno == EEXIST) && (d->tmp = openat(d->fd, "tmp", flags | O_NOFOLLOW)) >= 0) {
		remove_stale(d->tmp);
		return true;
	}
	error = errno;
	dir_write_close(d);
	errno = error;
	return false;
}

/* ---- files */

/* True for errors that say something of this file alone. */
static bool is_own_error(int error)
{
	return error == EISDIR || error == ENOTEMPTY || error == EEXIST || error == EFBIG || error == ENAMETOOLONG;
}

static void fail_item(const struct dir_write *d, struct disk_item *i, const char *what)
{
	char error[DISK_ERROR];
	int number = errno;

	unlinkat(d->tmp, i->id, 0);
	snprintf(error, sizeof error, "can't %s %s/%s: %s", what, d->options.path, i->id, strerror(number));
	disk_retry(i, false, !is_own_error(number), error);
}

/*
 * Makes a file in tmp and writes it. The disk begins to write, so that the flush of the first file has most of the others. A
 * half file of an earlier attempt is removed, and never written to. The descriptor; -1: the item has its result.
 */
static int begin_item(const struct dir_write *d, struct disk_item *i)
{
	int fd;

	if (strchr(i->id, '/')) { /* the spool's name is in it, and the spool is another user's */
		disk_retry(i, false, false, "the event's id is no name of a file");
		i->result.verdict = SINK_REFUSED;
		return -1;
	}
	unlinkat(d->tmp, i->id, 0);
	fd = openat(d->tmp, i->id, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0 && fchmod(fd, d->options.mode) == 0 && io_write_all(fd, i->data.data, i->data.len)) {
#ifdef HAVE_SYNC_FILE_RANGE
		sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* a hint */
#endif
		return fd;
	}
	fail_item(d, i, "write");
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool flush_item(const struct dir_write *d, struct disk_item *i, int fd)
{
	bool ok = fsync(fd) == 0;

	if (!ok)
		fail_item(d, i, "write");
	close(fd);
	return ok;
}

static void rename_item(const struct dir_write *d, struct disk_item *i)
{
	if (renameat(d->tmp, i->id, d->fd, i->id) != 0)
		fail_item(d, i, "rename to");
	else
		disk_deliver(i, "%s", i->id);
}

/* Each step for all: a file system that flushes its journal with the first file has little left for the others. */
static void write_files_of(const struct dir_write *d, struct disk_item *items)
{
	int fd[DIR_WRITE_MOST];
	size_t n = 0;

	for (struct disk_item *i = items; i; i = i->next)
		fd[n++] = begin_item(d, i);
	n = 0;
	for (struct disk_item *i = items; i; i = i->next, n++)
		if (fd[n] >= 0 && !flush_item(d, i, fd[n]))
			fd[n] = -1;
	n = 0;
	for (struct disk_item *i = items; i; i = i->next, n++)
		if (fd[n] >= 0)
			rename_item(d, i);
}

static void fail_items(struct dir_write *d, struct disk_item *items, bool in_doubt, const char *what)
{
	char error[DISK_ERROR];

	snprintf(error, sizeof error, "can't %s %s: %s", what, d->options.path, strerror(errno));
	for (struct disk_item *i = items; i; i = i->next)
		if (!in_doubt || i->result.verdict == SINK_DELIVERED)
			disk_retry(i, in_doubt, true, error);
	dir_write_close(d);
}

void dir_write_items(struct dir_write *d, struct disk_item *items)
{
	if (!open_current(d) || !disk_path_lock(d->fd)) {
		fail_items(d, items, false, "open");
		return;
	}
	write_files_of(d, items);
	if (fsync(d->fd) != 0)
		fail_items(d, items, true, "flush");
	else
		flock(d->fd, LOCK_UN);
}
