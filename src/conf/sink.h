/* SPDX-License-Identifier: ISC */
/* Sinks: where events are sent after they were stored. */
#ifndef SINK_H
#define SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/pattern.h"
#include "core/rate.h"
#include "core/strlist.h"
#include "core/template.h"

/* When an attempt that failed is made again; all in ms. */
struct retry {
	int64_t first; /* at most so long after the first attempt, twice as long after the second, ... */
	int64_t most;  /* ...and so long after all later ones */
	int64_t within; /* of the event's being stored, or asked for again; after that it is a dead letter */
};

enum { SINK_STATUS_MAX = 600 };

/* A header whose value depends on the event. */
struct sink_template {
	char *name;
	struct template *value;
};

struct sink_type; /* conf/sink_type.h */

/*
 * A sink's secrets are named and not read here: the receiver knows the sinks, and must not be able to read them.
 */
struct sink {
	char *name;
	const struct sink_type *type;
	void *options; /* of the types that have a struct of their own */

	/* http */
	char *url;                /* NULL: it is in url_file */
	char *url_file;
	char *method;
	struct strlist headers;     /* "Name: value", as they are sent */
	struct sink_template *templates; /* the other headers */
	size_t n_templates;
	bool pass_headers;        /* the headers that were kept with the event go along */
	char *authorization_file; /* the value of the Authorization header; NULL: none */
	char *secret_file;        /* that signs as the Standard Webhooks do; NULL: unsigned */
	char *ca_file;            /* certificates that are trusted; NULL: the system's */
	bool allow_private, follow_redirects;
	int64_t connect_timeout; /* ms */
	bool retry_on[SINK_STATUS_MAX]; /* by the answer's status */

	/* exec */
	struct strlist command; /* the program and its arguments */
	struct strlist environment; /* names of variables of the relay's that it gets beside the usual ones */
	char *reply;          /* the sink that what it prints is sent to; NULL: it is no answer */

	struct template *body; /* NULL: the event's own bytes and type */
	char *content_type;    /* of that body; NULL without */
	bool replies;          /* it sends what programs answer, and nothing else */
	int64_t timeout;       /* ms, for a whole attempt */
	unsigned max_in_flight;
	struct rate rate;
	struct retry retry;
	bool ordered; /* one at a time for each conversation, the oldest first */

	/* the events that are sent; the receiver leaves out by the first two, the relay by the others */
	struct strlist events, accounts; /* empty: all */
	bool judged;                   /* there are others */
	struct strlist senders, texts;   /* empty: all */
	struct pattern *text_regex;    /* NULL: any text */
	bool first_message;            /* of a conversation, only */
};

#endif
