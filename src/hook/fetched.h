/* SPDX-License-Identifier: ISC */
/* An event that was fetched by a provider's API: its fields and its key come from the same code as those of a delivery. */
#ifndef FETCHED_H
#define FETCHED_H

#include <stdbool.h>

#include "hook/handle.h"
#include "hook/stored.h"

/* Zero-initialised is valid. */
struct fetched {
	struct stored stored; /* the delivery that it would have been */
	struct delivery d;    /* d.stored is for spool_put() */
};

/*
 * Reads the body, a JSON text as the webhook of the endpoint has it, borrowed until fetched_free(). False when the endpoint does not
 * want the event, or it has no key: f->d.outcome and its reason then tell why.
 */
bool fetched_read(struct fetched *f, const struct endpoint *e, struct slice body, int64_t now);

void fetched_free(struct fetched *f);

#endif
