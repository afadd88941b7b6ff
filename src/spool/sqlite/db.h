/* SPDX-License-Identifier: ISC */
/* SQLite's part of a connection to the spool: opening and closing, transactions, checkpoints, the reason of a failure. */
#ifndef SPOOL_SQLITE_DB_H
#define SPOOL_SQLITE_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "spool/engine.h"

enum { SPOOL_DB_BUSY_MS = 5000 }; /* a statement waits so long for SQLite's own locks: recovery, checkpoints. Writers queue on ours */

/* As spool_db_fail(); rc: SQLite's code for its kind, SQLITE_ERROR for any other. Returns false. */
bool spool_db_fail_code(struct spool_db *db, int rc, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The same with SQLite's message, or "out of memory" where there is no handle; what: what failed. Returns false. */
bool spool_db_fail_sql(struct spool_db *db, const char *what);

/* Runs statements without results. No reason is kept: spool_db_fail_sql() does that. */
bool spool_db_exec(struct spool_db *db, const char *sql);

/* spool_db_exists() for a directory */
bool spool_sqlite_exists(const char *dir);

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

#endif
