/* A realistic random message.received, as ConnectSafely would send it, for hookspool send. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/buf.h"

/* Not for secrets: its numbers can be foretold from its output. */
struct sample {
	uint64_t state;
	const struct words *accounts;
	char account[25];
};

/*
 * Starts a sequence that differs from every other's. The events' account is one of `accounts`, so
 * that an endpoint's filter takes them, or a random one where that list is empty; the list is
 * borrowed for as long as s is used.
 */
void sample_init(struct sample *s, const struct words *accounts);

/* Replaces out's content with a new event's JSON. False when memory is short. */
bool sample_event(struct sample *s, struct buf *out);

#endif
