/* SPDX-License-Identifier: ISC */
/* relay/acks: receivers are told what they asked for, once, and cannot make the relay hold more than its bounds. */
#include "unit.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "core/loop.h"
#include "relay/acks.h"

static struct {
	struct loop *loop;
	struct loop_timer timer;
	struct acks *acks;
	int woken;
} g;

static void on_timer(void *ctx)
{
	(void)ctx;
	g.woken++;
}

static int start(void **state)
{
	(void)state;
	g.woken = 0;
	g.loop = loop_new();
	loop_timer_init(&g.timer, g.loop, on_timer, NULL);
	g.acks = acks_new(g.loop, &g.timer, ".");
	return g.acks ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	acks_free(g.acks);
	loop_timer_stop(&g.timer);
	loop_free(g.loop);
	return 0;
}

/* Lets the relay do all that there is to do. */
static void turn(void)
{
	static struct loop_timer end;

	loop_timer_init(&end, g.loop, on_timer, NULL);
	for (int i = 0; i < 50; i++) {
		loop_timer_set(&end, 0);
		loop_wait(g.loop);
	}
	loop_timer_stop(&end);
}

static int receiver(void)
{
	int fd = spool_ack_connect(".");

	assert_true(fd >= 0);
	turn();
	return fd;
}

static void ask_for(int fd, int64_t relay, int64_t event)
{
	assert_int_equal(spool_ack_ask(fd, &(struct spool_ack_key){relay, event}, 1), SPOOL_ACK_ASKED);
	turn();
}

static size_t take(struct spool_ack_key out[8])
{
	return acks_take(g.acks, out, 8);
}

/* The answers that the receiver has; SPOOL_ACK_GONE: the relay closed the connection. */
static int told(int fd, struct spool_ack *first)
{
	struct spool_ack acks[SPOOL_ACK_MOST];
	int n = spool_ack_read(fd, acks);

	if (n > 0)
		*first = acks[0];
	return n;
}

static void test_key_is_given_out_once_and_told_once(void **state)
{
	const struct spool_ack_key key = {7, 70};
	struct spool_ack_key keys[8];
	struct spool_ack ack;
	int fd = receiver();

	(void)state;
	assert_false(acks_has(g.acks, key));
	ask_for(fd, 7, 70);
	assert_true(g.woken > 0);
	assert_true(acks_has(g.acks, key));
	assert_false(acks_has(g.acks, (struct spool_ack_key){7, 71}));
	assert_int_equal(take(keys), 1);
	assert_memory_equal(keys, &key, sizeof key);
	assert_int_equal(take(keys), 0);
	acks_tell(g.acks, (struct spool_ack_key){7, 71}, SPOOL_ACK_DELIVERED);
	assert_int_equal(told(fd, &ack), 0);
	acks_tell(g.acks, key, SPOOL_ACK_REFUSED);
	assert_int_equal(told(fd, &ack), 1);
	assert_memory_equal(&ack.key, &key, sizeof key);
	assert_int_equal(ack.state, SPOOL_ACK_REFUSED);
	acks_tell(g.acks, key, SPOOL_ACK_DELIVERED);
	assert_int_equal(told(fd, &ack), 0);
	assert_false(acks_has(g.acks, key));
	close(fd);
}

static void test_keys_come_in_their_order(void **state)
{
	struct spool_ack_key keys[8];
	int fd = receiver();

	(void)state;
	for (int64_t i = 1; i <= 4; i++)
		ask_for(fd, i, i);
	acks_tell(g.acks, (struct spool_ack_key){2, 2}, SPOOL_ACK_DELIVERED);
	assert_int_equal(acks_take(g.acks, keys, 2), 2);
	assert_int_equal(keys[0].relay, 1);
	assert_int_equal(keys[1].relay, 3);
	acks_put_back(g.acks, keys[0]);
	assert_int_equal(take(keys), 2);
	assert_int_equal(keys[0].relay, 1);
	assert_int_equal(keys[1].relay, 4);
	close(fd);
}

