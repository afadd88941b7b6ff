/* SPDX-License-Identifier: ISC */
/*
 * How often events came again: duplicates of each event, gathered in memory, and written once a second into the table `came`.
 *
 * Duplicates of CAME_MOST events are gathered at a time. Those of further events are not counted.
 */
#ifndef SPOOL_CAME_H
#define SPOOL_CAME_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/db.h"

enum { CAME_MOST = 2048, CAME_ROOM = 4096 /* places of the table in memory; a power of 2 */ };

struct came_again;

/* Empty when zero-initialised. */
struct spool_came {
	struct came_again *places; /* CAME_ROOM; NULL: none is counted yet */
	unsigned n;
};

/* Counts so many duplicates of the event, the last one at that time in ms. Does nothing when memory is short. */
void spool_came_add(struct spool_came *c, int64_t event, int64_t times, int64_t last_at);

/* Writes all inside the caller's transaction. An event that was deleted since is left out. False: the transaction must be rolled back. */
bool spool_came_write(const struct spool_came *c, struct spool_db *db);

/* Moves all of `from` into `to`. */
void spool_came_join(struct spool_came *to, struct spool_came *from);

void spool_came_free(struct spool_came *c);

#endif
