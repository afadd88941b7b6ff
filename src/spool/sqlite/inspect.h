/* SPDX-License-Identifier: ISC */
/* SQLite's part of inspect.h, view.h and totals.h: the database file. */
#ifndef SPOOL_SQLITE_INSPECT_H
#define SPOOL_SQLITE_INSPECT_H

#include "spool/engine.h"

/* spool_inspect_write(), spool_inspect_size(), spool_inspect_pages() and spool_inspect_bodies(). */
bool spool_inspect_try(struct spool_db *db);
int64_t spool_inspect_file(struct spool_db *db);
bool spool_inspect_database(struct spool_db *db, bool deep, struct spool_faults *faults);
void spool_inspect_segments(struct spool_db *db, struct spool_faults *faults, struct spool_faults *left);

/* spool_view_disk() */
void spool_inspect_disk(struct spool_db *db, int64_t *bytes, int64_t *free_bytes);

/*
 * Writes some pages inside the caller's transaction, lets the disk have them, and takes them back. Returns SQLITE_OK, or SQLite's
 * code where the database can't be written; spool_db_end() must follow then without a commit.
 */
int spool_inspect_pages_try(struct sqlite3 *sql);

#endif
