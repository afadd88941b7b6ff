/* SPDX-License-Identifier: ISC */
/* SQLite's part of a connection to the spool: opening and closing, transactions, checkpoints, the reason of a failure. */
#define _XOPEN_SOURCE 700 /* realpath */
#include "spool/receiver.h"
#include "spool/relaying.h"
#include "spool/sqlite/db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spool/fs.h"
#include "spool/overflow.h"
#include "spool/sqlite/dir.h"
#include "spool/sqlite/disk_reserve.h"
#include "spool/sqlite/fsync.h"
#include "spool/sqlite/lock.h"
#include "spool/sqlite/inspect.h"
#include "spool/sqlite/repair.h"
#include "spool/sqlite/schema.h"
#include "spool/sqlite/segment.h"
#include "spool/sqlite/stmt.h"
#include "spool/sqlite/store.h"
#include "spool/sqlite/trust.h"
#include "spool/sqlite/wal.h"
#include "spool/sqlite/wipe.h"
#include "spool/stmt.h"

static enum spool_error kind_of(int rc)
{
	switch (rc & 0xFF) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return SPOOL_ERROR_BUSY;
	case SQLITE_FULL:
		return SPOOL_ERROR_FULL;
	case SQLITE_READONLY:
		return SPOOL_ERROR_READONLY;
	case SQLITE_IOERR:
		return SPOOL_ERROR_DISK;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return SPOOL_ERROR_DAMAGED;
	default:
		return SPOOL_ERROR_OTHER;
	}
}

bool spool_db_fail_code(struct spool_db *db, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(db->error, sizeof db->error, fmt, ap);
	va_end(ap);
	db->kind = kind_of(rc);
	return false;
}

bool spool_db_fail_sql(struct spool_db *db, const char *what)
{
	return spool_db_fail_code(db, db->sql ? sqlite3_errcode(db->sql) : SQLITE_ERROR, "%s: %s", what,
		db->sql ? sqlite3_errmsg(db->sql) : "out of memory");
}

bool spool_db_exec(struct spool_db *db, const char *sql)
{
	return sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK;
}

