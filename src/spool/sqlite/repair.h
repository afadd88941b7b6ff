/* SPDX-License-Identifier: ISC */
/* Repair after a failed fsync; repair.c begins with the story. All functions are called under the lock of all processes. */
#ifndef SPOOL_REPAIR_H
#define SPOOL_REPAIR_H

#include "spool/sqlite/db.h"

/* Reads the dirty flag. A flag that is set counts as a failed fsync. False with the reason in db. */
bool spool_repair_read_flag(struct spool_db *db);

/* Sets the dirty flag, before the first write. False with the reason in db. */
bool spool_repair_set_flag(struct spool_db *db);

/* Clears the dirty flag, after the last write, unless db->fsync_failed. */
void spool_repair_clear_flag(struct spool_db *db);

/* After SQLite reported a failure: an I/O error sets db->fsync_failed. */
void spool_repair_note_error(struct spool_db *db);

/*
 * Where db->fsync_failed: writes again what may be missing on the disk, syncs it, and clears db->fsync_failed. db is in no
 * transaction. False when that fails; no reason is kept, because a failed commit's matters more.
 */
bool spool_repair(struct spool_db *db);

#endif
