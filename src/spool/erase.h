/* SPDX-License-Identifier: ISC */
/* Erasing a person: all that the spool has of one sender. */
#ifndef SPOOL_ERASE_H
#define SPOOL_ERASE_H

#include "core/buf.h"
#include "spool/db.h"
#include "spool/delete.h"

/* What is to be erased. */
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
	int64_t unread;              /* events of other senders that stay, as their body is missing or damaged: they may mention the id */
	int64_t conversations;       /* that no other event belongs to */
	int64_t refusals;            /* rejected deliveries that mention the id */
};

/*
 * Deletes the sender's events with all that belongs to them, and conversations without another event. Also deletes rejected deliveries
 * that mention the id in body, headers or path. Works in batches: receiving goes on. spool_delete_wipe() must follow. After an error
 * *sum has what was erased until then, and a second call continues.
 */
bool spool_erase(struct spool_db *db, const struct spool_erase *e, struct spool_erased *sum);

#endif
