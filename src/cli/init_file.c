/* SPDX-License-Identifier: ISC */
/* hookspool init: files that are made all or none, and never over others. */
#define _XOPEN_SOURCE 700 /* lstat, fchown, O_NOFOLLOW */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/init.h"
#include "core/io.h"

/* False with errno set. */
static bool make_one(struct init_file *f)
{
	int fd = open(f->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	bool ok;
	int error;

	if (fd < 0)
		return false;
	f->made = true;
	ok = io_write_all(fd, f->text.p, f->text.n) && (geteuid() != 0 || fchown(fd, f->uid, f->gid) == 0) && fchmod(fd, f->mode) == 0 &&
		fsync(fd) == 0;
	error = errno;
	ok = close(fd) == 0 && ok;
	errno = error;
	return ok;
}

void init_files_remove(struct init_file *files, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (files[i].made)
			unlink(files[i].path);
		files[i].made = false;
	}
}

bool init_files_make(struct init_file *files, size_t n)
{
	struct stat st;

	for (size_t i = 0; i < n; i++) {
		if (lstat(files[i].path, &st) == 0) {
			cli_error("%s: exists, and init overwrites nothing; nothing was written", files[i].path);
			return false;
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (!make_one(&files[i])) {
			cli_error("%s: %s; nothing was written", files[i].path, strerror(errno));
			init_files_remove(files, n);
			return false;
		}
	}
	return true;
}

bool init_directory_make(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
	int made = mkdir(path, 0700), fd;
	bool ok;

	if (made != 0 && errno == EEXIST)
		return true;
	/* by its descriptor: the owner of the directory above may put a link in its place */
	fd = made == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	ok = fd >= 0 && (geteuid() != 0 || fchown(fd, uid, gid) == 0) && fchmod(fd, mode) == 0;
	if (!ok)
		cli_error("%s: %s; nothing was written", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return ok;
}
