/* SPDX-License-Identifier: ISC */
/* Makes a spool of a backup. */
#include "spool/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "spool/fs.h"
#include "spool/search.h"
#include "spool/sqlite/backup.h"
#include "spool/sqlite/fd.h"
#include "spool/sqlite/schema.h"
#include "spool/sqlite/segment.h"
#include "spool/sqlite/trust.h"

#define COPY "hookspool.db.restore"

enum { ID_GAP = 10 * 1000 * 1000 };

static bool fail_copy(struct spool_db *db, sqlite3 *sql, const char *what)
{
	return spool_db_fail_code(db, SQLITE_ERROR, "%s: %s", what, sql ? sqlite3_errmsg(sql) : "memory is short");
}

/* ---- checking the backup */

static bool number_in_copy(sqlite3 *sql, const char *query, int64_t *value)
{
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(sql, query, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW;

	if (ok)
		*value = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return ok;
}

static bool check_copied_pages(struct spool_db *db, sqlite3 *sql)
{
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(sql, "PRAGMA integrity_check(1)", -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW;
	const char *verdict = ok ? (const char *)sqlite3_column_text(st, 0) : sqlite3_errmsg(sql);

	ok = ok && verdict && strcmp(verdict, "ok") == 0;
	if (!ok)
		spool_db_fail_code(db, SQLITE_ERROR, "it is damaged: %s", verdict ? verdict : "memory is short");
	sqlite3_finalize(st);
	return ok;
}

static bool check_copied_schema(struct spool_db *db, sqlite3 *sql)
{
	int64_t version = 0, tables = 0, others = 0;

	if (!number_in_copy(sql, "PRAGMA user_version", &version) ||
	    !number_in_copy(sql, "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN ('event', 'deleted', 'reject', 'counter')", &tables) ||
	    !number_in_copy(sql, "SELECT count(*) FROM sqlite_schema WHERE type = 'view' OR"
			" (type = 'trigger' AND name NOT IN ('event_deleted', 'event_body_deleted', 'relay_changed', 'relay_deleted'))", &others))
		return fail_copy(db, sql, "it can't be read");
	if (version < 1 || tables != 4)
		spool_db_fail_code(db, SQLITE_ERROR, "it is no spool of hookspool");
	else if (version > SPOOL_SCHEMA_VERSION)
		spool_db_fail_code(db, SQLITE_ERROR, "a newer hookspool made it; upgrade this one");
	else if (others)
		spool_db_fail_code(db, SQLITE_ERROR, "it has triggers or views that hookspool does not make");
	else
		return true;
	return false;
}

/* A backup has all bodies in their rows. */
static bool check_copied_bodies(struct spool_db *db, sqlite3 *sql)
{
	int64_t version = 0, apart = 0;

	if (!number_in_copy(sql, "PRAGMA user_version", &version) || (version == SPOOL_SCHEMA_VERSION &&
			!number_in_copy(sql, "SELECT count(*) FROM event WHERE segment IS NOT NULL", &apart)))
		return fail_copy(db, sql, "it can't be read");
	return !apart || spool_db_fail_code(db, SQLITE_ERROR, "it lacks the bodies of %" PRId64 " event%s: they were damaged, or it is a copy of"
		" hookspool.db alone", apart, apart == 1 ? "" : "s");
}

bool spool_restore_check(struct spool_db *db, int fd)
{
	sqlite3 *sql = NULL;
	bool ok;

	if (!spool_backup_is_database(fd))
		return spool_db_fail_code(db, SQLITE_NOTADB, "it is no SQLite database");
	if (!spool_backup_unlog(fd))
		return spool_db_fail_code(db, SQLITE_IOERR, "%s", strerror(errno));
	ok = (spool_fd_open(fd, &sql) == SQLITE_OK && spool_trust_nothing(sql)) || fail_copy(db, sql, "it is damaged or can't be opened");
	ok = ok && check_copied_schema(db, sql) && check_copied_pages(db, sql) && check_copied_bodies(db, sql);
	sqlite3_close_v2(sql);
	return ok;
}

/* ---- preparing its content */

static bool run_in_copy(struct spool_db *db, sqlite3 *sql, const char *text, int64_t number)
{
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(sql, text, -1, &st, NULL) == SQLITE_OK;

	if (ok) {
		sqlite3_bind_int64(st, 1, number);
		ok = sqlite3_step(st) == SQLITE_DONE;
	}
	sqlite3_finalize(st);
	return ok || fail_copy(db, sql, "restore");
}

static bool settle_pending(struct spool_db *db, sqlite3 *sql, enum spool_pending pending, int64_t now)
{
	switch (pending) {
	case SPOOL_PENDING_HOLD:
		return run_in_copy(db, sql, "INSERT INTO attempt(relay, at, ms, status, error)"
				" SELECT id, ?1, 0, 0, 'held by restore; retry sends it' FROM relay WHERE state = 0", now) &&
			run_in_copy(db, sql, "UPDATE relay SET state = 2 WHERE state = 0", 0);
	case SPOOL_PENDING_DROP:
		return run_in_copy(db, sql, "DELETE FROM attempt WHERE relay IN (SELECT id FROM relay WHERE state = 0)", 0) &&
			run_in_copy(db, sql, "DELETE FROM relay WHERE state = 0", 0);
	case SPOOL_PENDING_SEND:
		break;
	}
	return true;
}

/* The programs and the relay's pauses are those of the spool that was copied: a receiver that uses it may run on this machine. */
static bool forget_programs(struct spool_db *db, sqlite3 *sql)
{
	return run_in_copy(db, sql, "DELETE FROM program", 0) && run_in_copy(db, sql, "DELETE FROM pause", 0);
}

static bool prepare_copy(struct spool_db *db, sqlite3 *sql, enum spool_pending pending, int64_t now, struct spool_restored *r)
{
	int64_t version = 0;

	if (!number_in_copy(sql, "PRAGMA user_version", &version) || !number_in_copy(sql, "SELECT count(*) FROM event", &r->events) ||
	    !number_in_copy(sql, "SELECT ifnull(max(received_at), 0) FROM event", &r->newest))
		return fail_copy(db, sql, "restore");
	if (version >= 3 && (!number_in_copy(sql, "SELECT count(*) FROM relay WHERE state = 0", &r->pending) ||
			!settle_pending(db, sql, pending, now)))
		return false;
	if (version >= 5 && !forget_programs(db, sql))
		return false;
	return run_in_copy(db, sql, "UPDATE deleted SET last_id = max(last_id, (SELECT ifnull(max(id), 0) FROM event)) + ?1", ID_GAP) &&
		(number_in_copy(sql, "SELECT last_id + 1 FROM deleted", &r->next_id) || fail_copy(db, sql, "restore"));
}

static bool prepare_file(struct spool_db *db, int fd, enum spool_pending pending, int64_t now, struct spool_restored *r)
{
	sqlite3 *sql = NULL;
	bool ok = spool_fd_open(fd, &sql) == SQLITE_OK || fail_copy(db, sql, "restore");

	*r = (struct spool_restored){0};
	ok = ok && spool_trust_nothing(sql) && prepare_copy(db, sql, pending, now, r);
	ok = sqlite3_close(sql) == SQLITE_OK && ok;
	return ok && (spool_backup_unmark(fd) || spool_db_fail_code(db, SQLITE_IOERR, "restore: %s", strerror(errno)));
}

/* ---- putting the file in place */

static bool has_spool(int dir)
{
	struct stat st;

	return fstatat(dir, "hookspool.db", &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_size > 0 : errno != ENOENT;
}

static bool copy_backup(int from, int to)
{
	char block[65536];
	off_t at = 0;
	ssize_t n, put;

	while ((n = pread(from, block, sizeof block, at)) > 0)
		for (ssize_t done = 0; done < n; done += put, at += put) {
			put = pwrite(to, block + done, (size_t)(n - done), at);
			if (put < 0)
				return false;
		}
	return n == 0;
}

/* Waits for the spool's lock for at most 8 s, as the receiver does. */
static bool wait_for_spool_lock(int fd)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
	int64_t end = clock_mono_us() + 8 * INT64_C(1000000);

	while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK || clock_mono_us() > end)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* SQLite would take files left by an old database for the new one's. */
static bool remove_old_files(int dir)
{
	static const char *const names[] = {"hookspool.db", "hookspool.db-wal", "hookspool.db-shm", "hookspool.db-journal"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (unlinkat(dir, names[i], 0) != 0 && errno != ENOENT)
			return false;
	return spool_search_clear(dir) && spool_segment_remove_all(dir);
}

static enum spool_restore fail_restore(struct spool_db *db, const char *why)
{
	spool_db_fail_code(db, SQLITE_ERROR, "%s", why);
	return SPOOL_RESTORE_FAILED;
}

static enum spool_restore fail_occupied(struct spool_db *db)
{
	spool_db_fail_code(db, SQLITE_ERROR, "there is a spool; stop the receiver, move the directory away, and run this again");
	return SPOOL_RESTORE_OCCUPIED;
}

static enum spool_restore put_in_place(struct spool_db *db, int dir)
{
	int lock = openat(dir, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	enum spool_restore result = SPOOL_RESTORE_DONE;

	if (lock < 0 || !spool_fs_give(dir, lock) || !wait_for_spool_lock(lock))
		result = fail_restore(db, lock < 0 ? strerror(errno) : "another process holds its lock");
	else if (has_spool(dir))
		result = fail_occupied(db);
	else if (!remove_old_files(dir) || renameat(dir, COPY, dir, "hookspool.db") != 0 || fsync(dir) != 0)
		result = fail_restore(db, strerror(errno));
	if (lock >= 0)
		close(lock);
	return result;
}

enum spool_restore spool_restore(struct spool_db *db, const char *path, int from, enum spool_pending pending, int64_t now,
	struct spool_restored *done)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), to = -1;
	enum spool_restore result;

	if (dir >= 0 && has_spool(dir)) {
		close(dir);
		return fail_occupied(db);
	}
	if (dir >= 0 && (unlinkat(dir, COPY, 0) == 0 || errno == ENOENT))
		to = openat(dir, COPY, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0 || !spool_fs_give(dir, to) || !copy_backup(from, to))
		result = fail_restore(db, strerror(errno));
	else if (!spool_restore_check(db, to))
		result = SPOOL_RESTORE_DAMAGED;
	else
		result = prepare_file(db, to, pending, now, done) ? put_in_place(db, dir) : SPOOL_RESTORE_FAILED;
	if (to >= 0 && result != SPOOL_RESTORE_DONE)
		unlinkat(dir, COPY, 0);
	if (to >= 0)
		close(to);
	if (dir >= 0)
		close(dir);
	return result;
}
