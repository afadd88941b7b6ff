/* SPDX-License-Identifier: ISC */
/*
 * The ring of rejected deliveries, whose room is shared so that no sender's junk can take all of it.
 *
 * Where there are more than the limits allow, each class gets an equal share, level by level: by signature (one that has
 * the form of the scheme's, or none), endpoint, outcome and address. What a class does not use is shared by the others. Inside
 * a class the newest stay. Deliveries with a signature come first; those without have one place in eight all the same.
 */
#ifndef SPOOL_SQLITE_REJECTS_H
#define SPOOL_SQLITE_REJECTS_H

#include <sqlite3.h>
#include <stdbool.h>

#include "spool/spool.h"

struct noted_reject;

/* Those that are not yet in the database. Zero-initialised is empty. */
struct spool_rejects {
	struct noted_reject *newest;
	unsigned n;
	size_t size; /* bytes of their bodies and headers */
};

/* Copies a rejected delivery, and lets go of what is beyond 512 deliveries or `size` bytes. Forgotten when memory is short. */
void spool_rejects_add(struct spool_rejects *to, const struct spool_reject *r, size_t size);

/* Moves all of `from`, which are newer, into `to`, with the same bounds. */
void spool_rejects_join(struct spool_rejects *to, struct spool_rejects *from, size_t size);

/* Writes them inside the caller's transaction. False: the transaction must be rolled back. */
bool spool_rejects_write(const struct spool_rejects *from, sqlite3 *sql);

/* Deletes those that are too old, or of a future that the limits' age does not reach, at the time `now`. False as above. */
bool spool_rejects_expire(sqlite3 *sql, const struct reject_limits *limits, int64_t now);

/* Deletes what is beyond the limits' number and size. False as above. */
bool spool_rejects_cut(sqlite3 *sql, const struct reject_limits *limits);

void spool_rejects_free(struct spool_rejects *r);

#endif
