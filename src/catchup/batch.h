/* SPDX-License-Identifier: ISC */
/* Messages that were fetched, on their way to the spool: the oldest is stored first, so that ids follow the time. */
#ifndef CATCHUP_BATCH_H
#define CATCHUP_BATCH_H

#include "catchup/run.h"

struct batch_message {
	struct buf body; /* as the webhook would have delivered it */
	int64_t sent_at; /* ms since the epoch */
};

/* Zero-initialised is valid and empty. */
struct batch {
	struct batch_message *message;
	size_t n, size;
	size_t bytes;
};

/* Adds a message, and takes its body over. A batch that is full is stored first. False after run_fail(); the body is then freed. */
bool batch_add(struct batch *b, struct catchup_run *r, struct buf *body, int64_t sent_at);

/*
 * Stores the messages that the spool lacks, in a few commits, and empties the batch. A dry run only counts them. False after run_fail():
 * what was stored stays, the rest is fetched again.
 */
bool batch_store(struct batch *b, struct catchup_run *r);

void batch_free(struct batch *b);

#endif
