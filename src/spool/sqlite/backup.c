/* SPDX-License-Identifier: ISC */
/* Makes backups: a consistent copy of a database in use. */
#include "spool/sqlite/backup.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "spool/sqlite/fd.h"
#include "spool/sqlite/sql.h"

enum {
	STEP = 256, /* pages */
	AGAIN_NS = 20 * 1000 * 1000,
	UNLOCKED_MS = 30 * 1000,
	VERSIONS = 18, /* offset of the file format's versions (fileformat2.html, section 1.3): both bytes are 1 without a write-ahead log */
	APPLICATION = 68, /* offset of the application id, same section */
};

static const char magic[16] = "SQLite format 3", application[4] = {'h', 's', 'k', 'b'}, no_application[4];

/* Copies all pages. Commits can make it begin anew; with `patience`, in ms, it then gives up with SQLITE_BUSY. */
static int copy_pages(sqlite3_backup *b, int64_t patience, void (*progress)(uint64_t, uint64_t))
{
	const struct timespec pause = {.tv_nsec = AGAIN_NS};
	int64_t end = clock_mono_us() + patience * 1000;
	int rc;

	do {
		rc = sqlite3_backup_step(b, STEP);
		progress((uint64_t)(sqlite3_backup_pagecount(b) - sqlite3_backup_remaining(b)), (uint64_t)sqlite3_backup_pagecount(b));
		if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
			nanosleep(&pause, NULL);
	} while ((rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) && (!patience || clock_mono_us() < end));
	return rc == SQLITE_OK ? SQLITE_BUSY : rc;
}

/* A read transaction sees one moment of the database, whatever is committed during it. */
static int copy_snapshot(struct spool_db *db, sqlite3_backup *b, void (*progress)(uint64_t, uint64_t))
{
	int rc = sqlite3_exec(db->sql, "BEGIN; SELECT name FROM spool", NULL, NULL, NULL);

	if (rc == SQLITE_OK)
		rc = copy_pages(b, 0, progress);
	sqlite3_exec(db->sql, "COMMIT", NULL, NULL, NULL);
	return rc;
}

static int copy_without_log(struct spool_db *db, sqlite3_backup *b, void (*progress)(uint64_t, uint64_t))
{
	int rc = copy_pages(b, UNLOCKED_MS, progress);

	if (rc != SQLITE_BUSY || !spool_db_begin(db, true))
		return rc;
	if (spool_db_commit(db)) /* the lock stays */
		rc = copy_pages(b, 0, progress);
	spool_db_end(db);
	return rc;
}

bool spool_backup_unlog(int fd)
{
	return pwrite(fd, "\1\1", 2, VERSIONS) == 2;
}

bool spool_backup_unmark(int fd)
{
	return pwrite(fd, no_application, sizeof no_application, APPLICATION) == sizeof no_application && fsync(fd) == 0;
}

bool spool_backup(struct spool_db *db, int fd, void (*progress)(uint64_t done, uint64_t total))
{
	sqlite3 *to = NULL;
	sqlite3_backup *b = NULL;
	int rc = spool_fd_open(fd, &to);

	if (rc == SQLITE_OK)
		b = sqlite3_backup_init(to, "main", db->sql, "main");
	if (!b)
		spool_db_fail_code(db, rc, "backup: %s", to ? sqlite3_errmsg(to) : "memory is short");
	else
		rc = db->wal ? copy_snapshot(db, b, progress) : copy_without_log(db, b, progress);
	if (b && rc != SQLITE_DONE)
		spool_db_fail_code(db, rc, "backup: %s", sqlite3_errstr(rc));
	sqlite3_backup_finish(b);
	sqlite3_close_v2(to);
	if (!b || rc != SQLITE_DONE)
		return false;
	if (spool_backup_unlog(fd) && pwrite(fd, application, sizeof application, APPLICATION) == sizeof application && fsync(fd) == 0)
		return true;
	return spool_db_fail_code(db, SQLITE_IOERR, "backup: %s", strerror(errno));
}

bool spool_backup_is_database(int fd)
{
	char begin[sizeof magic];

	return pread(fd, begin, sizeof begin, 0) == sizeof begin && memcmp(begin, magic, sizeof magic) == 0;
}

bool spool_backup_is_one(int fd)
{
	char id[sizeof application];

	return spool_backup_is_database(fd) && pread(fd, id, sizeof id, APPLICATION) == sizeof id && memcmp(id, application, sizeof id) == 0;
}
