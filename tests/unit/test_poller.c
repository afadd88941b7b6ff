/* SPDX-License-Identifier: ISC */
/* gate/poller, and what wakes threads: each way of this build returns the marks of what is ready, and of nothing else. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "core/descriptor.h"
#include "core/signal_fd.h"
#include "core/waker.h"
#include "gate/poller.h"

static struct poller g;

static int make_poller(const struct poller_way *way)
{
	g = (struct poller){way, way->make()};
	return g.state ? 0 : -1;
}

#ifdef HAVE_EPOLL
static int make_epoll_poller(void **state)
{
	(void)state;
	return make_poller(&poller_epoll);
}
#endif

static int make_poll_poller(void **state)
{
	(void)state;
	return make_poller(&poller_poll);
}

static int free_poller(void **state)
{
	(void)state;
	poller_close(&g);
	return 0;
}

static void make_ends(int ends[2])
{
	assert_true(descriptor_pair(SOCK_STREAM, ends));
}

static void close_ends(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static void readable_descriptors_are_returned_until_they_are_read(void **state)
{
	void *marks[POLLER_MOST];
	int p[2], q[2];
	char byte;

	(void)state;
	make_ends(p);
	make_ends(q);
	assert_true(poller_add(&g, p[0], POLLER_READABLE, &p));
	assert_true(poller_add(&g, q[0], POLLER_READABLE, &q));
	assert_int_equal(poller_wait(&g, 0, marks), 0);
	assert_int_equal(write(q[1], "x", 1), 1);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(poller_wait(&g, -1, marks), 1);
		assert_ptr_equal(marks[0], &q);
	}
	assert_int_equal(read(q[0], &byte, 1), 1);
	assert_int_equal(poller_wait(&g, 0, marks), 0);
	close(p[1]); /* the peer is gone */
	p[1] = -1;
	assert_int_equal(poller_wait(&g, -1, marks), 1);
	assert_ptr_equal(marks[0], &p);
	poller_remove(&g, p[0]);
	assert_int_equal(poller_wait(&g, 0, marks), 0);
	poller_forget(&g, q[0]);
	close_ends(p);
	close_ends(q);
}

/* The number of a descriptor that was closed is another one's. */
static void a_descriptor_to_be_looked_at_is_returned_without_input(void **state)
{
	void *marks[POLLER_MOST];
	int p[2];

	(void)state;
	make_ends(p);
	assert_true(poller_add(&g, p[0], POLLER_EITHER, &p));
	assert_int_equal(poller_wait(&g, -1, marks), 1);
	assert_ptr_equal(marks[0], &p);
	poller_remove(&g, p[0]);
	assert_int_equal(poller_wait(&g, 0, marks), 0);
	close_ends(p);
}

static void a_closed_descriptor_is_forgotten(void **state)
{
	void *marks[POLLER_MOST];
	int p[2], q[2];

	(void)state;
	make_ends(p);
	assert_true(poller_add(&g, p[0], POLLER_READABLE, &p));
	assert_int_equal(write(p[1], "x", 1), 1);
	poller_forget(&g, p[0]);
	close_ends(p);
	assert_int_equal(poller_wait(&g, 0, marks), 0);
	make_ends(q);
	assert_true(poller_add(&g, q[0], POLLER_READABLE, &q));
	assert_int_equal(poller_wait(&g, 0, marks), 0);
	assert_int_equal(write(q[1], "x", 1), 1);
	assert_int_equal(poller_wait(&g, -1, marks), 1);
	assert_ptr_equal(marks[0], &q);
	poller_forget(&g, q[0]);
	close_ends(q);
}

/* Input that stays does not keep the thread busy, and further input is told within a moment. */
static void changes_are_told_and_do_not_keep_the_thread_busy(void **state)
{
	void *marks[POLLER_MOST];
	int64_t end;
	int p[2], times = 0;

	(void)state;
	make_ends(p);
	assert_true(poller_add(&g, p[0], POLLER_CHANGED, &p));
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(poller_wait(&g, -1, marks), 1);
	assert_ptr_equal(marks[0], &p);
	for (end = clock_mono_us() + 200 * 1000; clock_mono_us() < end;)
		times += poller_wait(&g, 10, marks);
	assert_in_range(times, 0, 12);
	assert_int_equal(write(p[1], "y", 1), 1);
	assert_int_equal(poller_wait(&g, 20 * 1000, marks), 1);
	shutdown(p[1], SHUT_WR);
	assert_int_equal(poller_wait(&g, 20 * 1000, marks), 1);
	poller_remove(&g, p[0]);
	assert_int_equal(poller_wait(&g, 0, marks), 0);
	close_ends(p);
}

