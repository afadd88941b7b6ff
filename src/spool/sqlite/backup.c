/* SPDX-License-Identifier: ISC */
/* Makes backups: a consistent copy of a database in use. */
#include "spool/sqlite/backup.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "spool/sqlite/bodies.h"
#include "spool/sqlite/fd.h"
#include "spool/sqlite/sql.h"
#include "spool/sqlite/trust.h"

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

static bool fail_copying(struct spool_db *db, int rc, sqlite3 *to)
{
	return spool_db_fail_code(db, rc, "backup: %s", to ? sqlite3_errmsg(to) : "memory is short");
}

static bool fail_writing(struct spool_db *db)
{
	return spool_db_fail_code(db, SQLITE_IOERR, "backup: %s", strerror(errno));
}

static bool copy_database(struct spool_db *db, int fd, void (*progress)(uint64_t, uint64_t))
{
	sqlite3 *to = NULL;
	int rc = spool_fd_open(fd, &to);
	sqlite3_backup *b = rc == SQLITE_OK ? sqlite3_backup_init(to, "main", db->sql, "main") : NULL;

	if (!b)
		fail_copying(db, rc, to);
	else
		rc = db->wal ? copy_pages(b, 0, progress) : copy_without_log(db, b, progress);
	if (b && rc != SQLITE_DONE)
		spool_db_fail_code(db, rc, "backup: %s", sqlite3_errstr(rc));
	sqlite3_backup_finish(b);
	sqlite3_close_v2(to);
	return b && rc == SQLITE_DONE;
}

/* Opens the copy, which has no log, again. */
static bool fill_copy(struct spool_db *db, int fd)
{
	sqlite3 *to = NULL;
	int rc = spool_fd_open(fd, &to);
	bool ok = (rc == SQLITE_OK && spool_trust_nothing(to)) ? spool_bodies_copy(db, to) : fail_copying(db, rc, to);

	sqlite3_close_v2(to);
	return ok;
}

bool spool_backup(struct spool_db *db, int fd, void (*progress)(uint64_t done, uint64_t total))
{
	bool ok;

	/* with a log, a read transaction sees one moment, whatever is committed during it; and no body of it is wiped: hole.h */
	if (db->wal && !spool_db_exec(db, "BEGIN; SELECT name FROM spool"))
		return spool_db_fail_sql(db, "backup");
	ok = copy_database(db, fd, progress) && (spool_backup_unlog(fd) || fail_writing(db)) && fill_copy(db, fd);
	if (db->wal)
		spool_db_exec(db, "COMMIT");
	return ok && ((pwrite(fd, application, sizeof application, APPLICATION) == sizeof application && fsync(fd) == 0) || fail_writing(db));
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
