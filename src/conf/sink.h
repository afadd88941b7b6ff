/* Sinks: where events are sent after they were stored. */
#ifndef SINK_H
#define SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/rate.h"
#include "core/template.h"
#include "core/words.h"

/* When an attempt that failed is made again; all in ms. */
struct retry {
	int64_t first; /* at most so long after the first attempt, twice as long after the second, ... */
	int64_t most;  /* ...and so long after all later ones */
	int64_t within; /* of the event's being stored, or asked for again; after that it is a dead letter */
};

enum { SINK_STATUS_MAX = 600 };

/*
 * A sink of the type "http". Its secrets are named and not read here: the receiver knows the sinks, and must not be
 * able to read them.
 */
struct sink {
	char *name;
	char *url;                /* NULL: it is in url_file */
	char *url_file;
	char *method;
	struct words headers;     /* "Name: value" */
	char *authorization_file; /* the value of the Authorization header; NULL: none */
	char *secret_file;        /* that signs as the Standard Webhooks do; NULL: unsigned */
	char *type;               /* the Content-Type of a body that is made; NULL: the event's own bytes and type */
	struct template *body;    /* NULL with type */
	char *ca_file;            /* certificates that are trusted; NULL: the system's */
	bool allow_private, follow_redirects;
	int64_t connect_timeout, timeout; /* ms */
	unsigned max_in_flight;
	struct rate rate;
	struct retry retry;
	bool retry_on[SINK_STATUS_MAX]; /* by the answer's status */
	bool ordered;                   /* one at a time for each conversation, the oldest first */
	struct words events, accounts;  /* sent; empty: all */
};

#endif
