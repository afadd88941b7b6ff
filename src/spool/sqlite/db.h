/* SPDX-License-Identifier: ISC */
/* A connection to the spool's database: opening and closing, transactions, checkpoints, the reason of a failure. */
#ifndef SPOOL_SQLITE_DB_H
#define SPOOL_SQLITE_DB_H

#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "spool/db.h"

enum { SPOOL_DB_BUSY_MS = 5000 }; /* a statement waits so long for SQLite's own locks: recovery, checkpoints. Writers queue on ours */

enum { SPOOL_DB_KEPT = 24 /* statements of spool_sql_keep() */ };

struct spool_db {
	sqlite3 *sql;
	struct {
		const char *sql;
		sqlite3_stmt *st;
	} kept[SPOOL_DB_KEPT];
	int dir_fd, lock_fd;
	bool housekeeping; /* set before it is opened: no transaction of this handle is urgent */
	int64_t wait_until; /* clock_mono_us() until which an urgent transaction waits for the lock; 0: for 8 s; the caller sets it */
	int wal_pages; /* in the WAL after the last commit of this connection */
	bool contended; /* the lock was held by another process when it was last asked for */
	bool wal;      /* the journal is a write-ahead log */
	bool dirty;    /* under the lock: the dirty flag as it is in the lock's file */
	bool fsync_failed; /* of this process or an earlier one: the disk may lack what can be read, until spool_repair() */
	bool counts_ended; /* ended.h */
	int relay_lock_fd; /* of spool_relay_lock(): -1: not taken; open until spool_db_free() */
	enum spool_error kind;
	char error[PATH_MAX + 256]; /* stays when it is closed */
};

/* Keeps a reason in the connection, for spool_db_error(); rc: SQLite's code for its kind, SQLITE_ERROR for any other. Returns false. */
bool spool_db_fail(struct spool_db *db, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same with SQLite's message, or "out of memory" where there is no handle; what: what failed. Returns false. */
bool spool_db_fail_sql(struct spool_db *db, const char *what);

/* Runs statements without results. No reason is kept: spool_db_fail_sql() does that. */
bool spool_db_exec(struct spool_db *db, const char *sql);

/* The number that a pragma gives; -1 on failure. */
int spool_db_pragma(struct spool_db *db, const char *sql);

/*
 * Sets db->wal to whether the connection's last transaction had a WAL. False when that can't be read: a wrong guess could switch the
 * WAL off.
 */
bool spool_db_find_wal(struct spool_db *db);

/*
 * Of spool_db_open(): db is zeroed but for housekeeping, or was closed, and is closed after an error. SPOOL_RECEIVE first repairs
 * what a failed fsync left. Then it makes directory (0700), file (0600) and schema where missing, sets the journal mode, and migrates
 * an older schema. The others take the journal as it is and make nothing but the lock's file. They fail where more would be needed.
 */

/* Closes what is open. Closing never checkpoints: that would race another process's commit. */
void spool_db_close(struct spool_db *db);

/*
 * Begins a write transaction under the lock of all processes. Waits for the lock: 8 s for events and commands (urgent), 1 s for
 * housekeeping, and 1 s for anything after an urgent wait of this process timed out. Repairs first what a failed
 * fsync left.
 * After an error nothing is held. After true, spool_db_end() must follow.
 */
bool spool_db_begin(struct spool_db *db, bool urgent);

/*
 * Commits. The lock stays held until spool_db_end(). After an error nothing was committed.
 */
bool spool_db_commit(struct spool_db *db);

/*
 * Rolls back what was not committed, repairs what a failed fsync left, checkpoints when the WAL is long, releases the lock.
 * db->fsync_failed stays set where the disk still fails.
 */
void spool_db_end(struct spool_db *db);

#endif
