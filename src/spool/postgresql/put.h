/* SPDX-License-Identifier: ISC */
/*
 * Stores a batch of events: one pipeline with one Sync, so one transaction, one round trip and one commit.
 *
 *   settings, new events with their keys and relays  -->  Sync  -->  results, and the end of the transaction
 *
 * Most events are new, and one statement stores them. Those that it finds to be known, and events that may be duplicates by their
 * bytes under an unsigned id, have a transaction of more statements:
 *
 *   settings, locks, keys, events with their relays  -->  Sync  -->  results, and the end of the transaction
 *
 * The rules of duplicates are those of spool/sqlite/store.h. The ledger event_key has the key of each event, also of those that are
 * deleted: its primary key decides between transactions. One event that the server refuses fails its transaction: the batch is then
 * tried again by halves, and the event alone is refused.
 */
#ifndef SPOOL_PUT_H
#define SPOOL_PUT_H

#include "spool/postgresql/put_rows.h"
#include "spool/postgresql/put_link.h"

/*
 * Stores the batch over an open link, until then, clock_mono_us(). Each event that is stored or refused is settled. False with the
 * reason in why: the others may be stored or not. The link is closed where the server's state is not known.
 */
bool put_batch(struct put_link *l, struct put_rows *b, int64_t until, bool *relayed, char *why, size_t why_size);

#endif
