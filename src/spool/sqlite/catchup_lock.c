/* SPDX-License-Identifier: ISC */
/* One catch-up at a time: flock(2) on the file "catch-up.lock" in the spool's directory. */
#include "spool/catchup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "spool/fs.h"
#include "spool/sqlite/db.h"

static int open_catchup_lock(const char *place)
{
	int dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd, error = 0;

	if (dir < 0)
		return -1;
	fd = openat(dir, SPOOL_FS_CATCHUP_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || !spool_fs_give(dir, fd))
		error = errno;
	if (error && fd >= 0) {
		close(fd);
		fd = -1;
	}
	close(dir);
	errno = error;
	return fd;
}

enum spool_catchup_lock spool_catchup_lock(struct spool_db *db, const char *place, int *fd)
{
	*fd = open_catchup_lock(place);
	if (*fd < 0) {
		spool_db_fail_code(db, SQLITE_ERROR, "%s/" SPOOL_FS_CATCHUP_LOCK ": %s", place, strerror(errno));
		return SPOOL_CATCHUP_LOCK_FAILED;
	}
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return SPOOL_CATCHUP_LOCK_TAKEN;
	close(*fd);
	*fd = -1;
	spool_db_fail_code(db, SQLITE_BUSY, "another catch-up is running on %s", place);
	return SPOOL_CATCHUP_LOCK_HELD;
}

void spool_catchup_unlock(int fd)
{
	if (fd >= 0)
		close(fd);
}
