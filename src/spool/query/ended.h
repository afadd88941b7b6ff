/* SPDX-License-Identifier: ISC */
/*
 * The table ended: how many relays of each sink are delivered, and how many dead.
 *
 * Triggers count what commands change. A trigger makes SQLite copy the pages of each UPDATE before it, which costs more than the
 * UPDATE. So the relay's connection to SQLite has no triggers: it sums up the changes of a transaction, and adds the sums. With another
 * engine triggers count those, too, and db->counts_ended stays false.
 */
#ifndef SPOOL_QUERY_ENDED_H
#define SPOOL_QUERY_ENDED_H

#include <stdbool.h>

#include "spool/engine.h"

/* The sums of a transaction; NULL: none. */
struct spool_ended;

/* From now on the connection runs no triggers, where it can do without: its caller counts all relays that it changes, and deletes only pending ones. */
bool spool_ended_begin(struct spool_db *db);

/* Notes that a relay of the sink went from one state to another. False when memory is short. */
bool spool_ended_note(struct spool_ended **sums, const char *sink, int from, int to);

/* Adds the sums to the table. */
bool spool_ended_add(struct spool_db *db, const struct spool_ended *sums);

void spool_ended_free(struct spool_ended *sums);

#endif
