/* SPDX-License-Identifier: ISC */
/* An SQLite VFS whose file names are numbers of file descriptors. SQLite's own VFS opens files by name only. */
#include "spool/sqlite/fd.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fd_file {
	sqlite3_file base;
	int fd;
};

static int fd_of(sqlite3_file *f)
{
	return ((struct fd_file *)f)->fd;
}

static int on_close(sqlite3_file *f)
{
	(void)f;
	return SQLITE_OK;
}

static int on_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
	ssize_t got;
	int done = 0;

	while (done < n) {
		got = pread(fd_of(f), (char *)to + done, (size_t)(n - done), at + done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return SQLITE_IOERR_READ;
		if (got == 0)
			break;
		done += (int)got;
	}
	memset((char *)to + done, 0, (size_t)(n - done));
	return done == n ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int on_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
	ssize_t put;

	for (int done = 0; done < n;) {
		put = pwrite(fd_of(f), (const char *)from + done, (size_t)(n - done), at + done);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return errno == ENOSPC ? SQLITE_FULL : SQLITE_IOERR_WRITE;
		done += (int)put;
	}
	return SQLITE_OK;
}

static int on_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return ftruncate(fd_of(f), size) == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int on_sync(sqlite3_file *f, int flags)
{
	(void)flags;
	return fsync(fd_of(f)) == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int on_size(sqlite3_file *f, sqlite3_int64 *size)
{
	struct stat st;

	if (fstat(fd_of(f), &st) != 0)
		return SQLITE_IOERR_FSTAT;
	*size = st.st_size;
	return SQLITE_OK;
}

static int on_lock(sqlite3_file *f, int level)
{
	(void)f;
	(void)level;
	return SQLITE_OK;
}

static int on_check_lock(sqlite3_file *f, int *reserved)
{
	(void)f;
	*reserved = 0;
	return SQLITE_OK;
}

static int on_control(sqlite3_file *f, int what, void *arg)
{
	(void)f;
	(void)what;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int no_feature(sqlite3_file *f)
{
	(void)f;
	return 0;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1, /* no shared memory: no write-ahead log */
	.xClose = on_close,
	.xRead = on_read,
	.xWrite = on_write,
	.xTruncate = on_truncate,
	.xSync = on_sync,
	.xFileSize = on_size,
	.xLock = on_lock,
	.xUnlock = on_lock,
	.xCheckReservedLock = on_check_lock,
	.xFileControl = on_control,
	.xSectorSize = no_feature,
	.xDeviceCharacteristics = no_feature,
};

/* Opens the database file only: there is no journal, and temporary data is in memory. */
static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	(void)vfs;
	f->pMethods = NULL;
	if (!(flags & SQLITE_OPEN_MAIN_DB))
		return SQLITE_CANTOPEN;
	*(struct fd_file *)f = (struct fd_file){{&methods}, atoi(name)};
	if (out)
		*out = flags;
	return SQLITE_OK;
}

static int on_access(sqlite3_vfs *vfs, const char *name, int flags, int *there)
{
	(void)vfs;
	(void)name;
	(void)flags;
	*there = 0;
	return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	(void)name;
	(void)sync;
	return SQLITE_OK;
}

static int on_full_path(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
	(void)vfs;
	snprintf(out, (size_t)n, "%s", name);
	return SQLITE_OK;
}

static sqlite3_vfs fd_vfs;

/* Time and random numbers are those of the usual VFS. */
static void make_vfs(void)
{
	const sqlite3_vfs *usual = sqlite3_vfs_find(NULL);

	if (!usual)
		return;
	fd_vfs = *usual;
	fd_vfs.iVersion = 2;
	fd_vfs.szOsFile = sizeof(struct fd_file);
	fd_vfs.pNext = NULL;
	fd_vfs.zName = "hookspool-fd";
	fd_vfs.xOpen = on_open;
	fd_vfs.xAccess = on_access;
	fd_vfs.xDelete = on_delete;
	fd_vfs.xFullPathname = on_full_path;
	sqlite3_vfs_register(&fd_vfs, 0);
}

int spool_fd_open(int fd, sqlite3 **sql)
{
	static pthread_once_t made = PTHREAD_ONCE_INIT;
	char name[16];
	int rc;

	sqlite3_initialize();
	pthread_once(&made, make_vfs);
	snprintf(name, sizeof name, "%d", fd);
	rc = sqlite3_open_v2(name, sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, "hookspool-fd");
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(*sql, "PRAGMA journal_mode=OFF; PRAGMA temp_store=MEMORY", NULL, NULL, NULL);
	return rc;
}
