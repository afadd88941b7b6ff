/* SPDX-License-Identifier: ISC */
/* When SQLite waits for the disk: with PRAGMA synchronous it calls fsync(2) in each commit. */
#ifndef SPOOL_FSYNC_H
#define SPOOL_FSYNC_H

#include "spool/sqlite/db.h"

/* Has each commit of a new connection wait until it is on stable storage. False: the connection must not be used. */
bool spool_fsync_begin(struct spool_db *db);

/*
 * Sets whether a commit waits until it is on stable storage; after spool_db_open() it does. Without a WAL a commit always waits, or
 * the file could be corrupted. False when the mode could not be set: such a handle must not be used for events.
 */
bool spool_fsync_commits(struct spool_db *db, bool on);

/*
 * Syncs the names of a new database, journal or log. SQLite makes the log at the first read, and ignores a failed fsync of the
 * directory: so the log is made here first. False with the reason in the connection.
 */
bool spool_fsync_names(struct spool_db *db, const char *path, enum journal journal, bool new_log);

#endif
