/* SPDX-License-Identifier: ISC */
/* Making a spool of a backup. */
#ifndef SPOOL_RESTORE_H
#define SPOOL_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/db.h"

/* What becomes of a restored spool's pending deliveries: the sinks may have got them after the backup was made. */
enum spool_pending {
	SPOOL_PENDING_HOLD, /* dead letters: retry sends them */
	SPOOL_PENDING_SEND, /* they stay pending */
	SPOOL_PENDING_DROP, /* forgotten: replay sends their events */
};

struct spool_restored {
	int64_t events, pending, newest; /* newest: received_at of the newest event; 0: there is none */
	int64_t next_id;
};

/*
 * Reads all of the backup in the file of that descriptor, and marks it as without a write-ahead log. An error, which db keeps, when it
 * is damaged, or is no spool of this or an older version. db need not be open.
 */
bool spool_restore_check(struct spool_db *db, int fd);

enum spool_restore {
	SPOOL_RESTORE_DONE,
	SPOOL_RESTORE_FAILED,   /* the spool's directory is as it was */
	SPOOL_RESTORE_DAMAGED,  /* the same: the backup is no good one */
	SPOOL_RESTORE_OCCUPIED, /* the same: there is a spool */
};

/*
 * Makes a spool in that directory, which is there, of the backup in the file of that descriptor; *done becomes what was restored. The
 * copy is checked and made ready under another name, and gets its own under the spool's lock: a receiver that starts during that
 * finds no spool or the whole one. Ids of new events begin 10 million further on, as sinks may have seen the next ones already:
 * they would take new events for those. db is not open; it keeps an error.
 */
enum spool_restore spool_restore(struct spool_db *db, const char *dir, int from, enum spool_pending pending, int64_t now,
	struct spool_restored *done);

#endif
