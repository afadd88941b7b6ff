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

struct sink_type; /* conf/sink_type.h */

struct sink {
	char *name;
	const struct sink_type *type;
	void *options; /* the type's own struct; NULL where it has none */
	bool needs_text; /* what is sent, or whether it is sent, depends on the event's text; the receiver stores it then */

	char *reply;           /* the sink that sends the target's answer; NULL: none does */
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
