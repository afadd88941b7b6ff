/* SPDX-License-Identifier: ISC */
/* Backups of a spool: a consistent copy of a database in use, and what a copy needs before it is a spool again. */
#include "spool/backup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "spool/sqlite/fd.h"
#include "spool/sqlite/schema.h"
#include "spool/sqlite/sql.h"
#include "spool/sqlite/trust.h"

enum {
	STEP = 256, /* pages */
	AGAIN_NS = 20 * 1000 * 1000,
	UNLOCKED_MS = 30 * 1000,
	VERSIONS = 18, /* of the file's format, section 1.3 of fileformat2.html: both bytes are 1 without a write-ahead log */
	APPLICATION = 68, /* of the id that tells what an SQLite file is, same section */
	ID_GAP = 10 * 1000 * 1000,
};

static const char magic[16] = "SQLite format 3", application[4] = {'h', 's', 'k', 'b'}, no_application[4];

static bool fail_copy(sqlite3 *sql, char *why, size_t n, const char *what)
{
	snprintf(why, n, "%s: %s", what, sql ? sqlite3_errmsg(sql) : "memory is short");
	return false;
}

/* ---- backup */

/* Steps until all is copied. With `patience` in ms, it gives up then, as commits make it begin anew: SQLITE_BUSY. */
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

bool spool_backup(struct spool_db *db, int fd, void (*progress)(uint64_t done, uint64_t total))
{
	sqlite3 *to = NULL;
	sqlite3_backup *b = NULL;
	int rc = spool_fd_open(fd, &to);

	if (rc == SQLITE_OK)
		b = sqlite3_backup_init(to, "main", db->sql, "main");
	if (!b)
		spool_db_fail(db, rc, "backup: %s", to ? sqlite3_errmsg(to) : "memory is short");
	else
		rc = db->wal ? copy_snapshot(db, b, progress) : copy_without_log(db, b, progress);
	if (b && rc != SQLITE_DONE)
		spool_db_fail(db, rc, "backup: %s", sqlite3_errstr(rc));
	sqlite3_backup_finish(b);
	sqlite3_close_v2(to);
	if (!b || rc != SQLITE_DONE)
		return false;
	if (pwrite(fd, "\1\1", 2, VERSIONS) == 2 && pwrite(fd, application, sizeof application, APPLICATION) == sizeof application &&
	    fsync(fd) == 0)
		return true;
	return spool_db_fail(db, SQLITE_IOERR, "backup: %s", strerror(errno));
}

bool spool_backup_is_one(int fd)
{
	char begin[APPLICATION + sizeof application];

	return pread(fd, begin, sizeof begin, 0) == sizeof begin && memcmp(begin, magic, sizeof magic) == 0 &&
		memcmp(begin + APPLICATION, application, sizeof application) == 0;
}

/* ---- restore */

