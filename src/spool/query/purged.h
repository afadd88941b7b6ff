/* SPDX-License-Identifier: ISC */
/* The keys of deleted events, by which a later delivery of such an event is a duplicate. Of an engine without a ledger: engine.h. */
#ifndef SPOOL_QUERY_PURGED_H
#define SPOOL_QUERY_PURGED_H

#include "spool/query/delete.h"

#define SPOOL_PURGED_COLUMNS "endpoint, key, id, received_at, digest, is_unsigned, is_legacy"

/* Selects the row that an event leaves in the table purged. ?1 is the event's id, ?2 the oldest time whose keys stay. */
#define SPOOL_PURGED_ROW \
	"SELECT endpoint, key_hash((SELECT salt FROM spool), key || scope), id, received_at, coalesce(digest, key_hash('', event_body_if(body, segment, id)))," \
	" digest IS NOT NULL, id <= (SELECT legacy_id FROM spool) FROM event WHERE id = ?1 AND received_at >= ?2 AND key IS NOT NULL"

#define SPOOL_PURGED_UPSERT \
	" ON CONFLICT(endpoint, key) DO UPDATE SET id = excluded.id, received_at = excluded.received_at, digest = excluded.digest," \
	" is_unsigned = excluded.is_unsigned, is_legacy = excluded.is_legacy"

/*
 * Keeps the keys of n events, before they are deleted. The table has the order of the hashes, which is none: one key after the other
 * would write a page each. So the keys are sorted first. *all becomes false where some are not kept: the deletion then keeps the key
 * of each event with it. That is so where the events are few, and where the disk is full.
 */
bool spool_purged_keep(struct spool_db *db, const struct spool_doomed *order, size_t n, int64_t keys_since, bool *all);

/* Deletes the keys of events received before that time (ms). */
bool spool_purged_forget(struct spool_db *db, int64_t before);

#endif
