/* SPDX-License-Identifier: ISC */
/* hookspool init: files that are made all or none, and never over others. */
#define _XOPEN_SOURCE 700 /* lstat, fchown */
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
	if (mkdir(path, mode) != 0 && errno == EEXIST)
		return true;
	if (access(path, F_OK) == 0 && (geteuid() != 0 || lchown(path, uid, gid) == 0) && chmod(path, mode) == 0)
		return true;
	cli_error("%s: %s; nothing was written", path, strerror(errno));
	return false;
}
