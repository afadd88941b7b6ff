/* SPDX-License-Identifier: ISC */
/* One relay a spool: flock(2) on the file "relay.lock" in the spool's directory, whose time tells when the relay last was alive. */
#include "spool/relay_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "spool/fs.h"
#include "spool/relaying.h"
#include "spool/sqlite/db.h"

enum { LOOKED_AT_NS = 50 * 1000 * 1000 /* spool_relay_lock_look() has the lock for a moment */ };

static int open_relay_lock(const char *place)
{
	int dir = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd, error;

	if (dir < 0)
		return -1;
	fd = openat(dir, SPOOL_FS_RELAY_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && !spool_fs_give(dir, fd)) {
		error = errno;
		close(fd);
		errno = error;
		fd = -1;
	}
	close(dir);
	return fd;
}

enum spool_relay_lock spool_relay_lock(struct spool_db *db, const char *place)
{
	db->relay_lock_fd = open_relay_lock(place);
	if (db->relay_lock_fd < 0) {
		spool_db_fail_code(db, SQLITE_ERROR, "%s/" SPOOL_FS_RELAY_LOCK ": %s", place, strerror(errno));
		return SPOOL_RELAY_LOCK_FAILED;
	}
	if (flock(db->relay_lock_fd, LOCK_EX | LOCK_NB) == 0)
		return SPOOL_RELAY_LOCK_TAKEN;
	nanosleep(&(struct timespec){.tv_nsec = LOOKED_AT_NS}, NULL);
	if (flock(db->relay_lock_fd, LOCK_EX | LOCK_NB) == 0)
		return SPOOL_RELAY_LOCK_TAKEN;
	spool_db_fail_code(db, SQLITE_BUSY, "another relay runs on %s", place);
	return SPOOL_RELAY_LOCK_HELD;
}

void spool_relay_lock_beat(struct spool_db *db)
{
	futimens(db->relay_lock_fd, NULL);
	if (db->engine && db->engine->relaying->beat)
		db->engine->relaying->beat(db);
}

enum spool_relay_seen spool_relay_lock_look(const char *place, int64_t *alive)
{
	enum spool_relay_seen seen;
	char path[PATH_MAX];
	struct stat st = {0};
	int fd;

	snprintf(path, sizeof path, "%s/" SPOOL_FS_RELAY_LOCK, place);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? SPOOL_RELAY_NONE : SPOOL_RELAY_UNKNOWN;
	seen = flock(fd, LOCK_SH | LOCK_NB) == 0 ? SPOOL_RELAY_ENDED : SPOOL_RELAY_RUNS;
	fstat(fd, &st);
	*alive = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
	close(fd);
	return seen;
}
