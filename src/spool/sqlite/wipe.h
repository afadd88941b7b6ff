/* SPDX-License-Identifier: ISC */
/* Wiping what deletion leaves in SQLite's files, and deleting on a full disk: engine.h has what these functions do. */
#ifndef SPOOL_WIPE_H
#define SPOOL_WIPE_H

#include "spool/sqlite/db.h"

/* Begins a deletion. On a full disk it removes the spool's reserve and makes room, and *low becomes true. */
bool spool_wipe_begin(struct spool_db *db, bool *low);
void spool_wipe_end(struct spool_db *db, bool low);

/* Gives the pages of what was deleted back to the file system, with the commit. */
bool spool_wipe_vacuum(struct spool_db *db);

/* spool_delete_wipe() */
bool spool_wipe(struct spool_db *db);

/* When the keeper has made a pass: wipes the bodies that a crash or a failed commit left, and makes the spool's reserve. */
void spool_wipe_rest(struct spool_db *db);

#endif
