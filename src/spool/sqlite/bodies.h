/* SPDX-License-Identifier: ISC */
/* Bodies of segments in a copy of the database: a backup is one file. */
#ifndef SPOOL_BODIES_H
#define SPOOL_BODIES_H

#include "spool/sqlite/db.h"

/*
 * Puts the bodies of segments into the rows of a copy. An event that was deleted since is deleted there, too. One whose body can't be
 * read keeps its place, and restore refuses it. False with the reason in db.
 */
bool spool_bodies_copy(struct spool_db *db, sqlite3 *to);

#endif
