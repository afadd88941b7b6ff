/* SPDX-License-Identifier: ISC */
/* relay/result.c: what becomes of an attempt by what its driver reports. */
#include "relaying.h"

#include "relay/state.h"

enum { DAY = 86400 * 1000 };

static char name[] = "out", reply_name[] = "answers";
static struct sink sinks[2];
static struct conf conf = {.sinks = sinks, .n_sinks = 2};

struct fixture {
	struct relay r;
	struct queue q[2];
};

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	*state = f;
	sinks[0] = (struct sink){.name = name, .max_in_flight = 10, .retry = {10000, 3600000, 3 * INT64_C(86400000)}};
	sinks[1] = (struct sink){.name = reply_name, .max_in_flight = 10, .replies = true};
	f->r = (struct relay){.conf = &conf, .loop = loop_new(), .queues = f->q, .n_queues = 2,
		.clock_ahead = clock_now() - clock_mono_us() / 1000};
	f->r.last_result = &f->r.results;
	loop_timer_init(&f->r.pass, f->r.loop, NULL, NULL);
	for (int i = 0; i < 2; i++)
		queue_init(&f->q[i], &f->r, &sinks[i], &f->r.pass);
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	queue_free(&f->q[0]);
	queue_free(&f->q[1]);
	loop_free(f->r.loop);
	free(f);
	return 0;
}

/* The result of an attempt that began now. */
static const struct spool_attempt *result(struct fixture *f, struct attempt *a, struct sink_result got)
{
	queue_add(&f->q[0], a);
	assert_ptr_equal(queue_take(&f->q[0]), a);
	a->started = clock_now();
	result_of(&a->message, &got);
	assert_int_equal(f->q[0].n_in_flight, 0);
	return &a->result;
}

static struct attempt *first_attempt(void)
{
	return make_attempt(1, clock_now(), 0, NULL);
}

static void delivered(void **state)
{
	struct fixture *f = *state;
	const struct spool_attempt *a = result(f, first_attempt(),
		(struct sink_result){.verdict = SINK_DELIVERED, .status = 201, .ms = 12, .place = "partition 3 offset 9"});

	assert_true(a->state == SPOOL_RELAY_DONE && !a->error && a->status == 201 && a->ms == 12 && !a->pauses);
	assert_int_equal(a->relay, 1);
	assert_int_equal(a->event, 101);
	assert_int_equal(a->answer.n, strlen("partition 3 offset 9"));
	assert_memory_equal(a->answer.p, "partition 3 offset 9", a->answer.n);
	assert_ptr_equal(f->r.results, a);
	assert_int_equal(f->r.n_results, 1);
	assert_true(f->r.record_at > clock_mono_us()); /* it waits for others... */
	for (unsigned i = 1; i < RECORD_MOST; i++)
		result(f, first_attempt(), (struct sink_result){.verdict = SINK_DELIVERED, .answer = {"ok", 2}, .place = "x"});
	assert_int_equal(f->r.record_at, 0); /* ...until there are enough */
	assert_true(f->r.results->next->answer.n == 2 && memcmp(f->r.results->next->answer.p, "ok", 2) == 0); /* the answer goes before the place */
}

static void refused_is_a_dead_letter(void **state)
{
	struct fixture *f = *state;
	const struct spool_attempt *a;

	for (int i = 0; i < 10; i++) { /* and no failure of the target */
		a = result(f, first_attempt(), (struct sink_result){.verdict = SINK_REFUSED, .error = "no such topic"});
		assert_true(a->state == SPOOL_RELAY_DEAD && !a->pauses);
		assert_string_equal(a->error, "no such topic");
	}
	assert_int_equal(f->q[0].failures, 0);
}

static void retry_is_due_by_the_schedule(void **state)
{
	struct fixture *f = *state;
	int64_t now = clock_now();
	const struct spool_attempt *a = result(f, first_attempt(), (struct sink_result){.verdict = SINK_RETRY, .target_failed = true, .error = "down"});

	assert_int_equal(a->state, SPOOL_RELAY_PENDING);
	assert_in_range(a->due - now, 1000, 11000);
	assert_in_range(a->since - now, 0, 1000);
	assert_int_equal(f->q[0].failures, 1);
	a = result(f, make_attempt(2, now, 5, NULL), (struct sink_result){.verdict = SINK_RETRY});
	assert_in_range(a->due - now, 32000, 321000); /* 10 s doubled five times */
	assert_int_equal(f->q[0].failures, 0); /* the target did not fail: it takes others */
}

static void retry_ends_with_the_time_for_it(void **state)
{
	struct fixture *f = *state;
	struct attempt *a = make_attempt(1, clock_now() - 3 * INT64_C(86400000), 30, NULL);

	assert_int_equal(result(f, a, (struct sink_result){.verdict = SINK_RETRY, .target_failed = true})->state, SPOOL_RELAY_DEAD);
	sinks[0].retry.within += 2 * INT64_C(3600000);
	a = make_attempt(2, clock_now() - 3 * INT64_C(86400000), 30, NULL);
	assert_int_equal(result(f, a, (struct sink_result){.verdict = SINK_RETRY, .target_failed = true})->state, SPOOL_RELAY_PENDING);
}

