/* SPDX-License-Identifier: ISC */
/* An attempt: one event on its way to one sink, and what is sent of it. */
#ifndef ATTEMPT_H
#define ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/template.h"
#include "hook/event.h"
#include "spool/relay.h"

/* The relay that was read from the spool; it is its queue's until what became of it is recorded. */
struct attempt {
	struct attempt *next;
	struct queue *queue;
	int64_t relay, event, since, due;
	int number; /* of the attempt, from 1 */
	bool judge;  /* whether the sink wants it is still to be found out */
	bool at_most_once;   /* it must not arrive twice: it is an answer to a person */
	struct buf endpoint, headers, body; /* the event's */
	struct buf plain;                   /* the body unpacked, where it came packed */
	struct template_values values;
	struct buf message;                 /* what is sent, when it isn't the body */
	struct buf known;                   /* what values borrow from */
	char id[48], received[CLOCK_TEXT];
	int64_t started;
	struct spool_attempt result;
	char error[512];
	struct buf answer, reply; /* of the attempt */
};

/* An attempt of a row, with copies of all in it, freed by the caller; spool is the spool's name. NULL when memory is short. */
struct attempt *attempt_new(const struct spool_relay_row *row, const char *spool);
void attempt_free(struct attempt *j);

/*
 * Sets the value TEMPLATE_TEXT, which the endpoint's scheme knows where to find; it borrows from ev until that is read
 * into again. An event of an endpoint that is there no more is read as ConnectSafely's. False when memory is short, or OpenSSL
 * failed.
 */
bool attempt_read_text(struct attempt *j, const struct conf *c, struct event *ev);

/* What is sent: it borrows from the attempt. */
struct attempt_message {
	char type[256]; /* Content-Type */
	struct slice body;
};

/*
 * Makes the sink's message: its template with the attempt's values, or the event's own bytes and type. False when memory is
 * short.
 */
bool attempt_message(struct attempt *j, const struct sink *s, struct attempt_message *out);

/*
 * Appends what a program is told of the attempt, "HOOKSPOOL_ID=evt_..." and so on, each with a NUL, and returns how many there
 * are; what is too long for an environment is cut. 0 when memory is short.
 */
size_t attempt_environment(const struct attempt *j, const struct sink *s, const struct attempt_message *m, struct buf *out);

#endif
