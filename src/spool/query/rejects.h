/* SPDX-License-Identifier: ISC */
/*
 * The ring of rejected deliveries. Its room is shared, so that no sender's junk can fill it.
 *
 * Where there are more deliveries than the limits allow, each class gets an equal share, level by level: by signature (in the form
 * of the scheme, or none), endpoint, outcome and address. The other classes share what a class does not use. The newest deliveries
 * of a class stay. Deliveries with a signature come first; those without one still get one place in eight.
 */
#ifndef SPOOL_QUERY_REJECTS_H
#define SPOOL_QUERY_REJECTS_H

#include <stdbool.h>

#include "spool/spool.h"

struct noted_reject;

/* The rejected deliveries that are not in the database yet. Empty when zero-initialised. */
struct spool_rejects {
	struct noted_reject *newest;
	unsigned n;
	size_t size; /* bytes of their bodies and headers */
};

/* Copies a rejected delivery, and drops what is beyond 512 deliveries or `size` bytes. Does nothing when memory is short. */
void spool_rejects_add(struct spool_rejects *to, const struct spool_reject *r, size_t size);

/* Moves all of `from`, which are newer, into `to`, with the same bounds. */
void spool_rejects_join(struct spool_rejects *to, struct spool_rejects *from, size_t size);

/* Writes them inside the caller's transaction. False: the transaction must be rolled back. */
bool spool_rejects_write(const struct spool_rejects *from, struct spool_db *db);

/* Deletes those that are further from `now` than the limits' age, into the past or into the future. False as above. */
bool spool_rejects_expire(struct spool_db *db, const struct reject_limits *limits, int64_t now);

/* Deletes those beyond the limits' number and size. False as above. */
bool spool_rejects_cut(struct spool_db *db, const struct reject_limits *limits);

void spool_rejects_free(struct spool_rejects *r);

#endif
