/* SPDX-License-Identifier: ISC */
/* An attempt: one event on its way to one sink, from when it was read from the spool until its result is written there. */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/template.h"
#include "hook/event.h"
#include "sink/driver.h"
#include "spool/relay.h"

struct queue;

struct attempt {
	struct attempt *next, **at;   /* the queue's list; *at is this one */
	struct attempt *next_known;   /* the queue's table */
	struct queue *queue; /* that owns it */
	struct sink_message message;
	int64_t relay, since, due; /* the spool's relay; spool_relay_row */
	int64_t version;           /* spool_db_version() as it was read */
	bool taken;                /* from those that are ready */
	bool ended;                /* its result is there, and not recorded yet */
	bool asked;                /* a receiver waits for it: it is ready before others */
	bool unfiltered;           /* the sink's filters have not seen the event yet */
	int64_t started;           /* ms since the epoch */
	/* what the message points to */
	struct spool_row event;
	struct template_values values;
	char id[48], received[CLOCK_TEXT], type[256];
	struct buf copies;   /* all slices of event, each with a NUL behind it */
	struct buf unpacked; /* the body, where it came compressed */
	struct buf text;     /* values.known[TEMPLATE_TEXT] */
	struct buf body;     /* what is sent, where it isn't the event's own body */
	/* the result */
	struct spool_attempt result;
	char error[512];
	struct buf answer, reply;
};

/* The attempt that a row of the spool asks for, with copies of all in it; spool is the spool's name. NULL when memory is short. */
struct attempt *attempt_new(const struct spool_relay_row *row, const char *spool);
void attempt_free(struct attempt *a);

/*
 * Sets the value TEMPLATE_TEXT: the text that was stored with the event. An event of release 0.1 has none, nor has one that was
 * stored before a sink needed texts: its body is read as the endpoint's scheme says, or as ConnectSafely's where the endpoint is not
 * configured any more. The value then borrows from ev until that is read into again. False when memory is short, or OpenSSL failed.
 */
bool attempt_read_text(struct attempt *a, const struct conf *c, struct event *ev);

#endif
