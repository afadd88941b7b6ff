/* SPDX-License-Identifier: ISC */
/* The contract of sink/driver.h, for the drivers that need no network: null and exec. Each message is reported once, by its deadline. */
#include "config.h"

#include "driving.h"

#include <signal.h>

#include "sink/exec_options.h"
#include "sink/null.h"

static struct sink_type type;
static struct exec_options exec_now;

static int begin(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	begin_driving(state);
	return 0;
}

static int end(void **state)
{
	end_driving(*state);
	return 0;
}

static void open_sink(struct fixture *f, const char *name)
{
	type = (struct sink_type){.name = name};
	open_type(f, &type, f->sink.options);
}

/* Until all are reported. */
static void wait_all(struct fixture *f, int64_t ms)
{
	wait_until(f, f->n, ms);
}

/* ---- null */

static void null_delivers_in_order(void **state)
{
	struct fixture *f = *state;

	open_sink(f, "null");
	send_batch_of(f, 3, 5000);
	wait_all(f, 1000);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(f->order[i], i);
		assert_int_equal(f->reported[i].verdict, SINK_DELIVERED);
	}
	assert_string_equal(f->reported[2].place, "message 3");
}

static void null_delays(void **state)
{
	static struct null_options o = {.delay = 50};
	struct fixture *f = *state;
	int64_t began = clock_mono_us();

	f->sink.options = &o;
	open_sink(f, "null");
	send_batch_of(f, 2, 5000);
	send_batch_of(f, 1, 5000);
	assert_int_equal(f->done, 0);
	wait_all(f, 1000);
	assert_in_range(clock_mono_us() - began, 50 * 1000, 900 * 1000);
}

static void null_does_not_answer_in_time(void **state)
{
	static struct null_options o = {.delay = 60000};
	struct fixture *f = *state;

	f->sink.options = &o;
	open_sink(f, "null");
	send_batch_of(f, 1, 20);
	wait_all(f, 1000);
	assert_true(f->reported[0].verdict == SINK_RETRY && f->reported[0].in_doubt && f->reported[0].target_failed);
}

static void null_fails_as_it_is_told(void **state)
{
	static const struct {
		enum null_outcome outcome;
		enum sink_verdict verdict;
		bool in_doubt, target_failed;
	} cases[] = {
		{NULL_RETRY, SINK_RETRY, false, false},
		{NULL_REFUSED, SINK_REFUSED, false, false},
		{NULL_DOUBT, SINK_RETRY, true, true},
		{NULL_DOWN, SINK_RETRY, false, true},
	};
	static struct null_options o = {.every = 2};
	struct fixture *f = *state;

	f->sink.options = &o;
	for (size_t i = 0; i < COUNT(cases); i++) {
		o.outcome = cases[i].outcome;
		open_sink(f, "null");
		send_batch_of(f, 2, 5000);
		wait_all(f, 1000);
		assert_int_equal(f->reported[2 * i].verdict, SINK_DELIVERED);
		assert_int_equal(f->reported[2 * i + 1].verdict, cases[i].verdict);
		assert_int_equal(f->reported[2 * i + 1].in_doubt, cases[i].in_doubt);
		assert_int_equal(f->reported[2 * i + 1].target_failed, cases[i].target_failed);
		assert_int_not_equal(*f->reported[2 * i + 1].error, '\0');
		close_driver(f);
	}
}

static void what_is_on_the_way_is_forgotten_when_null_is_closed(void **state)
{
	static struct null_options o = {.delay = 60000};
	struct fixture *f = *state;

	f->sink.options = &o;
	open_sink(f, "null");
	send_batch_of(f, 3, 100000);
	sink_close(f->target);
	f->target = NULL;
	assert_int_equal(f->done, 0);
}

/* ---- exec */

static void run(struct fixture *f, const char *script)
{
	static char *command[4];
	static char shell[] = "/bin/sh", option[] = "-c", copy[512];

	snprintf(copy, sizeof copy, "%s", script);
	command[0] = shell;
	command[1] = option;
	command[2] = copy;
	exec_now.command = (struct strlist){command, 3};
	f->sink.options = &exec_now;
	open_sink(f, "exec");
}

static void programs_get_the_body_and_the_fields(void **state)
{
	struct fixture *f = *state;

	run(f, "cat; echo \" $HOOKSPOOL_ID $HOOKSPOOL_SINK $HOOKSPOOL_ATTEMPT $HOOKSPOOL_ACCOUNT $HOOKSPOOL_CONTENT_TYPE\"");
	send_batch_of(f, 2, 5000);
	wait_all(f, 5000);
	assert_int_equal(f->reported[0].verdict, SINK_DELIVERED);
	assert_string_equal(f->reported[0].answer, "{\"text\":\"hello\"} evt_spool_101 out 1 acc application/json\n");
	assert_string_equal(f->reported[1].answer, "{\"text\":\"hello\"} evt_spool_102 out 1 acc application/json\n");
}

