/* SPDX-License-Identifier: ISC */
/* Erasing a person: all that the spool has of one sender. */
#ifndef SPOOL_ERASE_H
#define SPOOL_ERASE_H

#include "core/buf.h"
#include "spool/db.h"

/* What was deleted so far, or would be. */
struct spool_deleted {
	int64_t events, deliveries, attempts;
	int64_t pending; /* of the deliveries: those that were still to be sent */
	int64_t spared;  /* events that stay, as deliveries of them are pending */
};

struct spool_erase {
	const char *sender;  /* the id as the events have it */
	bool mentions;       /* also other senders' events that mention the id */
	int64_t keys_since;  /* keys of events received since then stay known, as hashes: a retry must not store them again */
	bool dry_run;
};

/* What was erased, or would be. */
struct spool_erased {
	struct spool_deleted events; /* with deliveries, attempts and answers */
	int64_t mentioned;           /* events of other senders that mention the id and stay */
	int64_t conversations;       /* that no other event belongs to */
	int64_t refusals;            /* rejected deliveries that mention the id */
};

/*
 * Deletes the sender's events with all that belongs to them, and conversations that have no other event. Deletes rejected deliveries
 * that mention the id in body, headers or path. In batches: receiving goes on. spool_delete_wipe() must follow. After an error *sum is what was
 * erased until then, and a second call goes on.
 */
bool spool_erase(struct spool_db *db, const struct spool_erase *e, struct spool_erased *sum);

/*
 * Moves the write-ahead log into the database, cuts it to nothing, and overwrites the copies that SQLite left in the database:
 * deleted content is then in no file of the spool. Waits for readers at most 10 s, without the lock. It fails where a
 * reader doesn't end.
 */
bool spool_delete_wipe(struct spool_db *db);

#endif
