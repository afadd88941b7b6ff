/* SPDX-License-Identifier: ISC */
/*
 * Holes: ranges of segments that belong to no row, to be wiped.
 *
 * The table hole has them. A trigger adds the place of each deleted event, and append.c what a failed or killed transaction left. They
 * are wiped in this order, so that a crash at any moment leaves them in the table:
 *   1. The deletion is committed and checkpointed: no reader sees the rows, and no log brings them back.
 *   2. Under the same lock the holes are listed. A segment that no row is in goes as a whole.
 *   3. Without the lock: such a file is removed, ranges of others are overwritten with zeros; both are synced.
 *   4. The holes are deleted from the table.
 */
#ifndef SPOOL_HOLE_H
#define SPOOL_HOLE_H

#include "core/buf.h"
#include "spool/sqlite/db.h"

/* Adds a hole, inside a transaction: the bytes from `from` to `to`, where there are any. INT64_MAX: to the end. False with the reason in db. */
bool spool_hole_note(struct spool_db *db, int64_t segment, int64_t from, int64_t to);

/* True when there are holes. */
bool spool_hole_any(struct spool_db *db);

/*
 * Lists the holes, under the lock, inside a transaction, and behind a checkpoint that left nothing in the log. The caller frees *list.
 * False with the reason in db.
 */
bool spool_hole_list(struct spool_db *db, struct buf *list);

/* Wipes what is listed, without the lock. False with the reason in db: the rest stays in the table. */
bool spool_hole_wipe(struct spool_db *db, const struct buf *list);

#endif
