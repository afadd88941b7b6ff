/* SPDX-License-Identifier: ISC */
/* The time of the next attempt after one that failed. */
#include "relay/schedule.h"

/* splitmix64, prng.di.unimi.it/splitmix64.c (public domain): every bit of the seed changes every bit of the result. */
static uint64_t scatter(uint64_t x)
{
	x += UINT64_C(0x9E3779B97F4A7C15);
	x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
	return x ^ (x >> 31);
}

int64_t schedule_next(const struct retry *r, int attempt, int64_t since, int64_t now, uint64_t seed)
{
	int64_t limit = r->first < r->most ? r->first : r->most, delay;

	while (--attempt > 0 && limit < r->most)
		limit = limit > r->most / 2 ? r->most : limit * 2;
	delay = limit / 10 + (int64_t)(scatter(seed) % (uint64_t)(limit - limit / 10 + 1));
	return now + delay - since > r->within ? 0 : now + delay;
}

int64_t schedule_since(const struct schedule_times *t, const struct schedule_gap *gap)
{
	int64_t since = t->attempt == 1 || t->since > t->started ? t->started : t->since, waits = t->attempt == 1 ? t->started : t->due;
	int64_t from = gap->from > waits ? gap->from : waits;

	if (gap->to > from && gap->to <= t->now)
		since += gap->to - from;
	return since < t->now ? since : t->now;
}
