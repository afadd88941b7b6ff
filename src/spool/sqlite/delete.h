/* SPDX-License-Identifier: ISC */
/* Deleting events with all that belongs to them, and wiping what deletion leaves in the files. */
#ifndef SPOOL_SQLITE_DELETE_H
#define SPOOL_SQLITE_DELETE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/delete.h"
#include "spool/sqlite/db.h"

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
 * As spool_db_begin() for a transaction that deletes. Where the disk is full, it gives the spool's reserve up and makes room, under
 * the same lock: no delivery takes it. spool_delete_end() must follow, in place of spool_db_end(); *low is for that.
 */
bool spool_delete_begin(struct spool_db *db, bool *low);
void spool_delete_end(struct spool_db *db, bool low);

/*
 * Deletes the n events of that order with their deliveries, attempts and answers, in batches, and gives their pages back to the
 * file system. The keys of those received since keys_since stay known, as hashes. spare: leaves events with pending deliveries.
 * On a full disk it uses the spool's reserve, and smaller batches. Adds to *sum what it did; with dry_run it only counts.
 * After an error what *sum has was deleted.
 */
bool spool_delete(struct spool_db *db, const struct spool_doomed *order, size_t n, int64_t keys_since, bool spare, bool dry_run,
	struct spool_deleted *sum);

#endif
