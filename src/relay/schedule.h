/* SPDX-License-Identifier: ISC */
/* When an attempt that failed is made again. */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdint.h>

#include "conf/sink.h"

/*
 * The time of the attempt after attempt number `attempt` (from 1), which ended at `now`, in ms since the epoch: at random
 * up to a limit that doubles with each attempt, from first to most ("full jitter", aws.amazon.com/blogs/architecture/
 * exponential-backoff-and-jitter), by at least a tenth of it. 0: never, as it would be later than `within` after
 * `since`. The same for the same seed.
 */
int64_t schedule_next(const struct retry *r, int attempt, int64_t since, int64_t now, uint64_t seed);

/* A time in which no relay ran, or that passed only on the clock, as it was set; in ms since the epoch. */
struct schedule_gap {
	int64_t from, to;
};

/* Of an attempt that ended at `now`: its number from 1, when it was due, when it began, and when the time for attempts began. */
struct schedule_times {
	int attempt;
	int64_t since, due, started, now;
};

/*
 * When the time for a delivery's attempts began: with the first one. It began later by what the delivery waited of the gap behind
 * the time it was due, and not in the future.
 */
int64_t schedule_since(const struct schedule_times *t, const struct schedule_gap *gap);

#endif
