/* SPDX-License-Identifier: ISC */
/* The spool's directory: made durably, closed to other users, its files looked at before one of them is opened. */
#include "spool/sqlite/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/fs.h"
#include "spool/sqlite/segment.h"
#include "spool/sqlite/trust.h"

/* Closes the directory, which holds personal data, to all but its owner and the group that shares it. False when that fails. */
static bool shut_out(int fd)
{
	struct stat st;
	bool shared;

	if (fstat(fd, &st) != 0)
		return true;
	shared = spool_fs_shared(&st);
	return !(st.st_mode & (shared ? 007 : 077)) || fchmod(fd, shared ? 02770 : 0700) == 0;
}

static bool adopt_segment(int dir_fd, const char *name, void *ctx)
{
	(void)ctx;
	spool_fs_adopt(dir_fd, name);
	return true;
}

int spool_dir_open(struct spool_db *db, const char *dir, enum spool_access access)
{
	int fd;

	if (access == SPOOL_RECEIVE && !spool_fs_make(dir)) {
		spool_db_fail_code(db, SQLITE_ERROR, "%s: %s", dir, strerror(errno));
		return -1;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		spool_db_fail_code(db, SQLITE_ERROR, "%s: %s", dir, strerror(errno));
		return -1;
	}
	if (access == SPOOL_RECEIVE && !shut_out(fd)) {
		spool_db_fail_code(db, SQLITE_ERROR, "%s: others may enter it and its mode can't be changed; chmod 700 it", dir);
	} else if (spool_trust_files(fd, db->error, sizeof db->error)) {
		for (const char *const *name = spool_fs_files; access == SPOOL_RECEIVE && *name; name++)
			spool_fs_adopt(fd, *name);
		if (access == SPOOL_RECEIVE)
			spool_segment_each(fd, adopt_segment, NULL);
		return fd;
	}
	close(fd);
	return -1;
}

bool spool_dir_make_file(int dir_fd, const char *name, bool *made)
{
	bool ok;
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == EEXIST;
	*made = true;
	ok = spool_fs_give(dir_fd, fd);
	close(fd);
	return ok;
}
