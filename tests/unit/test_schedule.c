/* SPDX-License-Identifier: ISC */
/* relay/schedule: when an attempt that failed is made again. */
#include "unit.h"

#include "relay/schedule.h"

/* Doubles up to the most, at random below that and never at once; ends in time; and the same seed gives the same. */
static void schedules(void **state)
{
	const struct retry r = {.first = 10000, .most = 3600000, .within = 3 * INT64_C(86400000)};
	int64_t limit = r.first, sum = 0, now = 1000000000000;

	(void)state;
	for (int attempt = 1; attempt <= 20; attempt++) {
		for (uint64_t seed = 0; seed < 200; seed++) {
			int64_t delay = schedule_next(&r, attempt, now, now, seed) - now;

			assert_true(delay >= limit / 10 && delay <= limit);
			assert_int_equal(delay, schedule_next(&r, attempt, now, now, seed) - now);
			sum += attempt == 1 ? delay : 0;
		}
		limit = limit * 2 < r.most ? limit * 2 : r.most;
	}
	assert_in_range(sum / 200, 5000, 6000); /* the middle of 1 s and 10 s */
	assert_int_equal(schedule_next(&r, 5, now - r.within, now, 1), 0);
	assert_int_not_equal(schedule_next(&r, 1, now - r.within + r.first, now, 1), 0);
	assert_int_not_equal(schedule_next(&(struct retry){1, 1, 100}, INT32_MAX, now, now, 1), 0);
	assert_in_range(schedule_next(&(struct retry){5000, 1000, 10000}, 3, now, now, 1), now + 100, now + 1000);
}

static void the_time_counts_from_the_first_attempt(void **state)
{
	static const struct {
		struct schedule_times t; /* attempt, since, due, started, now */
		struct schedule_gap gap;
		int64_t want;
	} cases[] = {
		{{1, 100, 100, 900, 910}, {0}, 900},           /* whenever it was stored */
		{{2, 100, 200, 210, 220}, {0}, 100},
		{{2, 100, 200, 900, 910}, {150, 900}, 800},    /* no relay ran since before it was due: it counts 100 so far, and 10 */
		{{2, 100, 200, 900, 910}, {500, 900}, 500},    /* it waited for 300 while a relay ran */
		{{2, 100, 200, 900, 910}, {50, 150}, 100},     /* the gap was before it waited */
		{{2, 100, 200, 900, 910}, {880, 2000}, 100},   /* a gap that isn't over is none */
		{{1, 100, 100, 900, 5900}, {910, 5900}, 5890}, /* the clock was set during the attempt */
		{{2, 9000, 9000, 200, 210}, {0}, 200},         /* the clock was ahead when it was stored, */
		{{1, 100, 100, 900, 210}, {210, 210}, 210},    /* or goes back during the attempt */
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (schedule_since(&cases[i].t, &cases[i].gap) != cases[i].want)
			fail_msg("case %zu: %lld", i, (long long)schedule_since(&cases[i].t, &cases[i].gap));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schedules),
		cmocka_unit_test(the_time_counts_from_the_first_attempt),
	};

	return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
