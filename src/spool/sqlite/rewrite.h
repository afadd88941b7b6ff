/* SPDX-License-Identifier: ISC */
/* After a failed fsync: what was written and may never have reached the disk is written once more. */
#ifndef SPOOL_REWRITE_H
#define SPOOL_REWRITE_H

#include <sqlite3.h>
#include <stdbool.h>

/*
 * The kernel takes what a failed fsync could not write for clean: reads give it, no later fsync writes it (fsync(2), "EIO"), and
 * the next one that succeeds must not count for it. Writes all of the WAL anew, and each page of the database that it
 * may have been moved to, as they are, and syncs both. Without a WAL all but the journal's end is written again by SQLite's own
 * rollback; that end is.
 *
 * Call it under the spool's lock, in a transaction that has written nothing: no other process writes then, and it is known
 * what journal there is. page: the size of the database's, in bytes; -1: it could not be read, which fails; has_wal: the journal is
 * one. Returns SQLITE_OK or SQLite's code; then it is to be tried again before any commit or checkpoint.
 */
int spool_rewrite(sqlite3 *sql, int page, bool has_wal);

#endif
