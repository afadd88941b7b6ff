/* SPDX-License-Identifier: ISC */
/* A sink's queue: the attempts that were read and wait, those that are on the way, and when the next may go. */
#ifndef QUEUE_H
#define QUEUE_H

#include "relay/attempt.h"
#include "sink/http_target.h"
#include "spool/relay.h"

enum { QUEUE_READ = 64 /* relays read ahead, at most... */, QUEUE_READ_BYTES = 2 << 20 /* ...and bytes of their bodies, but for the last */ };

struct relay;

struct queue {
	struct relay *relay;
	const struct sink *sink;
	struct target target;
	struct spool_relay_cursor cursor;
	bool more;        /* there may be due relays behind the cursor */
	int64_t next_due; /* when more will be; 0: not known */
	int64_t read_at;  /* not before, clock_mono_us() */
	struct attempt *ready, **last_ready;
	struct attempt *taken; /* on the way, or ended and not recorded */
	unsigned n_ready, n_in_flight; /* the latter without those that have ended */
	size_t ready_bytes;         /* of the bodies of those that wait */
	/* the circuit breaker: after some failures in a row one attempt at a time, after a pause that grows */
	unsigned failures;
	int64_t paused_until; /* clock_mono_us() */
	bool published;       /* the spool says that it pauses, or is about to */
	bool still;           /* scratch of the relay: the spool says so now */
	int64_t rate_due; /* rate_pass() */
	int64_t held_ms;  /* by the rate, when one was to be taken the last time; 0: it went */
};

void queue_init(struct queue *l, struct relay *r, const struct sink *sink);
void queue_free(struct queue *l);

/* True when the event's relay was read and is not recorded yet. */
bool queue_has(const struct queue *l, int64_t relay, int64_t event);

/* True when enough is read ahead. */
bool queue_is_full(const struct queue *l);

/* Adds an attempt behind those that wait. */
void queue_add(struct queue *l, struct attempt *j);

/* Adds an attempt that is not to be tried, and is to be recorded only. */
void queue_add_ended(struct queue *l, struct attempt *j);

/*
 * Takes the next attempt that may go now: it is then on the way. NULL when there is none, and *wait, in ms, is lowered to when there
 * may be one.
 */
struct attempt *queue_take(struct queue *l, int64_t *wait);

/*
 * An attempt has ended: did the sink fail, and did it say for how long, in ms (0: no)? Returns for how many ms the queue pauses
 * now, where it didn't before.
 */
int64_t queue_note(struct queue *l, bool failed, int64_t retry_after);

/* An attempt is no longer on the way, and nothing of it was sent: the breaker learns nothing, and the rate gets its turn back. */
void queue_note_unsent(struct queue *l);

/* Forgets an attempt that has ended, and frees it. */
void queue_drop(struct queue *l, struct attempt *j);

/* The same for one that was taken, and is not tried. */
void queue_drop_untried(struct queue *l, struct attempt *j);

#endif