static void test_key_that_is_asked_for_again_is_given_out_again(void **state)
{
	struct spool_ack_key keys[8];
	struct spool_ack ack;
	int fd = receiver();

	(void)state;
	ask_for(fd, 1, 1);
	assert_int_equal(take(keys), 1);
	ask_for(fd, 1, 1);
	assert_int_equal(take(keys), 1);
	acks_tell(g.acks, keys[0], SPOOL_ACK_DELIVERED);
	assert_int_equal(told(fd, &ack), 1);
	close(fd);
}

static void test_keys_that_are_put_off_come_again_the_newest_first(void **state)
{
	const struct queue *one = (const struct queue *)(const void *)&g.loop, *two = (const struct queue *)(const void *)&g.acks;
	struct spool_ack_key keys[8];
	int fd = receiver();

	(void)state;
	for (int64_t i = 1; i <= 4; i++)
		ask_for(fd, i, i);
	assert_int_equal(take(keys), 4);
	for (size_t i = 0; i < 4; i++)
		acks_put_off(g.acks, keys[i], i == 3 ? two : one);
	assert_int_equal(take(keys), 0);
	assert_true(acks_again(g.acks, one, 2));
	assert_int_equal(take(keys), 2);
	assert_int_equal(keys[0].relay, 2);
	assert_int_equal(keys[1].relay, 3);
	assert_false(acks_again(g.acks, one, 2));
	assert_int_equal(take(keys), 1);
	assert_int_equal(keys[0].relay, 1);
	assert_false(acks_again(g.acks, two, 2));
	assert_int_equal(take(keys), 1);
	assert_int_equal(keys[0].relay, 4);
	close(fd);
}

static void test_every_receiver_is_told(void **state)
{
	const struct spool_ack_key key = {1, 1};
	int fds[] = {receiver(), receiver(), receiver()};
	struct spool_ack ack;

	(void)state;
	for (size_t i = 0; i < COUNT(fds); i++)
		ask_for(fds[i], 1, 1);
	close(fds[1]);
	turn();
	acks_tell(g.acks, key, SPOOL_ACK_DELIVERED);
	assert_int_equal(told(fds[0], &ack), 1);
	assert_int_equal(told(fds[2], &ack), 1);
	close(fds[0]);
	close(fds[2]);
}

static void test_receiver_that_leaves_is_forgotten(void **state)
{
	int fd = receiver();

	(void)state;
	ask_for(fd, 1, 1);
	close(fd);
	turn();
	assert_false(acks_has(g.acks, (struct spool_ack_key){1, 1}));
}

static void test_malformed_packet_ends_the_connection(void **state)
{
	struct spool_ack ack;
	int fd = receiver();

	(void)state;
	ask_for(fd, 1, 1);
	assert_int_equal(send(fd, "!", 1, 0), 1);
	turn();
	assert_int_equal(told(fd, &ack), SPOOL_ACK_GONE);
	assert_false(acks_has(g.acks, (struct spool_ack_key){1, 1}));
	close(fd);
}

static void test_connections_are_bounded(void **state)
{
	struct spool_ack ack;
	int fds[ACKS_CONNECTIONS], more;

	(void)state;
	for (size_t i = 0; i < COUNT(fds); i++)
		fds[i] = receiver();
	more = receiver();
	assert_int_equal(told(more, &ack), SPOOL_ACK_GONE);
	assert_int_equal(told(fds[0], &ack), 0);
	close(more);
	close(fds[0]);
	turn();
	fds[0] = receiver();
	assert_int_equal(told(fds[0], &ack), 0);
	for (size_t i = 0; i < COUNT(fds); i++)
		close(fds[i]);
}

/* Rounds of the loop in so many milliseconds. */
static int rounds_in(int ms)
{
	static struct loop_timer end;
	int n = 0;

	g.woken = 0;
	loop_timer_init(&end, g.loop, on_timer, NULL);
	for (loop_timer_set(&end, clock_mono_us() + ms * 1000); !g.woken; n++)
		loop_wait(g.loop);
	return n;
}

static void test_without_a_descriptor_the_loop_rests(void **state)
{
	int fd = spool_ack_connect("."), free_fd = dup(fd);
	struct rlimit before, low;

	(void)state;
	assert_true(fd >= 0);
	close(free_fd); /* the lowest that is free */
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	low = before;
	low.rlim_cur = (rlim_t)free_fd;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_in_range(rounds_in(250), 2, 10);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	rounds_in(150);
	ask_for(fd, 1, 1);
	assert_true(acks_has(g.acks, (struct spool_ack_key){1, 1}));
	close(fd);
}

