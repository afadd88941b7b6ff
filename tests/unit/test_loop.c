/* SPDX-License-Identifier: ISC */
/* core/loop: timers come in order and in time, descriptors and signals call their functions, and what was stopped does not. */
#include "config.h"

#include "unit.h"

#include <fcntl.h>
#include <signal.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/loop_backend.h"

static char calls[64]; /* a letter for each call */

static void note(char letter)
{
	size_t n = strlen(calls);

	assert_true(n + 1 < sizeof calls);
	calls[n] = letter;
	calls[n + 1] = '\0';
}

struct timed {
	struct loop_timer timer;
	char letter;
	struct loop_timer *stops;
	int64_t again; /* set again to this time, once */
	int64_t called;
};

static void on_timer(void *ctx)
{
	struct timed *t = ctx;

	note(t->letter);
	t->called = clock_mono_us();
	if (t->stops)
		loop_timer_stop(t->stops);
	if (t->again)
		loop_timer_set(&t->timer, t->again);
	t->again = 0;
}

#ifdef HAVE_EPOLL
static int make_epoll_loop(void **state)
{
	*calls = '\0';
	*state = loop_new_with(&loop_epoll);
	return *state ? 0 : -1;
}
#endif

static int make_poll_loop(void **state)
{
	*calls = '\0';
	*state = loop_new_with(&loop_poll);
	return *state ? 0 : -1;
}

static int free_loop(void **state)
{
	loop_free(*state);
	return 0;
}

static void timers_come_in_their_order(void **state)
{
	struct timed t[4];
	int64_t now = clock_mono_us();

	for (int i = 0; i < 4; i++) {
		t[i] = (struct timed){.letter = (char)('a' + i)};
		loop_timer_init(&t[i].timer, *state, on_timer, &t[i]);
	}
	loop_timer_set(&t[0].timer, now + 30000);
	loop_timer_set(&t[1].timer, now + 10000);
	loop_timer_set(&t[2].timer, now + 20000);
	loop_timer_set(&t[3].timer, now - 1);
	while (strlen(calls) < 4)
		loop_wait(*state);
	assert_string_equal(calls, "dbca");
	for (int i = 0; i < 3; i++)
		assert_in_range(t[i].called - now, (uintmax_t)(t[i].timer.at - now), (uintmax_t)(t[i].timer.at - now + 200000));
}

/* One set to a time that has come waits for the next loop_wait(): it can't keep the loop from its other work. */
static void a_timer_set_by_its_own_call_waits_for_the_next_round(void **state)
{
	struct timed t = {.letter = 'a', .again = 1};

	loop_timer_init(&t.timer, *state, on_timer, &t);
	loop_timer_set(&t.timer, 1);
	loop_wait(*state);
	assert_string_equal(calls, "a");
	loop_wait(*state);
	assert_string_equal(calls, "aa");
}

static void a_stopped_timer_does_not_call(void **state)
{
	struct timed a = {.letter = 'a'}, b = {.letter = 'b'}, never = {.letter = 'n'};

	loop_timer_init(&a.timer, *state, on_timer, &a);
	loop_timer_init(&b.timer, *state, on_timer, &b);
	loop_timer_init(&never.timer, *state, on_timer, &never);
	loop_timer_stop(&never.timer);
	loop_timer_set(&a.timer, 1);
	loop_timer_set(&b.timer, 2);
	a.stops = &b.timer; /* although both are due */
	loop_wait(*state);
	assert_string_equal(calls, "a");
	loop_timer_set(&b.timer, 1);
	loop_wait(*state);
	assert_string_equal(calls, "ab");
}

static void lowering_keeps_the_earlier_time(void **state)
{
	struct loop_timer t;

	loop_timer_init(&t, *state, on_timer, NULL);
	loop_timer_lower(&t, 500);
	assert_int_equal(t.at, 500);
	loop_timer_lower(&t, 600);
	assert_int_equal(t.at, 500);
	loop_timer_lower(&t, 400);
	assert_int_equal(t.at, 400);
	loop_timer_set(&t, 700);
	assert_int_equal(t.at, 700);
	loop_timer_stop(&t);
}

/* ---- descriptors */

