/* SPDX-License-Identifier: ISC */
/* The secrets that stand in a body: one of several notifications each. */
#ifndef CLIENT_STATE_H
#define CLIENT_STATE_H

#include "conf/conf.h"
#include "hook/event.h"
#include "hook/request.h"

enum client_state {
	CLIENT_STATE_OK,
	CLIENT_STATE_ABSENT, /* there is none, or an element of a list lacks it */
	CLIENT_STATE_WRONG,  /* at least one is none of the endpoint's secrets */
	CLIENT_STATE_UNAVAILABLE, /* memory is short */
};

/*
 * Compares the secret in the body of a scheme with ALGORITHM_CLIENT_STATE, in constant time. Where a request has several, each
 * must be one of the endpoint's: Microsoft Graph puts notifications of several subscriptions into one. *secret becomes the number
 * of the first, from 1. The event was read from this request.
 */
enum client_state client_state_check(const struct request *r, const struct endpoint *e, const struct event *ev, int *secret);

#endif
