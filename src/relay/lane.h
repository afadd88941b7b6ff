/* A sink's lane: the relays that were read and wait, those that are on the way, and when the next may go. */
#ifndef LANE_H
#define LANE_H

#include "core/buf.h"
#include "relay/target.h"
#include "sink/spool_relay.h"

enum { LANE_READ = 64 }; /* relays read ahead */

/* A relay that was read from the spool; it is the lane's until it is recorded. */
struct job {
	struct job *next;
	struct lane *lane;
	int64_t relay, event, since;
	int attempt; /* this is number, from 1 */
	struct buf endpoint, headers, body; /* the event's */
	struct template_values values;
	struct buf message;                 /* what is sent, when it isn't the body */
	struct buf known;                   /* what values borrow from */
	char id[48], received[32];
	int64_t started;
	struct spool_attempt result;
	char error[256], answer[1024];
};

struct lane {
	const struct sink *sink;
	struct target target;
	struct spool_relay_cursor cursor;
	bool more;        /* there may be due relays behind the cursor */
	int64_t next_due; /* when more will be; 0: not known */
	struct job *ready, **last_ready;
	struct job *flying; /* and those that have ended and are not recorded */
	unsigned n_ready, n_flying; /* the latter without those */
	/* the circuit breaker: after some failures in a row one attempt at a time, after a pause that grows */
	unsigned failures;
	int64_t paused_until;
	int64_t full_at; /* of the rate, the generic cell rate algorithm's theoretical arrival time */
};

void lane_init(struct lane *l, const struct sink *sink);
void lane_free(struct lane *l);

/* True when the relay of that id was read and is not recorded yet. */
bool lane_has(const struct lane *l, int64_t relay);

/* Adds a job behind those that wait. */
void lane_add(struct lane *l, struct job *j);

/*
 * Takes the next job that may go now: it is then on the way. NULL when there is none, and *wait, in ms, is lowered to when there
 * may be one.
 */
struct job *lane_take(struct lane *l, int64_t now, int64_t *wait);

/* An attempt has ended: did the sink fail, and did it say for how long (0: no)? */
void lane_note(struct lane *l, bool failed, int64_t retry_after, int64_t now);

/* Forgets a job, and frees it. */
void lane_drop(struct lane *l, struct job *j);

#endif
