/* What a delivery says: the fields that route, dedupe and list an event, taken from its JSON. */
#ifndef EVENT_H
#define EVENT_H

#include <stddef.h>

#include "core/buf.h"

enum event_result { EVENT_OK, EVENT_MALFORMED, EVENT_NO_MEMORY };

/*
 * A zero-initialised one is valid, and may be parsed into again and again. The slices borrow from
 * the arena until the next event_parse() or event_free(); a field that is absent, null, empty or
 * not a string has p == NULL. An id written as a number is its digits.
 */
struct event {
	struct slice event;
	struct slice key; /* data.message_urn, else data.id */
	struct slice account;
	struct slice sender_id;
	struct slice sender_name;
	struct slice conversation;
	struct slice sent_at; /* data.timestamp, as written */
	struct slice text;    /* data.body */
	const char *reason;   /* why it is malformed; static text */
	struct buf arena;
};

/*
 * Reads the fields of a ConnectSafely event from the n bytes at body. MALFORMED: not strict UTF-8,
 * not one JSON object (RFC 8259), deeper than 64, more than 256 top-level keys, a top-level or
 * routing key twice, or no "event" string; ev->reason then says which.
 */
enum event_result event_parse(const char *body, size_t n, struct event *ev);

void event_free(struct event *ev);

#endif
