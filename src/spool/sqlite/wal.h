/* SPDX-License-Identifier: ISC */
/* SQLite's write-ahead log: its format, and how it is kept short. */
#ifndef SPOOL_SQLITE_WAL_H
#define SPOOL_SQLITE_WAL_H

#include "spool/sqlite/db.h"

enum { /* https://sqlite.org/fileformat2.html, section 4.1 */
	SPOOL_WAL_HEADER = 32, SPOOL_WAL_HEADER_PAGE_SIZE = 8, SPOOL_WAL_HEADER_SALTS = 16,
	SPOOL_WAL_FRAME_HEADER = 24, SPOOL_WAL_FRAME_SALTS = 8, SPOOL_WAL_SALTS = 8,
};

/*
 * Before a transaction: checkpoints where this connection has not committed yet, and the log is long. The lock is held. False: the
 * checkpoint failed, and the repair too.
 */
bool spool_wal_before(struct spool_db *db);

/* Behind a transaction: checkpoints where the log is long, and repairs where that fails. The lock is held. */
void spool_wal_after(struct spool_db *db);

/*
 * Checkpoints in a mode that waits for readers, for a moment only: the lock is held, and db is in no transaction. Without a WAL there is
 * nothing to do. False with the reason in the connection; *busy tells whether a reader is in the way.
 */
bool spool_wal_checkpoint(struct spool_db *db, int mode, bool *busy);

#endif
