/* SPDX-License-Identifier: ISC */
/* Deleting events with all that belongs to them, and wiping what deletion leaves in the files. */
#ifndef SPOOL_QUERY_DELETE_H
#define SPOOL_QUERY_DELETE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/delete.h"
#include "spool/engine.h"

enum {
	SPOOL_DELETE_BATCH = 200,       /* events of one transaction, at most... */
	SPOOL_DELETE_BYTES = 1 << 20,   /* ...and bytes of their bodies and headers, but for the first */
};

/* An event to delete. */
struct spool_doomed {
	int64_t id;
	int64_t bytes; /* of its body and headers */
};

/*
 * Begins a transaction that deletes, as spool_db_begin(). On a full disk it removes the spool's reserve and makes room. The lock stays
 * held, so that no delivery takes the room. spool_delete_end() must follow, with *low, in place of spool_db_end().
 */
bool spool_delete_begin(struct spool_db *db, bool *low);
void spool_delete_end(struct spool_db *db, bool low);

/*
 * Deletes n events with their deliveries, attempts and answers, in batches, and gives their pages back to the file system. Keys of
 * events received since keys_since (ms) stay known, as hashes. spare: events with pending deliveries stay. On a full disk it uses the
 * spool's reserve, and smaller batches. Adds to *sum what it deleted, also before an error; with dry_run it only counts.
 */
bool spool_delete(struct spool_db *db, const struct spool_doomed *order, size_t n, int64_t keys_since, bool spare, bool dry_run,
	struct spool_deleted *sum);

/* A batch of that, inside a transaction, of an engine with a ledger of keys. */
bool spool_delete_many(struct spool_db *db, const struct spool_doomed *order, size_t n, int64_t keys_since, bool spare, bool dry_run,
	struct spool_deleted *sum);

#endif