static void retry_after_puts_the_next_attempt_off(void **state)
{
	struct fixture *f = *state;
	int64_t now = clock_now();
	const struct spool_attempt *a = result(f, first_attempt(),
		(struct sink_result){.verdict = SINK_RETRY, .target_failed = true, .retry_after = DAY, .status = 429});

	assert_in_range(a->due - now, DAY, DAY + 1000);
	/* the sink itself pauses for the longest pause of its schedule at most, and the spool is told */
	assert_string_equal(a->pauses, "out");
	assert_in_range(a->pause_until - now, 3600000 - 10, 3600000 + 1000);
	assert_int_equal(a->pause_failures, 1);
	f->q[0].paused_until = 0;
	a = result(f, first_attempt(), (struct sink_result){.verdict = SINK_RETRY, .target_failed = true, .retry_after = 7 * INT64_C(86400000)});
	assert_in_range(a->due - now, 3 * INT64_C(86400000) - 1000, 3 * INT64_C(86400000) + 1000); /* not beyond the end of its time */
}

static void the_spool_is_told_of_pauses_and_of_their_ends(void **state)
{
	struct fixture *f = *state;
	const struct spool_attempt *a;

	for (int i = 0; i < 4; i++)
		assert_null(result(f, first_attempt(), (struct sink_result){.verdict = SINK_RETRY, .target_failed = true})->pauses);
	a = result(f, first_attempt(), (struct sink_result){.verdict = SINK_RETRY, .target_failed = true});
	assert_true(a->pauses && a->pause_until > clock_now() && a->pause_failures == 5);
	f->q[0].paused_until = clock_mono_us();
	a = result(f, first_attempt(), (struct sink_result){.verdict = SINK_DELIVERED});
	assert_true(a->pauses && a->pause_until == 0 && a->pause_failures == 0);
	assert_null(result(f, first_attempt(), (struct sink_result){.verdict = SINK_DELIVERED})->pauses);
}

/* A reply to a person must not arrive twice; an event may. */
static void a_reply_in_doubt_is_a_dead_letter(void **state)
{
	struct fixture *f = *state;
	const struct sink_result doubt = {.verdict = SINK_RETRY, .in_doubt = true, .target_failed = true, .error = "no answer"};
	const struct spool_attempt *a = result(f, make_attempt(1, clock_now(), 0, "Hello"), doubt);

	assert_int_equal(a->state, SPOOL_RELAY_DEAD);
	assert_string_equal(a->error, "no answer; it may have arrived");
	assert_int_equal(f->q[0].failures, 1);
	a = result(f, make_attempt(1, clock_now(), 0, "Hello"), (struct sink_result){.verdict = SINK_REFUSED, .in_doubt = true});
	assert_string_equal(a->error, "it may have arrived");
	a = result(f, make_attempt(1, clock_now(), 0, "Hello"), (struct sink_result){.verdict = SINK_RETRY, .error = "no"});
	assert_int_equal(a->state, SPOOL_RELAY_PENDING);
	a = result(f, first_attempt(), doubt);
	assert_int_equal(a->state, SPOOL_RELAY_PENDING);
	assert_string_equal(a->error, "no answer");
}

static void what_was_not_sent_is_no_failure(void **state)
{
	struct fixture *f = *state;

	assert_true(rate_parse("1/h", &sinks[0].rate));
	sinks[0].rate.burst = 1;
	for (int i = 0; i < 10; i++) /* the rate gets each back, too */
		assert_null(result(f, first_attempt(), (struct sink_result){.verdict = SINK_REFUSED, .unsent = true})->pauses);
	assert_int_equal(f->q[0].failures, 0);
}

static void a_programs_reply_goes_to_its_sink(void **state)
{
	struct fixture *f = *state;
	const struct spool_attempt *a;
	char said[] = "Good morning";

	sinks[0].reply = reply_name;
	a = result(f, first_attempt(), (struct sink_result){.verdict = SINK_DELIVERED, .reply = {said, strlen(said)}});
	memset(said, 0, sizeof said); /* it was borrowed */
	assert_ptr_equal(a->reply_to, &sinks[1]);
	assert_int_equal(a->reply.n, strlen("Good morning"));
	assert_memory_equal(a->reply.p, "Good morning", a->reply.n);
	assert_null(result(f, first_attempt(), (struct sink_result){.verdict = SINK_DELIVERED})->reply_to);
}

static void unwanted_and_unfiltered(void **state)
{
	struct fixture *f = *state;
	struct attempt *a = first_attempt(), *b = first_attempt();

	queue_add_ended(&f->q[0], a);
	result_unwanted(&f->r, a);
	assert_int_equal(a->result.state, SPOOL_RELAY_UNWANTED);
	queue_add_ended(&f->q[0], b);
	result_unfiltered(&f->r, b);
	assert_true(b->result.state == SPOOL_RELAY_DEAD && b->result.unjudged && b->result.error);
	assert_int_equal(f->r.n_results, 2);
	assert_int_equal(f->q[0].n_in_flight, 0);
}

