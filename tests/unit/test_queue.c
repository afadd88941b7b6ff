/* SPDX-License-Identifier: ISC */
/* relay/queue.c: the order of attempts, how many go at once, the circuit breaker, Retry-After, and the rate. */
#include "relaying.h"

#include "relay/queue.h"

static struct sink sink = {.max_in_flight = 3};

struct fixture {
	struct loop *loop;
	struct loop_timer pass;
	struct queue q;
};

static void never(void *ctx)
{
	(void)ctx;
	fail();
}

static int begin(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	*state = f;
	sink = (struct sink){.max_in_flight = 3};
	f->loop = loop_new();
	loop_timer_init(&f->pass, f->loop, never, NULL);
	queue_init(&f->q, NULL, &sink, &f->pass);
	return f->loop ? 0 : -1;
}

static int end(void **state)
{
	struct fixture *f = *state;

	queue_free(&f->q);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void add(struct queue *q, int n)
{
	for (int i = 1; i <= n; i++)
		queue_add(q, make_attempt(i, 1000, 0, NULL));
}

/* The pause that begins by this failure, in ms; its end is not waited for. */
static int64_t fail_once(struct queue *q, int64_t retry_after)
{
	struct attempt *a = queue_take(q);
	int64_t pause;

	assert_non_null(a);
	pause = queue_note(q, true, retry_after);
	queue_drop(q, a);
	return pause;
}

static void end_pause(struct queue *q)
{
	assert_true(q->paused_until > clock_mono_us());
	assert_null(queue_take(q));
	q->paused_until = clock_mono_us();
}

static void attempts_go_in_their_order(void **state)
{
	struct queue *q = &((struct fixture *)*state)->q;
	struct attempt *a[3];

	assert_null(queue_take(q));
	add(q, 5);
	assert_int_equal(q->n_ready, 5);
	assert_int_equal(q->ready_bytes, 5 * strlen("{\"text\":\"hello\"}"));
	for (int i = 0; i < 3; i++) {
		a[i] = queue_take(q);
		assert_int_equal(a[i]->relay, i + 1);
	}
	assert_null(queue_take(q)); /* max_in_flight */
	assert_int_equal(queue_note(q, false, 0), 0);
	assert_true(queue_has(q, 1, 101) && queue_has(q, 5, 105) && !queue_has(q, 5, 104) && !queue_has(q, 6, 106));
	queue_drop(q, a[0]);
	assert_false(queue_has(q, 1, 101));
	assert_int_equal(queue_take(q)->relay, 4);
}

static void a_queue_is_full_by_number_and_by_bytes(void **state)
{
	struct queue *q = &((struct fixture *)*state)->q;

	add(q, QUEUE_READ / 2 - 1);
	assert_false(queue_is_full(q));
	add(q, 1);
	assert_true(queue_is_full(q));
	assert_non_null(queue_take(q));
	assert_false(queue_is_full(q));
	q->ready_bytes = QUEUE_READ_BYTES;
	assert_true(queue_is_full(q));
}

/* Large bodies wait where many are under way; they hold up none of a few. */
static void test_bodies_bound_what_is_taken(void **state)
{
	struct queue *q = &((struct fixture *)*state)->q;
	struct attempt *first, *last;

	sink.max_in_flight = 100;
	add(q, QUEUE_TAKEN_FEW + 2);
	first = queue_take(q);
	q->taken_bytes += QUEUE_TAKEN_BYTES;
	for (int i = 1; i < QUEUE_TAKEN_FEW; i++)
		assert_non_null(queue_take(q));
	assert_null(queue_take(q));
	q->taken_bytes -= QUEUE_TAKEN_BYTES;
	last = queue_take(q);
	assert_non_null(last);
	queue_note(q, false, 0);
	queue_note(q, false, 0);
	queue_drop(q, first);
	queue_drop(q, last);
	assert_int_equal(q->taken_bytes, (QUEUE_TAKEN_FEW - 1) * strlen("{\"text\":\"hello\"}"));
}

/* Relays whose numbers fall together, and one number that two relays had. */
static void test_queue_knows_its_attempts(void **state)
{
	struct queue *q = &((struct fixture *)*state)->q;
	struct attempt *a;

	for (int i = 0; i < 3; i++)
		queue_add(q, make_attempt(7 + i * QUEUE_BUCKETS, 1000, 0, NULL));
	a = make_attempt(8, 1000, 0, NULL);
	a->relay = 7;
	queue_add_ended(q, a);
	assert_true(queue_has(q, 7, 107) && queue_has(q, 7, 108) && queue_has(q, 7 + QUEUE_BUCKETS, 107 + QUEUE_BUCKETS));
	assert_true(queue_knows(q, 7) && queue_knows(q, 7 + 2 * QUEUE_BUCKETS) && !queue_knows(q, 7 + 3 * QUEUE_BUCKETS) && !queue_knows(q, 8));
	queue_drop(q, a);
	assert_true(queue_has(q, 7, 107) && !queue_has(q, 7, 108) && queue_knows(q, 7));
	queue_drop_untried(q, queue_take(q));
	assert_true(!queue_knows(q, 7) && queue_knows(q, 7 + QUEUE_BUCKETS));
}

static void the_breaker_opens_after_failures_in_a_row(void **state)
{
	struct queue *q = &((struct fixture *)*state)->q;

	add(q, 20);
	for (int i = 0; i < 4; i++)
		assert_int_equal(fail_once(q, 0), 0);
	assert_non_null(queue_take(q));
	assert_int_equal(queue_note(q, false, 0), 0); /* a success: they are counted anew */
	for (int i = 0; i < 4; i++)
		assert_int_equal(fail_once(q, 0), 0);
	assert_in_range(fail_once(q, 0), 990, 1000);
	assert_null(queue_take(q));
}

static void the_pause_doubles_up_to_a_minute(void **state)
{
	static const int64_t pauses[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
	struct queue *q = &((struct fixture *)*state)->q;

	add(q, 20);
	for (int i = 0; i < 4; i++)
		fail_once(q, 0);
	for (size_t i = 0; i < COUNT(pauses); i++) {
		assert_in_range(fail_once(q, 0), (uintmax_t)pauses[i] - 10, (uintmax_t)pauses[i]);
		end_pause(q);
	}
}

static void half_open_one_attempt_at_a_time(void **state)
{
	struct queue *q = &((struct fixture *)*state)->q;

	add(q, 20);
	for (int i = 0; i < 5; i++)
		fail_once(q, 0);
	end_pause(q);
	assert_non_null(queue_take(q));
	assert_null(queue_take(q));
	assert_int_equal(queue_note(q, false, 0), 0); /* closed again */
	assert_non_null(queue_take(q));
	assert_non_null(queue_take(q));
	assert_non_null(queue_take(q));
	assert_null(queue_take(q));
}

/* All that were on the way when the target went down fail: that is one failure for the length of the pause, not three. */
static void failures_during_a_pause_do_not_make_it_longer(void **state)
{
	struct queue *q = &((struct fixture *)*state)->q;
	int64_t until;

	add(q, 20);
	for (int i = 0; i < 4; i++)
		fail_once(q, 0);
	for (int i = 0; i < 3; i++)
		assert_non_null(queue_take(q));
	assert_int_not_equal(queue_note(q, true, 0), 0);
	until = q->paused_until;
	assert_int_equal(queue_note(q, true, 0), 0);
	assert_int_equal(queue_note(q, true, 0), 0);
	assert_int_equal(q->paused_until, until);
	assert_int_equal(q->failures, 5);
}

static void retry_after_pauses_at_the_first_failure(void **state)
{
	struct fixture *f = *state;

	add(&f->q, 5);
	assert_in_range(fail_once(&f->q, 30000), 29990, 30000);
	assert_null(queue_take(&f->q));
	assert_int_equal(f->pass.at, f->q.paused_until); /* the pass comes then */
	assert_int_equal(queue_note(&f->q, true, 20000), 0); /* of another that was on the way: the longer one stays */
	assert_int_equal(f->pass.at, f->q.paused_until);
	f->q.n_in_flight++; /* it wasn't on the way */
}

static void a_success_with_retry_after_pauses_nothing(void **state)
{
	struct queue *q = &((struct fixture *)*state)->q;

	add(q, 2);
	assert_non_null(queue_take(q));
	assert_int_equal(queue_note(q, false, 30000), 0);
	assert_non_null(queue_take(q));
}

static void the_rate_holds_the_next_attempt(void **state)
{
	struct fixture *f = *state;
	struct attempt *a;

	assert_true(rate_parse("1/m", &sink.rate));
	sink.rate.burst = 2;
	add(&f->q, 5);
	assert_non_null(queue_take(&f->q));
	a = queue_take(&f->q);
	assert_non_null(a);
	assert_null(queue_take(&f->q));
	assert_in_range(f->q.held_ms, 59000, 60001);
	assert_in_range(f->pass.at - clock_mono_us(), 58000 * 1000, 60002 * 1000);
	queue_drop_untried(&f->q, a); /* nothing was sent: the next has its place */
	assert_non_null(queue_take(&f->q));
	assert_null(queue_take(&f->q));
}

/* What was not sent says nothing of the target: it is no failure and no success. */
static void the_breaker_learns_nothing_of_what_was_not_sent(void **state)
{
	struct queue *q = &((struct fixture *)*state)->q;

	add(q, 20);
	for (int i = 0; i < 4; i++)
		fail_once(q, 0);
	queue_drop_untried(q, queue_take(q));
	assert_int_equal(q->n_in_flight, 0);
	assert_int_equal(q->failures, 4);
	assert_int_not_equal(fail_once(q, 0), 0);
}

/* The ids of those that are ready, in their order: each is taken. */
static void takes(struct queue *q, const int *ids, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct attempt *a = queue_take(q);

		assert_non_null(a);
		assert_int_equal(a->relay, ids[i]);
		queue_note(q, false, 0);
		queue_drop(q, a);
	}
	assert_null(queue_take(q));
	assert_int_equal(q->n_ready, 0);
	assert_int_equal(q->ready_bytes, 0);
	assert_int_equal(q->n_asked, 0);
	assert_int_equal(q->asked_bytes, 0);
}

static void test_attempts_that_receivers_wait_for_go_first(void **state)
{
	struct queue *q = &((struct fixture *)*state)->q;
	bool ended = true;

	add(q, 5);
	assert_true(queue_hurry(q, 3, 103, &ended));
	assert_true(queue_hurry(q, 3, 103, &ended));
	assert_false(queue_hurry(q, 4, 999, &ended)); /* another event */
	assert_false(ended);
	queue_add_first(q, make_attempt(9, 1000, 0, NULL));
	assert_true(queue_hurry(q, 5, 105, &ended)); /* the last one */
	assert_int_equal(q->n_asked, 3);
	queue_add(q, make_attempt(6, 1000, 0, NULL));
	takes(q, (const int[]){3, 9, 5, 1, 2, 4, 6}, 7);
	queue_add_first(q, make_attempt(1, 1000, 0, NULL)); /* the only one */
	queue_add(q, make_attempt(2, 1000, 0, NULL));
	takes(q, (const int[]){1, 2}, 2);
}

static void test_queue_is_full_of_asked_by_number(void **state)
{
	struct queue *q = &((struct fixture *)*state)->q;

	for (int i = 1; i <= QUEUE_READ; i++) {
		assert_false(queue_is_full_of_asked(q));
		queue_add_first(q, make_attempt(i, 1000, 0, NULL));
	}
	assert_true(queue_is_full_of_asked(q));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(attempts_go_in_their_order, begin, end),
		cmocka_unit_test_setup_teardown(a_queue_is_full_by_number_and_by_bytes, begin, end),
		cmocka_unit_test_setup_teardown(test_bodies_bound_what_is_taken, begin, end),
		cmocka_unit_test_setup_teardown(test_queue_knows_its_attempts, begin, end),
		cmocka_unit_test_setup_teardown(the_breaker_opens_after_failures_in_a_row, begin, end),
		cmocka_unit_test_setup_teardown(the_pause_doubles_up_to_a_minute, begin, end),
		cmocka_unit_test_setup_teardown(half_open_one_attempt_at_a_time, begin, end),
		cmocka_unit_test_setup_teardown(failures_during_a_pause_do_not_make_it_longer, begin, end),
		cmocka_unit_test_setup_teardown(retry_after_pauses_at_the_first_failure, begin, end),
		cmocka_unit_test_setup_teardown(a_success_with_retry_after_pauses_nothing, begin, end),
		cmocka_unit_test_setup_teardown(the_rate_holds_the_next_attempt, begin, end),
		cmocka_unit_test_setup_teardown(the_breaker_learns_nothing_of_what_was_not_sent, begin, end),
		cmocka_unit_test_setup_teardown(test_attempts_that_receivers_wait_for_go_first, begin, end),
		cmocka_unit_test_setup_teardown(test_queue_is_full_of_asked_by_number, begin, end),
	};

	return cmocka_run_group_tests_name("queue", tests, NULL, NULL);
}
