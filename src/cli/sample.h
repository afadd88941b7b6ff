/* SPDX-License-Identifier: ISC */
/* Realistic random events, as a provider would send them, for hookspool send. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/sample_provider.h"
#include "conf/conf.h"
#include "core/buf.h"

/* The name of the member or parameter that marks an event of hookspool send: true in each of them. */
#define SAMPLE_MARK "hookspool_test"

/* Not for secrets: its numbers can be predicted from its output. */
struct sample {
	uint64_t state;
	const struct sample_provider *provider;
	const struct strlist *accounts;
	const char *secret;
	char account[25];
};

/*
 * Starts a random sequence of the provider's events. Events of ConnectSafely's shape have one of the accounts, so that an
 * endpoint's filter takes them, or a random one where that list is empty. Everything is borrowed while s is used. The secret is
 * for events that contain it, and may be NULL.
 */
void sample_init(struct sample *s, const struct sample_provider *provider, const struct strlist *accounts, const char *secret);

/* Replaces out's content with a new event's body. False when memory is short. */
bool sample_event(struct sample *s, struct buf *out);

#endif
