/* SPDX-License-Identifier: ISC */
/* The time of the next attempt after one that failed. */
#ifndef SCHEDULE_H
#define SCHEDULE_H

#include <stdint.h>

#include "conf/sink.h"

/*
 * Returns the time of the attempt after attempt number `attempt` (from 1), which ended at `now`, in ms since the epoch. The pause is
 * random, from a tenth of a limit to the limit. The limit doubles with each attempt, from first to most ("full jitter",
 * aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter). The same seed gives the same time. 0: there is no further
 * attempt, as it would be later than `within` after `since`.
 */
int64_t schedule_next(const struct retry *r, int attempt, int64_t since, int64_t now, uint64_t seed);

/* A time in which no relay ran, or that the wall clock skipped when it was set; in ms since the epoch. */
struct schedule_gap {
	int64_t from, to;
};

/* Of an attempt that ended at `now`: its number from 1, when it was due, when it began, and when the time for attempts began. */
struct schedule_times {
	int attempt;
	int64_t since, due, started, now;
};

/*
 * Returns when the time for a delivery's attempts began: with the first attempt. The part of the gap that the delivery spent due and
 * waiting is added, as it does not count. The result is never in the future.
 */
int64_t schedule_since(const struct schedule_times *t, const struct schedule_gap *gap);

#endif
