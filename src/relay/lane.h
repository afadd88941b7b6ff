/* SPDX-License-Identifier: ISC */
/* A sink's lane: the jobs that were read and wait, those that are on the way, and when the next may go. */
#ifndef LANE_H
#define LANE_H

#include "relay/job.h"
#include "relay/target.h"
#include "spool/relays.h"

enum { LANE_READ = 64 /* relays read ahead, at most... */, LANE_READ_BYTES = 2 << 20 /* ...and bytes of their bodies, but for the last */ };

struct relay;

struct lane {
	struct relay *relay;
	const struct sink *sink;
	struct target target;
	struct spool_relay_cursor cursor;
	bool more;        /* there may be due relays behind the cursor */
	int64_t next_due; /* when more will be; 0: not known */
	int64_t read_at;  /* not before, clock_mono_us() */
	struct job *ready, **last_ready;
	struct job *taken; /* on the way, or ended and not recorded */
	unsigned n_ready, n_flying; /* the latter without those that have ended */
	size_t ready_bytes;         /* of the bodies of those that wait */
	/* the circuit breaker: after some failures in a row one attempt at a time, after a pause that grows */
	unsigned failures;
	int64_t paused_until; /* clock_mono_us() */
	bool published;       /* the spool says that it pauses, or is about to */
	bool still;           /* scratch of the relay: the spool says so now */
	int64_t rate_due; /* rate_pass() */
	int64_t held_ms;  /* by the rate, when one was to be taken the last time; 0: it went */
};

void lane_init(struct lane *l, struct relay *r, const struct sink *sink);
void lane_free(struct lane *l);

/* True when the event's relay was read and is not recorded yet. */
bool lane_has(const struct lane *l, int64_t relay, int64_t event);

/* True when enough is read ahead. */
bool lane_is_full(const struct lane *l);

/* Adds a job behind those that wait. */
void lane_add(struct lane *l, struct job *j);

/* Adds a job that is not to be tried, and is to be recorded only. */
void lane_add_ended(struct lane *l, struct job *j);

/*
 * Takes the next job that may go now: it is then on the way. NULL when there is none, and *wait, in ms, is lowered to when there
 * may be one.
 */
struct job *lane_take(struct lane *l, int64_t *wait);

/*
 * An attempt has ended: did the sink fail, and did it say for how long, in ms (0: no)? Returns for how many ms the lane pauses
 * now, where it didn't before.
 */
int64_t lane_note(struct lane *l, bool failed, int64_t retry_after);

/* A job is no longer on the way, and nothing of it was sent: the breaker learns nothing, and the rate gets its turn back. */
void lane_note_unsent(struct lane *l);

/* Forgets a job that has ended, and frees it. */
void lane_drop(struct lane *l, struct job *j);

/* The same for one that was taken, and is not tried. */
void lane_drop_untried(struct lane *l, struct job *j);

#endif
