/* SPDX-License-Identifier: ISC */
/* spool/ack and spool/wakeup: what the receiver and the relay tell each other, and what of it is not believed. */
#include "unit.h"

#include <errno.h>
#include <sys/socket.h>

#include "spool/ack.h"
#include "spool/socket.h"
#include "spool/wakeup.h"

/* A relay's end and a receiver's end of one connection in the private directory. */
struct ends {
	int listening, relay, receiver;
};

static struct ends connected(void)
{
	struct ends e = {.listening = spool_ack_listen(".")};

	assert_true(e.listening >= 0);
	e.receiver = spool_ack_connect(".");
	assert_true(e.receiver >= 0);
	e.relay = spool_ack_accept(e.listening);
	assert_true(e.relay >= 0);
	return e;
}

static void disconnect(const struct ends *e)
{
	close(e->listening);
	close(e->relay);
	close(e->receiver);
	unlink(SPOOL_ACK_SOCKET);
}

static void test_keys_and_answers_arrive(void **state)
{
	const struct spool_ack_key keys[] = {{1, 10}, {2, INT64_MAX}};
	const struct spool_ack acks[] = {{{1, 10}, SPOOL_ACK_DELIVERED}, {{2, INT64_MAX}, SPOOL_ACK_REFUSED}};
	struct spool_ack_key asked[SPOOL_ACK_MOST];
	struct spool_ack answered[SPOOL_ACK_MOST];
	struct ends e = connected();

	(void)state;
	assert_int_equal(spool_ack_asked(e.relay, asked), 0);
	assert_int_equal(spool_ack_ask(e.receiver, keys, 2), SPOOL_ACK_ASKED);
	assert_int_equal(spool_ack_asked(e.relay, asked), 2);
	assert_memory_equal(asked, keys, sizeof keys);
	assert_int_equal(spool_ack_read(e.receiver, answered), 0);
	assert_true(spool_ack_answer(e.relay, acks, 2));
	assert_int_equal(spool_ack_read(e.receiver, answered), 2);
	assert_memory_equal(answered, acks, sizeof acks);
	disconnect(&e);
}

static void test_largest_packet_arrives(void **state)
{
	struct spool_ack_key keys[SPOOL_ACK_MOST], asked[SPOOL_ACK_MOST];
	struct ends e = connected();

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++)
		keys[i] = (struct spool_ack_key){(int64_t)i, (int64_t)i * 2};
	assert_int_equal(spool_ack_ask(e.receiver, keys, SPOOL_ACK_MOST), SPOOL_ACK_ASKED);
	assert_int_equal(spool_ack_asked(e.relay, asked), SPOOL_ACK_MOST);
	assert_memory_equal(asked, keys, sizeof keys);
	disconnect(&e);
}

static void test_without_relay_connecting_fails_at_once(void **state)
{
	int fd = spool_ack_listen(".");

	(void)state;
	close(fd); /* as after kill -9: the file is left */
	assert_int_equal(spool_ack_connect("."), -1);
	assert_int_equal(errno, ECONNREFUSED);
	unlink(SPOOL_ACK_SOCKET);
	assert_int_equal(spool_ack_connect("."), -1);
	assert_int_equal(errno, ENOENT);
}

static void test_relay_that_ends_is_noticed(void **state)
{
	struct spool_ack answered[SPOOL_ACK_MOST];
	const struct spool_ack_key key = {1, 1};
	struct ends e = connected();

	(void)state;
	close(e.relay);
	assert_int_equal(spool_ack_read(e.receiver, answered), SPOOL_ACK_GONE);
	assert_int_equal(spool_ack_ask(e.receiver, &key, 1), SPOOL_ACK_LOST);
	e.relay = -1;
	disconnect(&e);
}

static void test_relay_that_reads_nothing_is_asked_later(void **state)
{
	struct spool_ack_key keys[SPOOL_ACK_MOST] = {{1, 1}};
	struct ends e = connected();
	enum spool_ack_asked asked = SPOOL_ACK_ASKED;

	(void)state;
	for (int i = 0; i < 10000 && asked == SPOOL_ACK_ASKED; i++)
		asked = spool_ack_ask(e.receiver, keys, SPOOL_ACK_MOST);
	assert_int_equal(asked, SPOOL_ACK_LATER);
	disconnect(&e);
}

static void test_connections_beyond_backlog_do_not_wait(void **state)
{
	int listening = spool_ack_listen("."), fds[300];
	size_t n = 0;

	(void)state;
	while (n < COUNT(fds) && (fds[n] = spool_ack_connect(".")) >= 0)
		n++;
	assert_true(n > 0 && n < COUNT(fds));
	assert_int_equal(errno, EAGAIN);
	while (n > 0)
		close(fds[--n]);
	close(listening);
	unlink(SPOOL_ACK_SOCKET);
}