/* A sink that is down for long leaves keys whose requests ended long ago. They must not keep others from being told. */
static void test_the_oldest_keys_go_where_there_are_too_many(void **state)
{
	const struct spool_ack_key again = {0, 1}, oldest = {1, 1}, newest = {ACKS_KEYS, 1};
	struct spool_ack_key keys[SPOOL_ACK_MOST];
	struct spool_ack ack;
	int fd = receiver();

	(void)state;
	for (int64_t i = 0; i < ACKS_KEYS; i += SPOOL_ACK_MOST) {
		for (int64_t k = 0; k < SPOOL_ACK_MOST; k++)
			keys[k] = (struct spool_ack_key){i + k, 1};
		assert_int_equal(spool_ack_ask(fd, keys, SPOOL_ACK_MOST), SPOOL_ACK_ASKED);
		turn();
	}
	ask_for(fd, again.relay, again.event);
	ask_for(fd, newest.relay, newest.event);
	assert_int_equal(told(fd, &ack), 0);
	assert_false(acks_has(g.acks, oldest));
	assert_true(acks_has(g.acks, again));
	acks_tell(g.acks, newest, SPOOL_ACK_DELIVERED);
	assert_int_equal(told(fd, &ack), 1);
	assert_memory_equal(&ack.key, &newest, sizeof newest);
	assert_int_equal(ack.state, SPOOL_ACK_DELIVERED);
	close(fd);
}

/* A receiver that reads no answers costs the relay its connection, and no time. */
static void test_receiver_that_reads_nothing_is_dropped(void **state)
{
	struct spool_ack_key keys[SPOOL_ACK_MOST];
	struct spool_ack_key last = {0, 1};
	int fd = receiver();

	(void)state;
	for (int round = 0; round < 100; round++) {
		for (int64_t k = 0; k < SPOOL_ACK_MOST; k++)
			keys[k] = last = (struct spool_ack_key){round * SPOOL_ACK_MOST + k, 1};
		if (spool_ack_ask(fd, keys, SPOOL_ACK_MOST) != SPOOL_ACK_ASKED)
			break;
		turn();
		for (int64_t k = 0; k < SPOOL_ACK_MOST; k++)
			acks_tell(g.acks, keys[k], SPOOL_ACK_DELIVERED);
	}
	assert_false(acks_has(g.acks, last));
	assert_int_equal(spool_ack_ask(fd, keys, 1), SPOOL_ACK_LOST);
	close(fd);
}

static void test_without_acks_nothing_is_done(void **state)
{
	struct spool_ack_key keys[8];

	(void)state;
	acks_tell(NULL, (struct spool_ack_key){1, 1}, SPOOL_ACK_DELIVERED);
	acks_put_back(NULL, (struct spool_ack_key){1, 1});
	acks_put_off(NULL, (struct spool_ack_key){1, 1}, NULL);
	assert_false(acks_again(NULL, NULL, 1));
	assert_int_equal(acks_take(NULL, keys, 8), 0);
	assert_false(acks_has(NULL, (struct spool_ack_key){1, 1}));
	acks_free(NULL);
}

#define WITH_ACKS(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ACKS(test_key_is_given_out_once_and_told_once),
		WITH_ACKS(test_keys_come_in_their_order),
		WITH_ACKS(test_key_that_is_asked_for_again_is_given_out_again),
		WITH_ACKS(test_keys_that_are_put_off_come_again_the_newest_first),
		WITH_ACKS(test_every_receiver_is_told),
		WITH_ACKS(test_receiver_that_leaves_is_forgotten),
		WITH_ACKS(test_malformed_packet_ends_the_connection),
		WITH_ACKS(test_connections_are_bounded),
		WITH_ACKS(test_without_a_descriptor_the_loop_rests),
		WITH_ACKS(test_the_oldest_keys_go_where_there_are_too_many),
		WITH_ACKS(test_receiver_that_reads_nothing_is_dropped),
		cmocka_unit_test(test_without_acks_nothing_is_done),
	};

	return cmocka_run_group_tests(tests, unit_enter, unit_leave);
}
