/* SPDX-License-Identifier: ISC */
/*
 * A small sender of deliveries: signed POSTs over HTTP, several at the same time, each retried after a failure. Success is a 2xx
 * status, as for the provider.
 */
#ifndef SENDER_H
#define SENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/buf.h"
#include "hook/sign.h"

/* The result of one attempt. Its strings are valid during the call that gets it. */
struct attempt {
	uint64_t delivery;   /* from 0 */
	unsigned number;     /* from 1 */
	int status;          /* HTTP; 0: no answer */
	bool accepted;       /* answered 2xx, in time */
	const char *kind;    /* NULL: there is a whole answer; else the class of failure, static text */
	const char *error;   /* the same with its particulars */
	int64_t us;          /* from the start of the connection to the end of the answer */
	struct slice answer; /* the body's first bytes */
	int64_t retry_in;    /* ms to the next attempt; 0: this was the last */
};

/* Fills body with the delivery's bytes. False ends the run: memory is short. */
typedef bool sender_body(void *ctx, uint64_t delivery, struct buf *body);

/* Called for each attempt when it has ended. */
typedef void sender_heard(void *ctx, const struct attempt *a);

/* Everything is borrowed for the length of sender_run(). */
struct sender {
	const char *url;
	struct sign sign; /* but for the body and the time */
	const char *authorization;   /* whole value; NULL: none */
	bool direct;                 /* never through a proxy */
	long timeout;                /* ms, for a whole attempt */
	unsigned attempts;           /* at most, for each delivery */
	unsigned concurrency;        /* deliveries under way at once; one that waits to be retried is under way */
	uint64_t deliveries;
	sender_body *body;
	sender_heard *heard;
	void *ctx;
};

/* Sends all deliveries, in the order of their numbers where concurrency is 1. False after a message, when it could not go on. */
bool sender_run(const struct sender *s);

/* How long after its nth failure (from 1) a delivery is tried again, in ms: 10 s, then 20 s. */
int64_t sender_backoff(unsigned n);

#endif
