/* SPDX-License-Identifier: ISC */
/* relay/alert: when a trouble is told, and when its end; relay/alert_event: the events. */
#include "unit.h"

#include "core/json.h"
#include "relay/alert_event.h"

#define T ALERT_TROUBLE
#define F ALERT_FINE
#define U ALERT_UNKNOWN

static const struct alert_patience patience = {100, 50};

static void trouble_is_told_once_and_its_end_once(void **state)
{
	static const struct {
		int64_t now;
		enum alert_seen seen;
		enum alert_step want;
	} cases[] = {
		{1000, F, ALERT_SAME}, {1010, U, ALERT_SAME}, {1020, T, ALERT_CHANGED}, {1030, T, ALERT_SAME}, {1040, U, ALERT_SAME},
		{1119, T, ALERT_SAME}, {1120, T, ALERT_RAISED}, {1130, T, ALERT_SAME}, {9999, T, ALERT_SAME}, {10000, U, ALERT_SAME},
		{10010, F, ALERT_CHANGED}, {10020, F, ALERT_SAME}, {10030, T, ALERT_CHANGED}, {10040, F, ALERT_CHANGED},
		{10089, F, ALERT_SAME}, {10090, F, ALERT_RESOLVED}, {10100, F, ALERT_SAME}, {10110, T, ALERT_CHANGED}, {10120, F, ALERT_CHANGED},
		{10130, T, ALERT_CHANGED}, {10229, T, ALERT_SAME}, {10230, T, ALERT_RAISED},
	};
	struct alert_state s = {0};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (alert_step(&s, cases[i].seen, patience, cases[i].now) != cases[i].want)
			fail_msg("case %zu, at %lld", i, (long long)cases[i].now);
}

/* A trouble that comes and goes at each look is told once, and its end never, or it is not told at all. */
static void flapping_is_bounded(void **state)
{
	struct alert_state s = {0};
	int told = 0;

	(void)state;
	for (int64_t now = 1000; now < 100000; now += 10)
		told += alert_step(&s, now / 10 % 2 ? T : F, patience, now) >= ALERT_RAISED;
	assert_int_equal(told, 0);
	for (int64_t now = 100000; now < 200000; now += 10)
		told += alert_step(&s, now < 101000 || now / 10 % 2 ? T : F, patience, now) >= ALERT_RAISED;
	assert_int_equal(told, 1);
}

static void without_patience_it_is_told_at_once(void **state)
{
	struct alert_state s = {0};

	(void)state;
	assert_int_equal(alert_step(&s, T, (struct alert_patience){0, 0}, 5), ALERT_RAISED);
	assert_int_equal(alert_step(&s, F, (struct alert_patience){0, 0}, 5), ALERT_RESOLVED);
	assert_int_equal(s.since + s.over + s.raised_at, 0);
}

static void clock_set_back_delays_nothing(void **state)
{
	struct alert_state s = {0};

	(void)state;
	assert_int_equal(alert_step(&s, T, patience, 1000000), ALERT_CHANGED);
	assert_int_equal(alert_step(&s, T, patience, 1000), ALERT_SAME);
	assert_int_equal(alert_step(&s, T, patience, 1100), ALERT_RAISED);
}

static void events_are_json_with_a_text(void **state)
{
	static const struct alert_sight sights[] = {
		{.kind = ALERT_DEAD, .subject = "crm \"x\"", .at = 1000, .n = 3}, {.kind = ALERT_DEAD, .subject = "crm", .at = 1000, .n = 1000},
		{.kind = ALERT_SILENT, .subject = "/webhook", .at = 1000, .bound = 86400000}, {.kind = ALERT_SILENT, .subject = "/webhook", .bound = 5000},
		{.kind = ALERT_DOWN, .subject = "crm", .n = 7}, {.kind = ALERT_LOW, .subject = "/var/lib/hookspool", .n = 5 << 20, .bound = 64 << 20},
		{.kind = ALERT_SECRET, .subject = "/webhook 1a2b", .at = 1000}, {.kind = ALERT_SECRET, .subject = "/webhook both"},
	};
	struct alert_event e;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof sights / sizeof *sights; i++) {
		const struct alert_sight *s = &sights[i / 2];

		assert_true(alert_event_make(&e, s, &(struct alert_state){500, 0, 600}, i % 2, 2000));
		assert_true(json_is_valid((struct slice){e.body.data, e.body.len}));
		assert_memory_equal(e.name, "hookspool.", 10);
		assert_true((strstr(e.name, ".resolved") != NULL) == (i % 2 == 1));
		assert_null(strstr(buf_str(&e.text), "1a2b"));
		assert_null(strstr(buf_str(&e.body), "1a2b"));
		assert_non_null(strstr(buf_str(&e.body), "\"body\":"));
		alert_event_free(&e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(trouble_is_told_once_and_its_end_once),
		cmocka_unit_test(flapping_is_bounded),
		cmocka_unit_test(without_patience_it_is_told_at_once),
		cmocka_unit_test(clock_set_back_delays_nothing),
		cmocka_unit_test(events_are_json_with_a_text),
	};

	return cmocka_run_group_tests_name("alert", tests, NULL, NULL);
}