/* More than one wait returns are ready all the time. */
static void all_get_their_turn(void **state)
{
	enum { PAIRS = 3 * POLLER_MOST };
	static int p[PAIRS][2], count[PAIRS];
	void *marks[POLLER_MOST];

	(void)state;
	for (int i = 0; i < PAIRS; i++) {
		count[i] = 0;
		make_ends(p[i]);
		assert_int_equal(write(p[i][1], "x", 1), 1);
		assert_true(poller_add(&g, p[i][0], POLLER_READABLE, &count[i]));
	}
	for (int i = 0; i < 6; i++)
		for (int n = poller_wait(&g, -1, marks); n > 0; n--)
			++*(int *)marks[n - 1];
	for (int i = 0; i < PAIRS; i++) {
		assert_int_equal(count[i], 2);
		poller_forget(&g, p[i][0]);
		close_ends(p[i]);
	}
}

static int late[2];

static void *add_late(void *arg)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};

	nanosleep(&pause, NULL);
	assert_true(poller_add(&g, late[0], POLLER_READABLE, late));
	return arg;
}

static void a_descriptor_of_another_thread_ends_the_wait(void **state)
{
	void *marks[POLLER_MOST];
	pthread_t thread;

	(void)state;
	make_ends(late);
	assert_int_equal(write(late[1], "x", 1), 1);
	assert_int_equal(pthread_create(&thread, NULL, add_late, NULL), 0);
	assert_int_equal(poller_wait(&g, 30 * 1000, marks), 1);
	assert_ptr_equal(marks[0], late);
	pthread_join(thread, NULL);
	poller_forget(&g, late[0]);
	close_ends(late);
}

/* ---- what wakes threads */

static bool is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void a_waker_is_readable_until_it_is_cleared(void **state)
{
	struct waker w, none = WAKER_NONE;

	(void)state;
	assert_true(waker_open(&w));
	assert_false(is_readable(w.fd));
	assert_false(waker_clear(&w));
	for (int i = 0; i < 100000; i++) /* more than a pipe holds */
		waker_wake(&w);
	assert_true(is_readable(w.fd));
	assert_true(waker_clear(&w));
	assert_false(is_readable(w.fd));
	waker_close(&w);
	waker_close(&none);
	assert_int_equal(w.fd, -1);
}

static void signals_make_a_descriptor_readable(void **state)
{
	struct pollfd p = {.events = POLLIN};
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	p.fd = signal_fd_open(&set);
	assert_true(p.fd >= 0);
	assert_int_equal(signal_fd_next(p.fd), 0);
	kill(getpid(), SIGHUP);
	assert_int_equal(poll(&p, 1, 30 * 1000), 1);
	assert_int_equal(signal_fd_next(p.fd), SIGHUP);
	kill(getpid(), SIGUSR1);
	assert_int_equal(poll(&p, 1, 30 * 1000), 1);
	assert_int_equal(signal_fd_next(p.fd), SIGUSR1);
	assert_int_equal(signal_fd_next(p.fd), 0);
	close(p.fd);
}

#define WITH(test, way) {#test " (" #way ")", test, make_##way##_poller, free_poller, NULL}
#define WITH_ALL(way) \
	WITH(readable_descriptors_are_returned_until_they_are_read, way), WITH(a_closed_descriptor_is_forgotten, way), \
	WITH(a_descriptor_to_be_looked_at_is_returned_without_input, way), \
	WITH(changes_are_told_and_do_not_keep_the_thread_busy, way), WITH(all_get_their_turn, way), \
	WITH(a_descriptor_of_another_thread_ends_the_wait, way)

int main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef HAVE_EPOLL
		WITH_ALL(epoll),
#endif
		WITH_ALL(poll),
		cmocka_unit_test(a_waker_is_readable_until_it_is_cleared),
		cmocka_unit_test(signals_make_a_descriptor_readable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
