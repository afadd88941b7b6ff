/* SPDX-License-Identifier: ISC */
/* The alerts of a running relay: looks for trouble every few seconds, and stores the events that tell of it. */
#ifndef ALERTS_H
#define ALERTS_H

#include "core/loop.h"
#include "relay/alert_event.h"

struct relay;

/* Zero-initialised is valid. */
struct alerts {
	struct loop_timer timer;
	struct alert_item *items; /* what the table alert has, and no more */
	size_t n_items;
	int64_t look_ms; /* between two looks */
	bool read;       /* the table was read */
	bool failed;     /* the last look did, and the log says so */
};

/*
 * Looks at once, and from then on by a timer of the relay's loop; with --once, at once and by alerts_end(), whose events the next run
 * sends. Nothing happens where `alert` names no sink.
 */
void alerts_start(struct relay *r);
void alerts_end(struct relay *r);
void alerts_free(struct alerts *a);

/*
 * Takes what is seen of one trouble. Where it is to be told, stores the event. False on an error of the relay's spool; the next look
 * tries again.
 */
bool alerts_take(struct relay *r, const struct alert_sight *sight, int64_t now);

/* Looks for all troubles (alert_look.c), and calls alerts_take() for each that can be. False on an error of the relay's spool. */
bool alert_look(struct relay *r, int64_t now);

/* The same for secrets that are not needed any more (alert_secrets.c). */
bool alert_look_secrets(struct relay *r, int64_t now);

#endif