int spool_db_pragma(struct spool_db *db, const char *sql)
{
	sqlite3_stmt *st;
	int v = -1;

	if (sqlite3_prepare_v2(db->sql, sql, -1, &st, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return v;
}

bool spool_db_find_wal(struct spool_db *db)
{
	sqlite3_stmt *st;
	bool found;

	if (sqlite3_prepare_v2(db->sql, "PRAGMA journal_mode", -1, &st, NULL) != SQLITE_OK)
		return false;
	found = sqlite3_step(st) == SQLITE_ROW;
	db->wal = found && strcmp((const char *)sqlite3_column_text(st, 0), "wal") == 0;
	sqlite3_finalize(st);
	return found;
}

static int on_wal(void *ctx, sqlite3 *sql, const char *name, int pages)
{
	struct spool_db *db = ctx;

	(void)sql;
	(void)name;
	db->wal_pages = pages;
	return SQLITE_OK;
}

static bool fail_repair(struct spool_db *db, const char *what)
{
	return spool_db_fail_code(db, SQLITE_ERROR,
		"%s: an fsync failed or a process was killed, and what may be missing on the disk could not be written again", what);
}

/*
 * The receiver chooses whether there is a WAL, the others take what they find. A rollback journal is truncated and not deleted:
 * SQLite does not notice when the name of a new one could not be synced.
 */
static bool configure(struct spool_db *db, enum journal journal, enum spool_access access)
{
	bool receive = access == SPOOL_RECEIVE;

	sqlite3_busy_timeout(db->sql, SPOOL_DB_BUSY_MS);
	sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_wal_hook(db->sql, on_wal, db); /* replaces the automatic checkpoint, which runs without the lock */
	if (receive && !spool_repair(db)) /* before a change of the journal mode copies pages */
		return fail_repair(db, "journal mode");
	db->wal = journal == JOURNAL_WAL;
	if ((!receive && !spool_db_find_wal(db)) ||
	    ((receive || !db->wal) && !spool_db_exec(db, db->wal ? "PRAGMA journal_mode=WAL" : "PRAGMA journal_mode=TRUNCATE")))
		return spool_db_fail_sql(db, "journal mode");
	/* secure_delete: purge means gone, also from the file's free pages */
	if (!spool_fsync_begin(db) || !spool_db_exec(db, "PRAGMA secure_delete=ON"))
		return spool_db_fail_sql(db, "settings");
	return true;
}

/* False when that is not sure: the log of a database that is missing is removed. */
static bool is_missing(const struct spool_db *db)
{
	struct stat st;

	return fstatat(db->dir_fd, "hookspool.db", &st, 0) == 0 ? st.st_size == 0 : errno == ENOENT;
}

/* Opens the database. Under the lock: two processes may be starting on an empty directory. */
static bool open_database(struct spool_db *db, const char *path, enum journal journal, enum spool_access access)
{
	bool receive = access == SPOOL_RECEIVE, new_log;

	if (receive && (!spool_repair_set_flag(db) || (is_missing(db) && !spool_schema_make(db, path))))
		return false;
	new_log = journal == JOURNAL_DELETE || faccessat(db->dir_fd, "hookspool.db-wal", F_OK, 0) != 0;
	if (sqlite3_open_v2(path, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK)
		return spool_db_fail_sql(db, path);
	if (!spool_trust_nothing(db->sql) || spool_segment_register(db) != SQLITE_OK)
		return spool_db_fail_sql(db, "settings");
	if (!configure(db, journal, access) || (receive && !spool_fsync_names(db, path, journal, new_log)) ||
	    !spool_schema_migrate(db, access) || (!receive && !spool_schema_check(db)))
		return false;
	if (!spool_db_exec(db, "PRAGMA temp_store=MEMORY")) /* not earlier: a migration's indexes of a large spool need a file */
		return spool_db_fail_sql(db, "settings");
	if (access == SPOOL_READ && !spool_db_exec(db, "PRAGMA query_only=ON"))
		return spool_db_fail_sql(db, "settings");
	if (receive)
		spool_disk_reserve_make(db->dir_fd);
	return true;
}

bool spool_sqlite_exists(const char *dir)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/hookspool.db", dir);
	return access(path, F_OK) == 0;
}

/*
 * Makes the database the overflow, or makes an overflow a spool with the events that wait in it. A configuration may name an overflow as
 * its spool, and `hookspool move` may move a server's spool into one.
 */
static bool mark_as(struct spool_db *db, const char *dir, bool overflow)
{
	char set[64];

	if ((spool_db_pragma(db, "PRAGMA application_id") == SPOOL_OVERFLOW_MARK) == overflow)
		return true;
	snprintf(set, sizeof set, "PRAGMA application_id=%d", overflow ? SPOOL_OVERFLOW_MARK : 0);
	return (!overflow || spool_overflow_is_one(db, dir)) && (spool_db_exec(db, set) || spool_db_fail_sql(db, "overflow"));
}

static bool open_under_lock(struct spool_db *db, const char *dir, const char *path, enum journal journal, enum spool_access access)
{
	bool overflow = access == SPOOL_OVERFLOW, receive = overflow || access == SPOOL_RECEIVE, ok;

	if (!spool_lock_take(db, true))
		return false;
	ok = open_database(db, path, journal, receive ? SPOOL_RECEIVE : access) && (!receive || mark_as(db, dir, overflow));
	if (!ok)
		spool_repair_note_error(db);
	spool_lock_release(db);
	/* unsynced: what a power cut takes back is sent once more, with the same id */
	return ok && (access != SPOOL_RELAY || spool_fsync_commits(db, false) || spool_db_fail_sql(db, "settings"));
}

static bool open_directory(struct spool_db *db, const char *dir, enum journal journal, enum spool_access access)
{
	char path[PATH_MAX], real[PATH_MAX];
	const char *fs;
	bool ok = false;

	db->lock_fd = -1;
	db->dir_fd = spool_dir_open(db, dir, access == SPOOL_OVERFLOW ? SPOOL_RECEIVE : access);
	if (db->dir_fd < 0)
		return false;
	if (!realpath(dir, real)) /* the administrator may have made it a link; SQLite is told to follow none */
		spool_db_fail_code(db, SQLITE_ERROR, "%s: %s", dir, strerror(errno));
	else if (snprintf(path, sizeof path, "%s/hookspool.db", real) >= (int)sizeof path)
		spool_db_fail_code(db, SQLITE_ERROR, "%s: the path is too long", dir);
	else if (journal == JOURNAL_WAL && spool_fs_kind(dir, &fs) == SPOOL_FS_NETWORK)
		spool_db_fail_code(db, SQLITE_ERROR, "%s: a network file system can't share the WAL; use a local disk, or journal = \"delete\"", fs);
	else if ((db->lock_fd = spool_lock_open(db->dir_fd)) < 0)
		spool_db_fail_code(db, SQLITE_ERROR, "%s: %s", dir, strerror(errno));
	else
		ok = open_under_lock(db, dir, path, journal, access);
	if (!ok)
		spool_db_close(db);
	return ok;
}

static void close_directory(struct spool_db *db)
{
	sqlite3_close_v2(db->sql);
	spool_segment_close(db);
	if (db->lock_fd >= 0)
		close(db->lock_fd);
	if (db->dir_fd >= 0)
		close(db->dir_fd);
	db->sql = NULL;
	db->lock_fd = db->dir_fd = -1;
	db->wal = db->dirty = db->fsync_failed = false;
	db->wal_pages = 0;
}

static void hold_snapshot(struct spool_db *db, bool on)
{
	spool_db_exec(db, on ? "BEGIN" : "COMMIT");
}

/* https://sqlite.org/pragma.html#pragma_data_version */
static int64_t data_version(struct spool_db *db)
{
	int64_t version = 0;
	struct spool_stmt *st;

	if (!spool_stmt_keep(db, "PRAGMA data_version", &st))
		return 0;
	if (spool_stmt_step(st) == SPOOL_ROW)
		version = spool_stmt_int64(st, 0);
	spool_stmt_reset(st);
	return version;
}

/* A transaction takes its ids under the lock. */
static bool is_settled(struct spool_db *db, int64_t *id)
{
	(void)db;
	*id = INT64_MAX;
	return true;
}

static bool has_moved(struct spool_db *db)
{
	int moved = 0;

	return sqlite3_file_control(db->sql, NULL, SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

static bool begin_repaired(struct spool_db *db)
{
	if (!spool_repair(db))
		return fail_repair(db, "begin");
	if (!spool_repair_set_flag(db))
		return false;
	if (!spool_wal_before(db))
		return fail_repair(db, "checkpoint");
	if (spool_db_exec(db, "BEGIN IMMEDIATE"))
		return true;
	spool_repair_note_error(db);
	return spool_db_fail_sql(db, "begin");
}

static bool begin_locked(struct spool_db *db, bool urgent)
{
	db->kind = SPOOL_ERROR_OTHER;
	if (!spool_lock_take(db, urgent))
		return false;
	if (begin_repaired(db))
		return true;
	spool_lock_release(db);
	return false;
}

static bool commit_locked(struct spool_db *db)
{
	if (spool_db_exec(db, "COMMIT"))
		return true;
	spool_repair_note_error(db);
	return spool_db_fail_sql(db, "commit");
}

static void end_locked(struct spool_db *db)
{
	spool_repair_note_error(db); /* SQLite may have rolled back by itself */
	if (!sqlite3_get_autocommit(db->sql) && !spool_db_exec(db, "ROLLBACK"))
		spool_repair_note_error(db);
	if (spool_repair(db))
		spool_wal_after(db);
	spool_lock_release(db);
}

/* Triggers count what commands change; the relay counts by itself: ended.h. */
static bool disable_triggers(struct spool_db *db)
{
	db->counts_ended = sqlite3_db_config(db->sql, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL) == SQLITE_OK;
	return db->counts_ended || spool_db_fail_sql(db, "spool");
}

const struct spool_engine spool_sqlite_engine = {
	.receiver = &spool_sqlite_receiver,
	.rows = 1,
	.relaying = &spool_sqlite_relaying,
	.exists = spool_sqlite_exists, .open = open_directory, .close = close_directory,
	.begin = begin_locked, .commit = commit_locked, .end = end_locked, .durable = spool_fsync_commits,
	.begin_deletion = spool_wipe_begin, .end_deletion = spool_wipe_end, .vacuum = spool_wipe_vacuum, .wipe = spool_wipe, .rest = spool_wipe_rest, .put = spool_store_one,
	.exec = spool_db_exec, .prepare = spool_sqlite_prepare, .bind_int = spool_sqlite_bind_int, .bind_text = spool_sqlite_bind_text,
	.bind_blob = spool_sqlite_bind_blob, .step = spool_sqlite_step, .column_int = spool_sqlite_int,
	.column_bytes = spool_sqlite_bytes, .column_text = spool_sqlite_text, .column_is_null = spool_sqlite_is_null,
	.column_is_text = spool_sqlite_is_text, .reset = spool_sqlite_reset, .free = spool_sqlite_free,
	.changes = spool_sqlite_changes, .fail = spool_sqlite_fail,
	.snapshot = hold_snapshot, .version = data_version, .settled = is_settled, .moved = has_moved, .bound = spool_sqlite_bound,
	.disk = spool_inspect_disk, .count_ended = disable_triggers, .try_to_write = spool_inspect_try,
	.size = spool_inspect_file, .inspect = spool_inspect_database, .inspect_bodies = spool_inspect_segments,
};
