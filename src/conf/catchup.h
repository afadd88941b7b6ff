/* SPDX-License-Identifier: ISC */
/* Catch-ups: endpoints whose provider has an API that lists what its webhook may have failed to deliver. */
#ifndef CONF_CATCHUP_H
#define CONF_CATCHUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/endpoint.h"
#include "core/rate.h"
#include "core/strlist.h"

/* A provider's API, as data; the code that asks it is a row of the same scheme in src/catchup/provider.c. */
struct catchup_api {
	const char *scheme; /* the built-in scheme of the endpoints that it belongs to */
	const char *url;    /* its address; NULL: each section has its own */
	const char *fix;    /* what a section writes then */
	const char *event;  /* the only name of its events, which the endpoint must let through; NULL: it has several */
};

/* The key is named and not read: only the relay's user may read it. */
struct catchup {
	char *name;
	const struct endpoint *endpoint; /* where the events are stored */
	const struct catchup_api *api;
	char *url;               /* without a slash at its end */
	char *key_file;
	char *ca_file;           /* the certificates to trust; NULL: the system's */
	struct strlist accounts; /* empty: all that the key has */
	int64_t every;           /* ms between two runs */
	int64_t since;           /* ms that a run looks back at most */
	struct rate rate;        /* of requests */
	bool allow_private;      /* addresses of private networks, and http:// */
};

/* The i-th API; NULL behind the last. */
const struct catchup_api *catchup_api_at(size_t i);

#endif
