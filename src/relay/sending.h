/* SPDX-License-Identifier: ISC */
/* An attempt, whichever way it is made, and what it gave. */
#ifndef SENDING_H
#define SENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

/* Borrowed for the length of sending_done(). */
struct attempt_result {
	bool done;           /* the target took it; otherwise: */
	bool again;          /* it may be tried again */
	bool in_doubt;       /* the target may have taken it all the same */
	bool unsent;         /* nothing was sent: this says nothing of the target */
	int status;          /* HTTP's; 0: no answer came as far as the end of its header, or it is a program's */
	const char *error;   /* NULL: none */
	struct slice answer; /* what is kept of it */
	struct slice reply;  /* all that a program printed to its standard output; p == NULL: nothing */
	int64_t ms;          /* how long it took */
	int64_t retry_after; /* ms; 0: not said */
};

/* Called when the attempt's attempt has ended. */
typedef void sending_done(void *attempt, const struct attempt_result *r);

struct http;
struct exec;
struct target;
struct attempt;

/* Begins the attempt's attempt at the target's sink. False when it could not begin: memory is short, or OpenSSL failed. */
bool sending_start(struct http *h, struct exec *x, struct target *t, struct attempt *j);

#endif
