/* SPDX-License-Identifier: ISC */
/* Scrubbing the database file: copies of rows in the unused part of b-tree pages, which secure_delete does not reach. */
#ifndef SPOOL_SCRUB_H
#define SPOOL_SCRUB_H

#include <stdbool.h>

#include "spool/sqlite/db.h"

/*
 * SQLite splits and joins b-tree pages by copying rows. Old copies are left between a page's pointers and its content, and stay there
 * when the row is deleted. This overwrites that part of all pages with zeros, in the file itself and in small steps: SQLite never
 * reads it. Works on a database with auto_vacuum, as hookspool makes it; another one stays as it is.
 *
 * Call it after what was deleted is checkpointed. Ends with an empty write-ahead log. After an error *busy tells
 * whether a reader is in the way, and a second call goes on from the beginning.
 */
bool spool_scrub(struct spool_db *db, bool *busy);

#endif