static void exit_statuses_are_verdicts(void **state)
{
	static const struct {
		const char *script;
		enum sink_verdict verdict;
		bool target_failed;
	} cases[] = {
		{"exit 0", SINK_DELIVERED, false}, {"exit 75", SINK_RETRY, true}, {"exit 65", SINK_REFUSED, false}, {"exit 78", SINK_REFUSED, false},
		{"exit 64", SINK_RETRY, true}, {"exit 79", SINK_RETRY, true}, {"kill -9 $$", SINK_RETRY, true},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		run(f, cases[i].script);
		send_batch_of(f, 1, 5000);
		wait_all(f, 5000);
		if (f->reported[i].verdict != cases[i].verdict || f->reported[i].target_failed != cases[i].target_failed)
			fail_msg("%s: %s", cases[i].script, f->reported[i].error);
		close_driver(f);
	}
}

static void a_program_ends_at_its_deadline(void **state)
{
	struct fixture *f = *state;
	int64_t began = clock_mono_us();

	run(f, "echo begun; sleep 100");
	send_batch_of(f, 1, 100);
	wait_all(f, 5000);
	assert_in_range(clock_mono_us() - began, 100 * 1000, 3000 * 1000);
	assert_true(f->reported[0].verdict == SINK_RETRY && f->reported[0].target_failed);
	assert_string_equal(f->reported[0].answer, "begun\n");
}

static void standard_output_is_the_reply(void **state)
{
	static char reply[] = "answers";
	struct fixture *f = *state;

	f->sink.reply = reply;
	run(f, "echo; echo ' Hello  '; echo error >&2");
	send_batch_of(f, 1, 5000);
	wait_all(f, 5000);
	assert_string_equal(f->reported[0].reply, "Hello");
}

static void programs_end_when_the_sink_is_closed(void **state)
{
	struct fixture *f = *state;
	int64_t began = clock_mono_us();

	run(f, "trap '' TERM; sleep 100 & wait; sleep 100");
	send_batch_of(f, 2, 100000);
	close_driver(f);
	assert_int_equal(f->done, 0);
	assert_true(clock_mono_us() - began < 3000 * 1000);
}

static void a_program_that_is_missing_is_reported(void **state)
{
	static char program[] = "/nonexistent/program";
	static char *command[] = {program, NULL};
	struct fixture *f = *state;

	exec_now.command = (struct strlist){command, 1};
	f->sink.options = &exec_now;
	open_sink(f, "exec");
	send_batch_of(f, 1, 5000);
	assert_int_equal(f->reported[0].calls, 1); /* at once */
	assert_true(f->reported[0].verdict == SINK_RETRY && strstr(f->reported[0].error, "/nonexistent/program"));
}

static void each_type_has_a_driver(void **state)
{
	struct fixture *f = *state;
	char why[256];

	for (const struct sink_type *const *t = sink_types; *t; t++)
		if (!(*t)->package && !sink_driver_find((*t)->name)) {
#ifndef HAVE_CURL
			if (strcmp((*t)->name, "http") == 0)
				continue;
#endif
			fail_msg("%s", (*t)->name);
		}
	type.name = "pigeon";
	f->sink.type = &type;
	f->target = sink_open(&f->sink, f->loop, on_done, why, sizeof why);
	assert_null(f->target);
	assert_non_null(strstr(why, "pigeon"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(null_delivers_in_order, begin, end),
		cmocka_unit_test_setup_teardown(null_delays, begin, end),
		cmocka_unit_test_setup_teardown(null_does_not_answer_in_time, begin, end),
		cmocka_unit_test_setup_teardown(null_fails_as_it_is_told, begin, end),
		cmocka_unit_test_setup_teardown(what_is_on_the_way_is_forgotten_when_null_is_closed, begin, end),
		cmocka_unit_test_setup_teardown(programs_get_the_body_and_the_fields, begin, end),
		cmocka_unit_test_setup_teardown(exit_statuses_are_verdicts, begin, end),
		cmocka_unit_test_setup_teardown(a_program_ends_at_its_deadline, begin, end),
		cmocka_unit_test_setup_teardown(standard_output_is_the_reply, begin, end),
		cmocka_unit_test_setup_teardown(programs_end_when_the_sink_is_closed, begin, end),
		cmocka_unit_test_setup_teardown(a_program_that_is_missing_is_reported, begin, end),
		cmocka_unit_test_setup_teardown(each_type_has_a_driver, begin, end),
	};

	return cmocka_run_group_tests_name("drivers", tests, NULL, NULL);
}