/* ---- receivers that wait */

static void no_call(void *ctx)
{
	(void)ctx;
}

/* A receiver that waits for the events of make_attempt(1) to make_attempt(n). */
static int wait_for(struct fixture *f, int64_t n)
{
	struct spool_ack_key keys[16];
	struct loop_timer end;
	int fd;

	loop_timer_init(&f->r.pass, f->r.loop, no_call, NULL);
	f->r.acks = acks_new(f->r.loop, &f->r.pass, ".");
	assert_non_null(f->r.acks);
	fd = spool_ack_connect(".");
	assert_true(fd >= 0);
	for (int64_t i = 0; i < n; i++)
		keys[i] = (struct spool_ack_key){i + 1, i + 101};
	assert_int_equal(spool_ack_ask(fd, keys, (size_t)n), SPOOL_ACK_ASKED);
	loop_timer_init(&end, f->r.loop, no_call, NULL);
	for (int i = 0; i < 50; i++) {
		loop_timer_set(&end, 0);
		loop_wait(f->r.loop);
	}
	loop_timer_stop(&end);
	loop_timer_stop(&f->r.pass);
	return fd;
}

/* The spool's lock may be held by the next commit. A few results are recorded first, as a sender may look; so are dead letters. */
static void many_are_told_before_they_are_recorded(void **state)
{
	struct fixture *f = *state;
	struct spool_ack acks[SPOOL_ACK_MOST];
	int fd = wait_for(f, 10);

	result(f, make_attempt(10, clock_now(), 0, NULL), (struct sink_result){.verdict = SINK_REFUSED});
	for (int64_t i = 1; i <= 6; i++)
		result(f, make_attempt(i, clock_now(), 0, NULL), (struct sink_result){.verdict = SINK_DELIVERED});
	assert_int_equal(f->r.record_at, 0);
	assert_false(result_tell(&f->r));
	assert_int_equal(spool_ack_read(fd, acks), 0);
	result(f, make_attempt(7, clock_now(), 0, NULL), (struct sink_result){.verdict = SINK_DELIVERED});
	assert_true(result_tell(&f->r));
	assert_true(f->r.record_at > clock_mono_us() && f->r.n_results == 8);
	assert_int_equal(spool_ack_read(fd, acks), 7); /* in one packet */
	for (int i = 0; i < 7; i++)
		assert_true(acks[i].key.relay == i + 1 && acks[i].key.event == i + 101 && acks[i].state == SPOOL_ACK_DELIVERED);
	assert_false(result_tell(&f->r)); /* none waits for the others: they are recorded at their time */
	f->r.unwritten_since = 1;
	result(f, make_attempt(8, clock_now(), 0, NULL), (struct sink_result){.verdict = SINK_DELIVERED});
	assert_false(result_tell(&f->r));
	assert_true(acks_has(f->r.acks, (struct spool_ack_key){10, 110}));
	close(fd);
	acks_free(f->r.acks);
}

/* So many are recorded next. No answer waits for that. */
static void very_many_are_told_and_recorded(void **state)
{
	struct fixture *f = *state;
	struct spool_ack acks[SPOOL_ACK_MOST];
	int fd = wait_for(f, 10);

	for (int64_t i = 1; i <= 64; i++)
		result(f, make_attempt(i, clock_now(), 0, NULL), (struct sink_result){.verdict = SINK_DELIVERED});
	assert_false(result_tell(&f->r));
	assert_int_equal(f->r.record_at, 0);
	assert_int_equal(spool_ack_read(fd, acks), 10);
	close(fd);
	acks_free(f->r.acks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(delivered, begin, end),
		cmocka_unit_test_setup_teardown(refused_is_a_dead_letter, begin, end),
		cmocka_unit_test_setup_teardown(retry_is_due_by_the_schedule, begin, end),
		cmocka_unit_test_setup_teardown(retry_ends_with_the_time_for_it, begin, end),
		cmocka_unit_test_setup_teardown(retry_after_puts_the_next_attempt_off, begin, end),
		cmocka_unit_test_setup_teardown(the_spool_is_told_of_pauses_and_of_their_ends, begin, end),
		cmocka_unit_test_setup_teardown(a_reply_in_doubt_is_a_dead_letter, begin, end),
		cmocka_unit_test_setup_teardown(what_was_not_sent_is_no_failure, begin, end),
		cmocka_unit_test_setup_teardown(a_programs_reply_goes_to_its_sink, begin, end),
		cmocka_unit_test_setup_teardown(unwanted_and_unfiltered, begin, end),
		cmocka_unit_test_setup_teardown(many_are_told_before_they_are_recorded, begin, end),
		cmocka_unit_test_setup_teardown(very_many_are_told_and_recorded, begin, end),
	};

	return cmocka_run_group_tests_name("result", tests, NULL, NULL);
}
