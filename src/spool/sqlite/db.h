/* SPDX-License-Identifier: ISC */
/* The spool's database file: opening, schema, the lock between processes, checkpoints. */
#ifndef SPOOL_DB_H
#define SPOOL_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "spool/spool.h"

enum { SPOOL_DB_SCHEMA = 5 }; /* the version that this program makes and migrates to: PRAGMA user_version */

enum { SPOOL_DB_BUSY_MS = 5000 }; /* a statement waits for other processes: recovery, readers' checkpoints; writers queue on the lock */

struct spool_db {
	sqlite3 *sql;
	int dir_fd, lock_fd;
	bool housekeeping; /* set before it is opened: nothing is urgent for this handle */
	int wal_pages; /* in the WAL after the last commit of this connection */
	bool contended; /* the lock was held by another process when it was last asked for */
	bool wal;      /* the journal is one */
	bool marked;   /* under the lock: its file says that a process writes, or did */
	bool suspect;  /* what others or this one wrote may never have reached the disk, though it can be read */
};

/* True when the directory has a database: the receiver makes it. False with errno set. */
bool spool_db_exists(const char *dir);

/*
 * Opens DIR's database into db, which is zeroed but for housekeeping, or was closed. SPOOL_RECEIVE makes directory (0700), file (0600) and schema where
 * missing, sets the journal mode, migrates an older schema, and before all that writes again what is suspect; SPOOL_MANAGE takes
 * the journal as it is, makes nothing but the lock's file, and fails where more would be needed.
 * False with the reason in why; db is then closed.
 */
bool spool_db_open(struct spool_db *db, const char *dir, enum journal journal, enum spool_access access, char *why,
	size_t why_size);

/* Closes what is open. Closing never checkpoints: that would race another process's commit. */
void spool_db_close(struct spool_db *db);

#define SPOOL_DB_MOVED "the spool was moved or replaced: events go to another file now; run this again" /* for commands that wait for events */

/* True when the file that is open is no longer the one at its path: it was moved or deleted. */
bool spool_db_moved(struct spool_db *db);

/*
 * Whether a commit waits until it is on stable storage, as it does from the start on. Without WAL it always does, or the file
 * could be corrupted. False when full durability could not be set again: such a handle must not be used for events.
 */
bool spool_db_sync(struct spool_db *db, bool on);

/*
 * Begins a write transaction under the lock of all processes. Waits for the lock: 8 s for events and commands (urgent), 1 s for
 * housekeeping, and 1 s for anything after an urgent wait of this process timed out. What a failed fsync may have dropped is first
 * written again.
 * False with the reason in why; nothing is then held. After true, spool_db_end() must follow.
 */
bool spool_db_begin(struct spool_db *db, bool urgent, char *why, size_t why_size);

/*
 * Commits; the lock stays held, so that waiters can be told before spool_db_end() does its work.
 * False with the reason in why: nothing was committed.
 */
bool spool_db_commit(struct spool_db *db, char *why, size_t why_size);

/*
 * Rolls back what was not committed, writes again what a failed fsync may have dropped, checkpoints when the WAL is long,
 * releases the lock. db is suspect after it where the disk still fails.
 */
void spool_db_end(struct spool_db *db);

#endif