/* What a process that can write to the spool may send, right or wrong. */
static void test_malformed_packets_end_the_connection(void **state)
{
	static const struct {
		size_t size;
		bool to_relay;
	} packets[] = {
		{0, true}, {1, true}, {sizeof(struct spool_ack_key) + 1, true}, {sizeof(struct spool_ack_key) * (SPOOL_ACK_MOST + 1), true},
		{0, false}, {sizeof(struct spool_ack) - 1, false}, {sizeof(struct spool_ack) * (SPOOL_ACK_MOST + 1), false},
	};
	static const char zeros[sizeof(struct spool_ack) * (SPOOL_ACK_MOST + 1)];
	static struct spool_ack out[SPOOL_ACK_MOST];

	(void)state;
	for (size_t i = 0; i < COUNT(packets); i++) {
		struct ends e = connected();

		assert_int_equal(send(packets[i].to_relay ? e.receiver : e.relay, zeros, packets[i].size, 0), packets[i].size);
		if (packets[i].to_relay)
			assert_int_equal(spool_ack_asked(e.relay, (struct spool_ack_key *)out), SPOOL_ACK_GONE);
		else
			assert_int_equal(spool_ack_read(e.receiver, out), SPOOL_ACK_GONE);
		disconnect(&e);
	}
}

static void test_unknown_states_are_not_believed(void **state)
{
	static const int64_t states[] = {-1, SPOOL_ACK_STATES, INT64_MIN, INT64_C(1) << 32};
	struct spool_ack answered[SPOOL_ACK_MOST];

	(void)state;
	for (size_t i = 0; i < COUNT(states); i++) {
		const struct spool_ack acks[] = {{{1, 1}, SPOOL_ACK_DELIVERED}, {{2, 2}, states[i]}};
		struct ends e = connected();

		assert_true(spool_ack_answer(e.relay, acks, 2));
		assert_int_equal(spool_ack_read(e.receiver, answered), SPOOL_ACK_GONE);
		disconnect(&e);
	}
}

static mode_t mode_in(mode_t directory)
{
	struct stat st;
	int fd;

	assert_int_equal(mkdir("place", 0700), 0);
	assert_int_equal(chmod("place", directory), 0);
	fd = spool_ack_listen("place");
	assert_true(fd >= 0);
	assert_int_equal(stat("place/" SPOOL_ACK_SOCKET, &st), 0);
	close(fd);
	unlink("place/" SPOOL_ACK_SOCKET);
	rmdir("place");
	return st.st_mode & 07777;
}

static void test_socket_mode_follows_the_directory(void **state)
{
	(void)state;
	assert_int_equal(mode_in(0700), 0600);
	assert_int_equal(mode_in(02770), 0660);
	assert_int_equal(mode_in(0755), 0600);
}

static void test_directory_with_a_long_path_is_an_error(void **state)
{
	char dir[256];

	(void)state;
	memset(dir, 'd', sizeof dir - 1);
	dir[sizeof dir - 1] = '\0';
	assert_int_equal(spool_ack_connect(dir), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(spool_ack_listen(dir), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

static void test_wakeup_tells_of_hurry(void **state)
{
	int fd = spool_wakeup_listen(".");
	struct spool_wakeup w = {.fd = -1};

	(void)state;
	assert_true(fd >= 0);
	spool_wakeup_send(&w, ".", false);
	assert_false(spool_wakeup_hear(fd));
	spool_wakeup_send(&w, ".", true);
	spool_wakeup_send(&w, ".", false);
	assert_true(spool_wakeup_hear(fd));
	assert_false(spool_wakeup_hear(fd));
	spool_wakeup_close(&w);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys_and_answers_arrive),
		cmocka_unit_test(test_largest_packet_arrives),
		cmocka_unit_test(test_without_relay_connecting_fails_at_once),
		cmocka_unit_test(test_relay_that_ends_is_noticed),
		cmocka_unit_test(test_relay_that_reads_nothing_is_asked_later),
		cmocka_unit_test(test_connections_beyond_backlog_do_not_wait),
		cmocka_unit_test(test_malformed_packets_end_the_connection),
		cmocka_unit_test(test_unknown_states_are_not_believed),
		cmocka_unit_test(test_socket_mode_follows_the_directory),
		cmocka_unit_test(test_directory_with_a_long_path_is_an_error),
		cmocka_unit_test(test_wakeup_tells_of_hurry),
	};

	return cmocka_run_group_tests(tests, unit_enter, unit_leave);
}
