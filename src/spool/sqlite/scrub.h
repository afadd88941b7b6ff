/* SPDX-License-Identifier: ISC */
/* Scrubbing the database file: copies of rows in the unused part of b-tree pages, which secure_delete does not reach. */
#ifndef SPOOL_SCRUB_H
#define SPOOL_SCRUB_H

#include <stdbool.h>

#include "spool/sqlite/db.h"

/*
 * SQLite splits and joins b-tree pages by copying rows. Old copies stay between a page's pointers and its content, also when the row
 * is deleted. SQLite never reads that part of a page. This function overwrites it with zeros in all pages, in the file itself and in
 * small steps. It works on a database with auto_vacuum, as hookspool makes it, and leaves any other as it is.
 *
 * Call it after a checkpoint of the deletion, and empty the write-ahead log afterwards. After an error *busy tells whether a reader is in
 * the way; a second call begins anew.
 */
bool spool_scrub(struct spool_db *db, bool *busy);

#endif