struct piped {
	struct loop *loop;
	int end[2];
	char letter;
	struct piped *stops;
	int other; /* what takes its place */
	bool reads;
};

static void on_pipe(void *ctx, int fd, unsigned events)
{
	struct piped *p = ctx;
	char byte;

	note(events == LOOP_READ ? p->letter : events == LOOP_WRITE ? (char)(p->letter - 'a' + 'A') : '?');
	if (p->reads)
		assert_true(read(fd, &byte, 1) >= 0);
	if (!p->stops)
		return;
	loop_unwatch(p->loop, p->stops->end[0]);
	assert_int_equal(dup2(p->other, p->stops->end[0]), p->stops->end[0]); /* its number is another file's now */
	assert_true(loop_watch(p->loop, p->stops->end[0], LOOP_READ, on_pipe, p->stops));
}

static void make_pipe(struct piped *p, struct loop *l, char letter)
{
	*p = (struct piped){.loop = l, .letter = letter};
	assert_int_equal(pipe(p->end), 0);
}

static void close_pipe(struct piped *p)
{
	loop_unwatch(p->loop, p->end[0]);
	loop_unwatch(p->loop, p->end[1]);
	close(p->end[0]);
	close(p->end[1]);
}

static void descriptors_call_when_they_are_ready(void **state)
{
	struct piped p;

	make_pipe(&p, *state, 'p');
	p.reads = true;
	assert_true(loop_watch(*state, p.end[0], LOOP_READ, on_pipe, &p));
	assert_int_equal(write(p.end[1], "xy", 2), 2);
	loop_wait(*state);
	assert_string_equal(calls, "p");
	loop_wait(*state);
	assert_string_equal(calls, "pp");
	p.reads = false;
	assert_true(loop_watch(*state, p.end[1], LOOP_WRITE, on_pipe, &p));
	loop_wait(*state);
	assert_string_equal(calls, "ppP");
	loop_unwatch(*state, p.end[1]);
	close(p.end[1]);
	p.end[1] = -1;
	loop_wait(*state); /* the other end hung up */
	assert_string_equal(calls, "ppPp");
	close_pipe(&p);
}

static void a_new_watch_takes_the_place_of_the_old_one(void **state)
{
	struct piped p, q;

	make_pipe(&p, *state, 'p');
	make_pipe(&q, *state, 'q');
	assert_true(loop_watch(*state, p.end[0], LOOP_READ, on_pipe, &p));
	assert_true(loop_watch(*state, p.end[0], LOOP_READ, on_pipe, &q));
	assert_int_equal(write(p.end[1], "x", 1), 1);
	loop_wait(*state);
	assert_string_equal(calls, "q");
	close_pipe(&p);
	/* a descriptor that was closed without loop_unwatch(), and whose number comes back */
	assert_true(loop_watch(*state, q.end[0], LOOP_READ, on_pipe, &q));
	close(q.end[0]);
	close(q.end[1]);
	make_pipe(&q, *state, 'r');
	assert_true(loop_watch(*state, q.end[0], LOOP_READ, on_pipe, &q));
	assert_int_equal(write(q.end[1], "x", 1), 1);
	loop_wait(*state);
	assert_string_equal(calls, "qr");
	close_pipe(&q);
	assert_false(loop_watch(*state, q.end[0], LOOP_READ, on_pipe, &q));
	assert_false(loop_watch(*state, -1, LOOP_READ, on_pipe, &q));
	loop_unwatch(*state, -1);
	loop_unwatch(*state, 1000000);
}

/* Both are readable at once; the first call ends the other's watch, and gives its number to another file. */
static void an_ended_watch_does_not_call(void **state)
{
	struct piped p, q, silent;

	make_pipe(&p, *state, 'p');
	make_pipe(&q, *state, 'q');
	make_pipe(&silent, *state, 's');
	p.other = q.other = silent.end[0];
	p.stops = &q;
	q.stops = &p;
	assert_true(loop_watch(*state, p.end[0], LOOP_READ, on_pipe, &p));
	assert_true(loop_watch(*state, q.end[0], LOOP_READ, on_pipe, &q));
	assert_int_equal(write(p.end[1], "x", 1), 1);
	assert_int_equal(write(q.end[1], "x", 1), 1);
	loop_wait(*state);
	assert_int_equal(strlen(calls), 1);
	close_pipe(&p);
	close_pipe(&q);
	close_pipe(&silent);
}

