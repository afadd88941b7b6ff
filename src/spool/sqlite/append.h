/* SPDX-License-Identifier: ISC */
/*
 * Appends the long bodies of a transaction to a segment.
 *
 * Under the lock of all processes, and inside the transaction that inserts the rows:
 *   1. Each new row takes a place behind the one before. Nothing is written yet, and a duplicate takes no place.
 *   2. spool_append_sync() writes all bodies by one call, syncs the file, and the directory where the file is new.
 *   3. Only then the transaction is committed. So a row that a power cut leaves has its body.
 *
 *   a transaction ends                    the file keeps
 *   ------------------------------------  ---------------------------------------------------------------------------------
 *   committed                             its bodies
 *   before the commit was tried           nothing of it: the file is cut back; a new one is removed
 *   by a failed commit, or a kill         its bodies, which no row has. SQLite may still find the commit in its log, so they
 *                                         stay. The next transaction with a long body names them in the table hole: hole.h
 *   by a failed sync, or a kill           the same, and no process appends to that file again: repair.c sets the first number
 *                                         that may be appended to, in bytes 8 to 15 of the lock's file
 *
 * A batch begins at a block of its own. So no block with bytes of a committed event is ever written again.
 */
#ifndef SPOOL_APPEND_H
#define SPOOL_APPEND_H

#include <sys/uio.h>

#include "spool/sqlite/segment.h"

/* Of one connection; the caller sets db, and zeros the rest. */
struct spool_append {
	struct spool_db *db;
	int64_t segment;  /* the file of this transaction's long bodies; 0: it has none */
	int fd;
	bool made;        /* the file is new */
	bool synced;      /* the bodies are on the disk */
	bool failed;      /* the reason of the transaction's failure is in db */
	int64_t size;     /* of the file when the transaction began */
	int64_t at, end;  /* of the transaction's bodies in the file */
	struct iovec *bodies;
	size_t n, room;
};

/* Makes *place that of a body, inside the transaction. It is borrowed until the transaction ends. False with the reason in db. */
bool spool_append_place(struct spool_append *a, struct slice body, struct spool_place *place);

/* Takes the place: its row is inserted. False with the reason in db. */
bool spool_append_take(struct spool_append *a, struct slice body, const struct spool_place *place);

/* Writes and syncs what was taken. True also where nothing was. False with the reason in db. */
bool spool_append_sync(struct spool_append *a);

/* Ends the transaction's part, still under the lock. */
void spool_append_end(struct spool_append *a, bool committed);

void spool_append_close(struct spool_append *a);

/*
 * Names in the table hole what earlier transactions left behind the last long body. Inside a transaction that has no long bodies. False
 * with the reason in db.
 */
bool spool_append_note_left(struct spool_db *db);

/* The first number of a segment that may be appended to. False with the reason in db. */
bool spool_append_first(struct spool_db *db, int64_t *first);

/* Leaves the segments up to that number: none of them is appended to again. Under the lock. False with the reason in db. */
bool spool_append_leave(struct spool_db *db, int64_t segment);

#endif
