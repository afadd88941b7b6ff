/* SPDX-License-Identifier: ISC */
/*
 * Catch-up: fetches by a provider's API what its webhook did not deliver.
 *
 *   catchup.c        one run of a section: its accounts, one after the other
 *   run.c            one account of it: what is looked through, and what is written down
 *   provider.c       the providers; a file each, which reads like the API's protocol
 *   batch.c          from messages to events of the spool
 *   client.c         HTTP: the rate, the API's allowance, repetitions
 *   thread.c         the relay's thread: when a run is due
 */
#ifndef CATCHUP_H
#define CATCHUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catchup/client.h"
#include "catchup/run.h"
#include "conf/conf.h"
#include "spool/db.h"

enum catchup_end {
	CATCHUP_COMPLETE,
	CATCHUP_GOES_ON,    /* the requests of one run, or the API's allowance, are used up; nothing is wrong */
	CATCHUP_INCOMPLETE, /* something is wrong */
	CATCHUP_OTHER,      /* another process catches up on this spool */
};

/* How a run is made. Borrowed. */
struct catchup_order {
	const struct conf *conf;
	struct spool_db *db; /* open for SPOOL_RELAY */
	struct catchup_stop *stop;
	int64_t since;       /* look back to there, in ms since the epoch; 0: to where it is complete */
	int64_t leave;       /* ms: what was sent in that time before now is left to the webhook */
	bool dry_run;        /* store nothing, ask for no redelivery, and remember nothing */
	void (*progress)(const struct catchup_run *r); /* NULL: none */
	void (*report)(void *ctx, const struct catchup_run *r); /* after each account, and after a run that found no account */
	void *ctx;           /* for report */
};

/*
 * Runs one section once, with its accounts. Events are on stable storage when it returns. *wait becomes the ms until a further run makes
 * sense, where it is not complete. The reason of an error that no account has is in why.
 */
enum catchup_end catchup_once(const struct catchup_order *o, const struct catchup *c, int64_t *wait, char *why, size_t why_size);

/* What it found, as a sentence, such as "12 messages of 14:02-16:40 were fetched that the webhook had not delivered". False: nothing. */
bool catchup_describe(const struct catchup_run *r, struct buf *out);

struct catchup_thread;

/*
 * Starts the relay's thread, which runs the sections of the configuration when they are due. All signals are blocked in it, and it shares
 * nothing with other threads. NULL with the reason in why; NULL and "" where there is no section. conf is borrowed until the stop.
 */
struct catchup_thread *catchup_thread_start(const struct conf *conf, char *why, size_t why_size);

/* Ends it, within a second or two, and frees it. NULL is allowed. */
void catchup_thread_stop(struct catchup_thread *t);

#endif
