/* SPDX-License-Identifier: ISC */
/*
 * An alert: what is known of one trouble, and when it is told.
 *
 *   quiet     nothing is wrong
 *   waiting   the trouble is there (since), but not for as long as it must be
 *   raised    told once (raised_at); stays so while the trouble is there, or nobody knows
 *   ending    raised, but the trouble is gone (over); told as resolved when it was gone for as long as it must be
 *
 * What is seen may also be UNKNOWN, such as a sink that was not tried since the relay started: then nothing changes.
 */
#ifndef ALERT_H
#define ALERT_H

#include <stdbool.h>
#include <stdint.h>

enum alert_kind { ALERT_DEAD, ALERT_SILENT, ALERT_DOWN, ALERT_LOW, ALERT_SECRET, ALERT_KINDS };

/* Their names, "delivery.dead" and so on; an event's name is "hookspool." and this, with ".resolved" behind it at the end. */
extern const char *const alert_names[ALERT_KINDS];

enum alert_seen { ALERT_UNKNOWN, ALERT_TROUBLE, ALERT_FINE };

/* Times are in ms since the epoch; 0: no. */
struct alert_state {
	int64_t since, over, raised_at;
};

/* How long a trouble must be there before it is told, and gone before that is told; ms. */
struct alert_patience {
	int64_t raise, resolve;
};

enum alert_step {
	ALERT_SAME,     /* nothing changed */
	ALERT_CHANGED,  /* the state changed, and nothing is told */
	ALERT_RAISED,
	ALERT_RESOLVED,
};

/* Takes what is seen at `now` into the state, and says what is to be told. A clock that was set back delays no alert. */
enum alert_step alert_step(struct alert_state *s, enum alert_seen seen, struct alert_patience patience, int64_t now);

#endif
