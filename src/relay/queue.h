/* SPDX-License-Identifier: ISC */
/*
 * A sink's queue: the attempts that were read from the spool and wait, those that were taken, and when the next may go.
 *
 *   ready     read, waits for its turn
 *   taken     is on the way (counted in n_in_flight), or has ended and its result is not recorded yet
 *
 * The circuit breaker: after 5 failures in a row the queue pauses for 1 s, and then makes one attempt at a time. Each further failure
 * doubles the pause, up to 60 s. A success closes the breaker. A Retry-After pauses the queue from the first failure on.
 */
#ifndef QUEUE_H
#define QUEUE_H

#include "relay/attempt.h"
#include "spool/relay.h"

enum {
	QUEUE_READ = 256, /* relays read ahead, at most... */
	QUEUE_READ_BYTES = 2 << 20, /* ...and bytes of their bodies, without the last */
	QUEUE_TAKEN_BYTES = 16 << 20, /* of the bodies of those that were taken: more than QUEUE_TAKEN_FEW wait beyond that */
	QUEUE_TAKEN_FEW = 8,
	QUEUE_BUCKETS = 1024, /* of the table of all attempts; a power of 2 */
};

struct relay;

struct queue {
	struct relay *relay;
	const struct sink *sink;
	struct sink_target *target;
	struct loop_timer *pass; /* the relay's next look at its queues; borrowed */
	/* reading (fetch.c) */
	struct spool_relay_cursor cursor;
	bool more;        /* there may be due relays behind the cursor */
	int64_t next_due; /* when more will be, ms since the epoch; 0: not known */
	int64_t read_at;  /* no reading before, clock_mono_us() */
	/* the attempts */
	struct attempt *ready, **last_ready;
	struct attempt *taken;
	struct attempt *known[QUEUE_BUCKETS]; /* all of both, by their relays */
	unsigned n_ready, n_in_flight;
	size_t ready_bytes, taken_bytes; /* of the bodies of those that are ready, and that were taken */
	unsigned n_asked;   /* ready, and before the others: receivers wait for them */
	size_t asked_bytes; /* of their bodies */
	bool put_off;       /* others are waited for, too, and were put off until there is room */
	/* the circuit breaker */
	unsigned failures;    /* in a row */
	int64_t paused_until; /* clock_mono_us() */
	bool works;           /* the target did not fail at the last attempt; false before the first */
	bool published;       /* the spool says that it pauses, or is about to */
	bool still;           /* scratch of watch_pauses(): the spool says so now */
	int64_t batch_at; /* those that are ready wait until then for others, clock_mono_us(); 0: they don't */
	/* the rate */
	int64_t rate_due; /* rate_pass() */
	int64_t held_ms;  /* by the rate, when one was to be taken the last time; 0: it went */
};

/* An empty queue, without a target. */
void queue_init(struct queue *q, struct relay *r, const struct sink *sink, struct loop_timer *pass);

/* Frees the attempts. The target is closed before. */
void queue_free(struct queue *q);

/* True when the event's relay was read and is not recorded yet. */
bool queue_has(const struct queue *q, int64_t relay, int64_t event);

/* The same for a relay whatever its event is: a spool_relay_skip. */
bool queue_knows(const void *q, int64_t relay);

/* True when enough is read ahead. */
bool queue_is_full(const struct queue *q);

/* Adds an attempt behind those that are ready. */
void queue_add(struct queue *q, struct attempt *a);

/* Adds an attempt before those that are ready, behind others that were added so. */
void queue_add_first(struct queue *q, struct attempt *a);

/*
 * Moves an attempt there that was read already, or notes that a receiver waits for it where it was taken. False: it is not in the
 * queue. *ended: its result is there.
 */
bool queue_hurry(struct queue *q, int64_t relay, int64_t event, bool *ended);

/* True when enough was added first. */
bool queue_is_full_of_asked(const struct queue *q);

/* Adds an attempt that is not to be made, only recorded. */
void queue_add_ended(struct queue *q, struct attempt *a);

/* Takes the next attempt that may go now. NULL when there is none; the pass comes when the pause or the rate lets one go. */
struct attempt *queue_take(struct queue *q);

/*
 * An attempt has ended: did the target fail, and did it say for how long, in ms (0: no)? Returns for how many ms the queue pauses
 * now, where it didn't before.
 */
int64_t queue_note(struct queue *q, bool failed, int64_t retry_after);

/* An attempt has ended, and nothing of it was sent: the breaker learns nothing, and the rate gets its turn back. */
void queue_note_unsent(struct queue *q);

/* Forgets an attempt that was taken and has ended, and frees it. */
void queue_drop(struct queue *q, struct attempt *a);

/* The same for one that was taken and is not made. */
void queue_drop_untried(struct queue *q, struct attempt *a);

#endif
