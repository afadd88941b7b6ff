/* SPDX-License-Identifier: ISC */
/* Sinks: where events are sent after they were stored. */
#ifndef SINK_H
#define SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/condition.h"
#include "core/pattern.h"
#include "core/rate.h"
#include "core/strlist.h"
#include "core/template.h"

/* The pauses between attempts; all in ms. */
struct retry {
	int64_t first;  /* at most so long after the first attempt, twice as long after the second, ... */
	int64_t most;   /* ...and so long after all later ones */
	int64_t within; /* the attempts end so long after the event was stored, or asked for again: it is a dead letter then */
};

struct sink_type; /* conf/sink_type.h */

/* The fields that all types of sinks have. Secrets are named and not read: the receiver knows the sinks, and must not read them. */
struct sink {
	char *name;
	char *where;           /* "FILE:LINE" of its type, for messages */
	const struct sink_type *type;
	void *options;         /* the type's own struct */

	struct template *body; /* NULL: the event's own bytes and type */
	char *content_type;    /* of that body; NULL without one */
	bool needs_text;       /* the message, or whether it is sent, depends on the event's text; the receiver stores it then */
	char *reply;           /* the sink that sends the answer of this sink's target; NULL: none does */
	bool replies;          /* the sink sends such answers, and no events */

	int64_t timeout;       /* ms, of a whole attempt */
	unsigned max_in_flight;
	unsigned batch;        /* events that are sent together at most; 0: as many as the type takes */
	int64_t batch_wait;    /* ms that an event waits for others to be sent with */
	struct rate rate;
	struct retry retry;
	bool ordered;          /* one event of a conversation at a time, the oldest first */

	/* Which events are sent. The receiver applies the first two filters, the relay the others. */
	struct strlist events, accounts; /* empty: all */
	bool filtered;                   /* the relay has one to apply */
	struct strlist senders, texts;   /* empty: all */
	struct pattern *text_regex;      /* NULL: any text */
	struct conditions conditions;    /* on the body's fields; empty: any body */
	bool first_message;              /* the first message of a conversation alone */
	bool catch_up;                   /* also events that a catch-up has fetched */
	int64_t max_age;                 /* ms since it was sent, beyond which an event is not sent on; 0: any */
};

#endif