/* Not busy waiting for ever: a descriptor that is ready and not watched any more ends a wait once at most. */
static void a_descriptor_that_is_not_watched_any_more_does_not_keep_the_loop_busy(void **state)
{
	struct timed t = {.letter = 't'};
	struct piped p;
	int waits = 0;

	make_pipe(&p, *state, 'p');
	assert_true(loop_watch(*state, p.end[0], LOOP_READ, on_pipe, &p));
	assert_int_equal(write(p.end[1], "x", 1), 1);
	loop_unwatch(*state, p.end[0]);
	loop_timer_init(&t.timer, *state, on_timer, &t);
	loop_timer_set(&t.timer, clock_mono_us() + 20000);
	for (; !*calls; waits++)
		loop_wait(*state);
	assert_string_equal(calls, "t");
	assert_in_range(waits, 1, 3);
	assert_true(loop_watch(*state, p.end[0], LOOP_READ, on_pipe, &p)); /* and it can be watched again */
	loop_wait(*state);
	assert_string_equal(calls, "tp");
	close_pipe(&p);
}

static void count_ready(void *ctx, int fd, unsigned events)
{
	(void)fd;
	(void)events;
	++*(int *)ctx;
}

/* More than one wait hands out are ready all the time; none waits behind the others for ever. */
static void all_descriptors_get_their_turn(void **state)
{
	enum { PIPES = 3 * LOOP_READY };
	static struct piped p[PIPES];
	int count[PIPES] = {0};

	for (int i = 0; i < PIPES; i++) {
		make_pipe(&p[i], *state, 'p');
		assert_int_equal(write(p[i].end[1], "x", 1), 1);
		assert_true(loop_watch(*state, p[i].end[0], LOOP_READ, count_ready, &count[i]));
	}
	for (int i = 0; i < 6; i++)
		loop_wait(*state);
	for (int i = 0; i < PIPES; i++) {
		assert_int_equal(count[i], 2);
		close_pipe(&p[i]);
	}
}

/* ---- signals */

static void on_first(void *ctx, int number)
{
	(void)ctx;
	note(number == SIGUSR1 ? 'u' : 'v');
}

static void on_second(void *ctx, int number)
{
	(void)number;
	note('w');
	if (ctx)
		loop_signal_stop(ctx);
}

static void signals_call_all_their_watches(void **state)
{
	struct loop_signal first = {0}, other = {0}, second = {0};

	loop_signal_stop(&first);
	assert_true(loop_signal_start(*state, &first, SIGUSR1, on_first, NULL));
	assert_true(loop_signal_start(*state, &other, SIGUSR2, on_first, NULL));
	assert_true(loop_signal_start(*state, &second, SIGUSR1, on_second, &second));
	kill(getpid(), SIGUSR1);
	loop_wait(*state);
	assert_string_equal(calls, "uw");
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR2);
	loop_wait(*state);
	assert_string_equal(calls, "uwuv");
	loop_signal_stop(&first);
	loop_signal_stop(&other);
}

#ifdef HAVE_EPOLL
#define WITH_BOTH(test) {#test " with epoll", test, make_epoll_loop, free_loop, NULL}, {#test " with poll", test, make_poll_loop, free_loop, NULL}
#else
#define WITH_BOTH(test) {#test " with poll", test, make_poll_loop, free_loop, NULL}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_BOTH(timers_come_in_their_order),
		WITH_BOTH(a_timer_set_by_its_own_call_waits_for_the_next_round),
		WITH_BOTH(a_stopped_timer_does_not_call),
		WITH_BOTH(lowering_keeps_the_earlier_time),
		WITH_BOTH(descriptors_call_when_they_are_ready),
		WITH_BOTH(a_new_watch_takes_the_place_of_the_old_one),
		WITH_BOTH(an_ended_watch_does_not_call),
		WITH_BOTH(a_descriptor_that_is_not_watched_any_more_does_not_keep_the_loop_busy),
		WITH_BOTH(all_descriptors_get_their_turn),
		WITH_BOTH(signals_call_all_their_watches),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