static bool number_in_copy(sqlite3 *sql, const char *query, int64_t *value)
{
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(sql, query, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW;

	if (ok)
		*value = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return ok;
}

static bool check_copied_pages(sqlite3 *sql, char *why, size_t n)
{
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(sql, "PRAGMA integrity_check(1)", -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW;
	const char *verdict = ok ? (const char *)sqlite3_column_text(st, 0) : sqlite3_errmsg(sql);

	ok = ok && verdict && strcmp(verdict, "ok") == 0;
	if (!ok)
		snprintf(why, n, "it is damaged: %s", verdict ? verdict : "memory is short");
	sqlite3_finalize(st);
	return ok;
}

static bool check_copied_schema(sqlite3 *sql, char *why, size_t n)
{
	int64_t version = 0, tables = 0, others = 0;

	if (!number_in_copy(sql, "PRAGMA user_version", &version) ||
	    !number_in_copy(sql, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('event', 'deleted', 'reject', 'counter')", &tables) ||
	    !number_in_copy(sql, "SELECT count(*) FROM sqlite_schema WHERE type = 'view' OR (type = 'trigger' AND name <> 'event_deleted')", &others))
		return fail_copy(sql, why, n, "it can't be read");
	if (version < 1 || tables != 4)
		snprintf(why, n, "it is no spool of hookspool");
	else if (version > SPOOL_SCHEMA_VERSION)
		snprintf(why, n, "a newer hookspool made it; upgrade this one");
	else if (others)
		snprintf(why, n, "it has triggers or views that hookspool does not make");
	else
		return true;
	return false;
}

bool spool_backup_check(int fd, char *why, size_t n)
{
	char begin[sizeof magic];
	sqlite3 *sql = NULL;
	bool ok;

	if (pread(fd, begin, sizeof begin, 0) != sizeof begin || memcmp(begin, magic, sizeof magic) != 0) {
		snprintf(why, n, "it is no SQLite database");
		return false;
	}
	if (pwrite(fd, "\1\1", 2, VERSIONS) != 2) {
		snprintf(why, n, "%s", strerror(errno));
		return false;
	}
	ok = (spool_fd_open(fd, &sql) == SQLITE_OK && spool_trust_nothing(sql)) || fail_copy(sql, why, n, "it is damaged or can't be opened");
	ok = ok && check_copied_schema(sql, why, n) && check_copied_pages(sql, why, n);
	sqlite3_close_v2(sql);
	return ok;
}

static bool run_in_copy(sqlite3 *sql, const char *text, int64_t number, char *why, size_t n)
{
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(sql, text, -1, &st, NULL) == SQLITE_OK;

	if (ok) {
		sqlite3_bind_int64(st, 1, number);
		ok = sqlite3_step(st) == SQLITE_DONE;
	}
	sqlite3_finalize(st);
	return ok || fail_copy(sql, why, n, "restore");
}

static bool settle_pending(sqlite3 *sql, enum spool_pending pending, int64_t now, char *why, size_t n)
{
	switch (pending) {
	case SPOOL_PENDING_HOLD:
		return run_in_copy(sql, "INSERT INTO attempt(relay, at, ms, status, error)"
				" SELECT id, ?1, 0, 0, 'held by restore; retry sends it' FROM relay WHERE state = 0", now, why, n) &&
			run_in_copy(sql, "UPDATE relay SET state = 2 WHERE state = 0", 0, why, n);
	case SPOOL_PENDING_DROP:
		return run_in_copy(sql, "DELETE FROM attempt WHERE relay IN (SELECT id FROM relay WHERE state = 0)", 0, why, n) &&
			run_in_copy(sql, "DELETE FROM relay WHERE state = 0", 0, why, n);
	case SPOOL_PENDING_SEND:
		break;
	}
	return true;
}

static bool prepare_copy(sqlite3 *sql, enum spool_pending pending, int64_t now, struct spool_restored *r, char *why, size_t n)
{
	int64_t version = 0;

	if (!number_in_copy(sql, "PRAGMA user_version", &version) || !number_in_copy(sql, "SELECT count(*) FROM event", &r->events) ||
	    !number_in_copy(sql, "SELECT ifnull(max(received_at), 0) FROM event", &r->newest))
		return fail_copy(sql, why, n, "restore");
	if (version >= 3 && (!number_in_copy(sql, "SELECT count(*) FROM relay WHERE state = 0", &r->pending) ||
			!settle_pending(sql, pending, now, why, n)))
		return false;
	return run_in_copy(sql, "UPDATE deleted SET last_id = max(last_id, (SELECT ifnull(max(id), 0) FROM event)) + ?1", ID_GAP, why, n) &&
		(number_in_copy(sql, "SELECT last_id + 1 FROM deleted", &r->next_id) || fail_copy(sql, why, n, "restore"));
}

bool spool_backup_prepare(int fd, enum spool_pending pending, int64_t now, struct spool_restored *r, char *why, size_t n)
{
	sqlite3 *sql = NULL;
	bool ok = spool_fd_open(fd, &sql) == SQLITE_OK || fail_copy(sql, why, n, "restore");

	*r = (struct spool_restored){0};
	ok = ok && spool_trust_nothing(sql) && prepare_copy(sql, pending, now, r, why, n);
	ok = sqlite3_close(sql) == SQLITE_OK && ok;
	if (ok && (pwrite(fd, no_application, sizeof no_application, APPLICATION) != sizeof no_application || fsync(fd) != 0)) {
		snprintf(why, n, "restore: %s", strerror(errno));
		ok = false;
	}
	return ok;
}
