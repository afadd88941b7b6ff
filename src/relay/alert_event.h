/* SPDX-License-Identifier: ISC */
/* The event that tells of an alert: its name, its JSON, and a text for people. */
#ifndef ALERT_EVENT_H
#define ALERT_EVENT_H

#include "core/buf.h"
#include "relay/alert.h"

/* What is known of a trouble when it is looked at. */
struct alert_sight {
	enum alert_kind kind;
	const char *subject; /* the sink, the endpoint or the spool's directory; of ALERT_SECRET "ENDPOINT ID" */
	enum alert_seen seen;
	struct alert_patience patience;
	int64_t at;    /* ALERT_DEAD: the last death; ALERT_SILENT: the last event; ALERT_SECRET: its last match; ms since the epoch, 0: none */
	int64_t n;     /* ALERT_DEAD: dead letters; ALERT_DOWN: failures in a row; ALERT_LOW: bytes that are free */
	int64_t bound; /* ALERT_SILENT: ms; ALERT_LOW: bytes */
	bool gone;     /* the configuration has the subject no more */
};

struct alert_event {
	char name[64];
	struct buf text, body;
};

/*
 * Makes the event: `raised` is when the alert was raised, and since when the trouble was there; resolved: it is over. False when memory is
 * short. Free with alert_event_free().
 */
bool alert_event_make(struct alert_event *e, const struct alert_sight *sight, const struct alert_state *state, bool resolved, int64_t now);
void alert_event_free(struct alert_event *e);

#endif
