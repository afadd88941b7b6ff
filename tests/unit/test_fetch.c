/* SPDX-License-Identifier: ISC */
/* relay/fetch.c and send.c on a spool: what is due is read ahead, filtered, and sent in batches, each event once. */
#include "relaying.h"

#include <poll.h>

#include "core/pattern.h"
#include "relay/state.h"
#include "spool/conversation.h"
#include "spool/spool.h"
#include "spool/sqlite/db.h"

static char name[] = "out", path[] = "/e";
static struct sink sink;
static struct sink_type type;
static struct endpoint endpoint;
static const struct endpoint *by_path[] = {&endpoint};
static struct conf conf = {.sinks = &sink, .n_sinks = 1, .endpoints = &endpoint, .n_endpoints = 1, .by_path = by_path};

struct fixture {
	struct relay r;
	struct queue q;
	struct spool *spool;
	struct sink_target target;
	char dir[32];
};

/* The driver of these tests keeps the batches. */
static struct {
	int batches, messages;
	struct sink_message *message[1000];
} sent;

static void keep_batch(struct sink_target *t, struct sink_message *batch)
{
	(void)t;
	sent.batches++;
	for (struct sink_message *m = batch; m; m = m->next)
		sent.message[sent.messages++] = m;
}

static const struct sink_driver driver = {.send = keep_batch};

static void no_call(void *ctx)
{
	(void)ctx;
}

static int begin(void **state)
{
	static int number;
	struct fixture *f = calloc(1, sizeof *f);

	*state = f;
	memset(&sent, 0, sizeof sent);
	type = (struct sink_type){.name = "test", .batch_max = 10};
	sink = (struct sink){.name = name, .type = &type, .max_in_flight = 100, .timeout = 30000, .retry = {10000, 3600000, 86400000}};
	endpoint = (struct endpoint){.path = path, .scheme = *scheme_find("connectsafely")};
	snprintf(f->dir, sizeof f->dir, "fetch-%d", ++number);
	f->spool = spool_new(f->dir, JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	f->r = (struct relay){.conf = &conf, .loop = loop_new(), .db = spool_db_new(), .queues = &f->q, .n_queues = 1,
		.clock_ahead = clock_now() - clock_mono_us() / 1000, .began = clock_mono_us(), .name = "spool"};
	f->r.last_result = &f->r.results;
	loop_timer_init(&f->r.pass, f->r.loop, no_call, NULL);
	queue_init(&f->q, &f->r, &sink, &f->r.pass);
	f->target.driver = &driver;
	f->q.target = &f->target;
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT, LOG_TARGET_STDERR);
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	queue_free(&f->q);
	event_free(&f->r.event);
	spool_db_free(f->r.db);
	spool_close(f->spool);
	loop_free(f->r.loop);
	pattern_free(sink.text_regex);
	free(f);
	return 0;
}

struct put {
	const char *sender, *conversation, *body;
};

static int64_t put(struct fixture *f, struct put p)
{
	static const struct sink *const to = &sink;
	char why[256];
	struct spool_event ev = {
		.endpoint = path, .event = text("message.received"), .sender_id = text(p.sender), .conversation = text(p.conversation),
		.headers = text("Content-Type: application/json\n"), .body = text(p.body ? p.body : "{}"), .remote_addr = "",
		.received_at = clock_now() - 1000, .relay = &to, .n_relay = 1,
	};

	if (!spool_put(f->spool, &ev, why, sizeof why))
		fail_msg("%s", why);
	return ev.id;
}

static void put_many(struct fixture *f, int n)
{
	while (n-- > 0)
		put(f, (struct put){0});
}

static void open_db(struct fixture *f)
{
	if (!spool_db_open(f->r.db, f->dir, JOURNAL_WAL, SPOOL_RELAY))
		fail_msg("%s", spool_db_error(f->r.db));
}

/* So many due events, without a commit for each. */
static void put_backlog(struct fixture *f, int n)
{
	char sql[512];

	put_many(f, 1);
	open_db(f);
	snprintf(sql, sizeof sql, "INSERT INTO event(received_at, endpoint, secret, event, headers, body)"
		" WITH n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT received_at, endpoint, secret, event, headers, body FROM event, n;"
		"INSERT INTO relay(event, sink, state, since, due, attempts) SELECT id, 'out', 0, received_at, received_at, 0 FROM event WHERE id > 1", n);
	assert_int_equal(sqlite3_exec(f->r.db->sql, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* A reading ends after 5 ms: on a busy machine it takes several to read all. */
static void send_now(struct fixture *f)
{
	for (int i = 0; i == 0 || (f->q.more && i < 100); i++)
		send_queues(&f->r, clock_now());
}

/* Reports all that were sent since the last call, and records it. */
static void report_all(struct fixture *f, struct sink_result got)
{
	int n = sent.messages;

	sent.messages = 0;
	for (int i = 0; i < n; i++)
		result_of(sent.message[i], &got);
	result_record(&f->r);
	assert_null(f->r.results);
}

static void a_batch_is_waited_for_until_it_is_full_or_the_time_is_over(void **state)
{
	struct fixture *f = *state;

	sink.batch = 5;
	sink.batch_wait = 200;
	put_many(f, 3);
	open_db(f);
	send_now(f);
	assert_int_equal(sent.messages, 0);
	poll(NULL, 0, 210);
	send_now(f);
	assert_int_equal(sent.batches, 1);
	report_all(f, (struct sink_result){.verdict = SINK_DELIVERED});
	put_many(f, 4);
	f->q.more = true;
	send_now(f);
	assert_int_equal(sent.messages, 0);
	put_many(f, 1);
	f->q.more = true;
	send_now(f);
	assert_int_equal(sent.messages, 5);
	assert_int_equal(sent.batches, 2);
}

static void all_that_is_due_is_sent_once_in_batches(void **state)
{
	struct fixture *f = *state;
	int64_t seen = 0;

	put_many(f, 95);
	open_db(f);
	send_now(f);
	assert_int_equal(sent.messages, 95);
	assert_in_range(sent.batches, 10, 60);
	for (int i = 0; i < sent.messages; i++) {
		assert_true(sent.message[i]->event->id > seen); /* the oldest first */
		seen = sent.message[i]->event->id;
		assert_in_range(sent.message[i]->deadline - clock_mono_us(), 29 * 1000000, 30 * 1000000);
	}
	f->q.more = true; /* they are read again, and known to be on the way */
	send_now(f);
	assert_int_equal(sent.messages, 95);
	report_all(f, (struct sink_result){.verdict = SINK_DELIVERED});
	assert_null(f->q.taken);
	f->q.more = true;
	send_now(f);
	assert_int_equal(sent.messages, 0);
}

static void no_more_than_max_in_flight_go(void **state)
{
	struct fixture *f = *state;

	sink.max_in_flight = 7;
	put_backlog(f, 2 * QUEUE_READ);
	send_now(f);
	assert_int_equal(sent.messages, 7);
	assert_in_range(f->q.n_ready, QUEUE_READ / 2 - 7, QUEUE_READ); /* read ahead */
	report_all(f, (struct sink_result){.verdict = SINK_DELIVERED});
	send_now(f);
	assert_int_equal(sent.messages, 7);
}

/* Drivers and other queues have their turn; the next pass comes at once. */
static void test_one_pass_does_not_send_all_of_a_backlog(void **state)
{
	struct fixture *f = *state;

	sink.max_in_flight = 1000;
	type.batch_max = 1000;
	put_backlog(f, 3 * QUEUE_READ);
	loop_timer_stop(&f->r.pass);
	for (int i = 0; i < 100 && sent.messages < QUEUE_READ; i++)
		send_queues(&f->r, clock_now());
	assert_in_range(sent.messages, QUEUE_READ, 2 * QUEUE_READ);
	assert_int_equal(f->r.pass.at, 0);
}

static void an_event_that_was_dropped_is_not_sent(void **state)
{
	struct fixture *f = *state;
	struct spool_db *other = spool_db_new();
	struct attempt *a;

	sink.max_in_flight = 2;
	put_many(f, 4);
	open_db(f);
	send_now(f);
	assert_int_equal(sent.messages, 2);
	a = f->q.ready;
	/* another process records it in between, as hookspool drop would */
	assert_true(spool_db_open(other, f->dir, JOURNAL_WAL, SPOOL_MANAGE));
	assert_true(spool_relay_record(other, &(struct spool_attempt){.relay = a->relay, .event = a->event.id, .state = SPOOL_RELAY_DEAD}));
	spool_db_free(other);
	report_all(f, (struct sink_result){.verdict = SINK_DELIVERED});
	send_now(f);
	assert_int_equal(sent.messages, 1);
	assert_int_equal(sent.message[0]->event->id, 4);
}

static void what_is_due_later_sets_the_time_of_the_next_pass(void **state)
{
	struct fixture *f = *state;

	put_many(f, 1);
	open_db(f);
	send_now(f);
	report_all(f, (struct sink_result){.verdict = SINK_RETRY});
	f->q.read_at = 0; /* a busy machine read the first time in two parts */
	loop_timer_stop(&f->r.pass);
	send_now(f);
	assert_int_equal(sent.messages, 0);
	assert_true(f->q.next_due > clock_now());
	assert_in_range(f->r.pass.at - clock_mono_us(), (uintmax_t)(f->q.next_due - clock_now() - 100) * 1000, (uintmax_t)(f->q.next_due - clock_now() + 100) * 1000);
	f->q.read_at = 0; /* reading that found nothing waits a moment */
	send_queues(&f->r, f->q.next_due);
	assert_int_equal(sent.messages, 1);
	assert_int_equal(sent.message[0]->attempt, 2);
}

/* Unwanted events are forgotten without a word. */
static void filters_leave_out_by_sender_and_text(void **state)
{
	static char sender[] = "ann", word[] = "hello";
	static char *senders[] = {sender}, *texts[] = {word};
	struct fixture *f = *state;
	char why[256];

	sink.senders = (struct strlist){senders, 1};
	sink.filtered = true;
	put(f, (struct put){.sender = "bob"});
	put(f, (struct put){.sender = "ann", .body = "{\"event\":\"message.received\",\"data\":{\"body\":\"well, HELLO you\"}}"});
	put(f, (struct put){.sender = "ann", .body = "{\"event\":\"message.received\",\"data\":{\"body\":\"good bye\"}}"});
	open_db(f);
	send_now(f);
	assert_int_equal(sent.messages, 2);
	assert_int_equal(f->r.n_results, 1);
	assert_int_equal(f->r.results->state, SPOOL_RELAY_UNWANTED);
	report_all(f, (struct sink_result){.verdict = SINK_RETRY});
	sink.texts = (struct strlist){texts, 1};
	put(f, (struct put){.sender = "ann", .body = "{\"event\":\"message.received\",\"data\":{\"body\":\"well, HELLO you\"}}"});
	put(f, (struct put){.sender = "ann", .body = "{\"event\":\"message.received\",\"data\":{\"body\":\"good bye\"}}"});
	f->q.more = true;
	send_now(f);
	assert_int_equal(sent.messages, 1);
	report_all(f, (struct sink_result){.verdict = SINK_DELIVERED});
	sink.texts = (struct strlist){0};
	sink.text_regex = pattern_new("^good", why, sizeof why);
	put(f, (struct put){.sender = "ann", .body = "{\"event\":\"message.received\",\"data\":{\"body\":\"so good\"}}"});
	put(f, (struct put){.sender = "ann", .body = "{\"event\":\"message.received\",\"data\":{\"body\":\"good bye\"}}"});
	f->q.more = true;
	send_now(f);
	assert_int_equal(sent.messages, 1);
}

/* The body decides, as it was unpacked. An event that is not JSON meets no condition. */
static void test_events_that_do_not_meet_the_conditions_are_left_out(void **state)
{
	struct fixture *f = *state;
	struct condition item[2];
	char why[512];

	assert_true(condition_read("json:data.type = a", &item[0], why, sizeof why));
	assert_true(condition_read("json:data.bot != true", &item[1], why, sizeof why));
	sink.conditions = (struct conditions){item, COUNT(item)};
	sink.filtered = true;
	put(f, (struct put){.body = "{\"data\":{\"type\":\"a\",\"bot\":true}}"});
	put(f, (struct put){.body = "{\"data\":{\"type\":\"a\",\"bot\":false}}"});
	put(f, (struct put){.body = "{\"data\":{\"type\":\"b\"}}"});
	put(f, (struct put){.body = "data.type=a"});
	put(f, (struct put){.body = "{\"data\":{\"type\":\"a\"}}"});
	open_db(f);
	send_now(f);
	assert_int_equal(sent.messages, 2);
	assert_int_equal(sent.message[0]->event->id, 2);
	assert_int_equal(sent.message[1]->event->id, 5);
	assert_int_equal(f->r.n_results, 3);
	for (const struct spool_attempt *a = f->r.results; a; a = a->next)
		assert_int_equal(a->state, SPOOL_RELAY_UNWANTED);
	for (size_t i = 0; i < COUNT(item); i++)
		condition_clear(&item[i]);
}

static void only_the_first_message_of_a_conversation(void **state)
{
	struct fixture *f = *state;

	sink.first_message = sink.filtered = true;
	put(f, (struct put){.conversation = "c1"});
	put(f, (struct put){.conversation = "c1"});
	put(f, (struct put){.conversation = "c2"});
	open_db(f);
	for (int i = 0; i < 3; i++) { /* conversations are taken note of first */
		send_now(f);
		f->q.more = true;
	}
	assert_int_equal(sent.messages, 2);
	assert_int_equal(sent.message[0]->event->id, 1);
	assert_int_equal(sent.message[1]->event->id, 3);
}

/* Its endpoint alone knows where the text stands: the event is kept as a dead letter. */
static void an_event_of_a_removed_endpoint_is_a_dead_letter_where_its_text_matters(void **state)
{
	static char word[] = "hello";
	static char *texts[] = {word};
	struct fixture *f = *state;

	sink.texts = (struct strlist){texts, 1};
	sink.filtered = true;
	put(f, (struct put){.body = "not JSON"});
	open_db(f);
	conf.n_endpoints = 0;
	send_now(f);
	conf.n_endpoints = 1;
	assert_int_equal(sent.messages, 0);
	assert_int_equal(f->r.n_results, 1);
	assert_true(f->r.results->state == SPOOL_RELAY_DEAD && f->r.results->unjudged);
}

/* What can't be read now is read again a second later; with --once the run fails. */
static void a_spool_that_can_not_be_read_is_read_later(void **state)
{
	struct fixture *f = *state;

	put_many(f, 3);
	open_db(f);
	fetch_later(&f->r, &f->q);
	assert_true(f->q.more && !f->r.failed);
	assert_in_range(f->r.pass.at - clock_mono_us(), 900 * 1000, 1000 * 1000);
	send_now(f);
	assert_int_equal(sent.messages, 0);
	f->q.read_at = 0;
	send_now(f);
	assert_int_equal(sent.messages, 3);
	f->r.drain = true;
	fetch_later(&f->r, &f->q);
	assert_true(f->r.failed && !f->q.more);
}

/* ---- asked.c */

/* A receiver that is connected to the relay, and asks for one delivery. */
static int ask_for(struct fixture *f, int64_t relay, int64_t event)
{
	struct loop_timer end;
	int fd;

	if (!f->r.acks)
		f->r.acks = acks_new(f->r.loop, &f->r.pass, f->dir);
	assert_non_null(f->r.acks);
	fd = spool_ack_connect(f->dir);
	assert_true(fd >= 0);
	assert_int_equal(spool_ack_ask(fd, &(struct spool_ack_key){relay, event}, 1), SPOOL_ACK_ASKED);
	loop_timer_init(&end, f->r.loop, no_call, NULL);
	for (int i = 0; i < 20; i++) {
		loop_timer_set(&end, 0);
		loop_wait(f->r.loop);
	}
	loop_timer_stop(&end);
	return fd;
}

/* The state that the receiver was told; -1: nothing yet. */
static int64_t told(int fd)
{
	struct spool_ack acks[SPOOL_ACK_MOST];
	int n = spool_ack_read(fd, acks);

	assert_true(n == 0 || n == 1);
	return n ? acks[0].state : -1;
}

static void test_delivery_that_a_receiver_waits_for_goes_first(void **state)
{
	struct fixture *f = *state;
	int64_t last;
	int fd;

	sink.max_in_flight = 1;
	put_many(f, 200);
	last = put(f, (struct put){0});
	open_db(f);
	fd = ask_for(f, last, last); /* each event has one relay: their ids are the same */
	send_now(f);
	assert_int_equal(sent.messages, 1);
	assert_int_equal(sent.message[0]->event->id, last);
	assert_int_equal(told(fd), -1);
	report_all(f, (struct sink_result){.verdict = SINK_DELIVERED});
	assert_int_equal(told(fd), SPOOL_ACK_DELIVERED);
	send_now(f);
	assert_int_equal(sent.message[0]->event->id, 1);
	close(fd);
	acks_free(f->r.acks);
}

/* As while the relay gives way: the receiver's answers need it. Others wait, also those that were read. */
static void test_only_what_receivers_wait_for_is_sent(void **state)
{
	struct fixture *f = *state;
	int fd[2];

	sink.max_in_flight = 3;
	put_many(f, 10);
	open_db(f);
	send_now(f);
	report_all(f, (struct sink_result){.verdict = SINK_DELIVERED});
	fd[0] = ask_for(f, 7, 7); /* it was read */
	fd[1] = ask_for(f, 9, 9);
	send_asked(&f->r);
	assert_int_equal(sent.messages, 2);
	assert_int_equal(sent.message[0]->event->id, 7);
	assert_int_equal(sent.message[1]->event->id, 9);
	send_asked(&f->r);
	assert_int_equal(sent.messages, 2);
	send_now(f);
	assert_int_equal(sent.messages, 3);
	assert_int_equal(sent.message[2]->event->id, 4);
	close(fd[0]);
	close(fd[1]);
	acks_free(f->r.acks);
}

static void test_receiver_is_told_what_has_ended(void **state)
{
	struct fixture *f = *state;
	int fd[5];

	put_many(f, 3);
	open_db(f);
	send_now(f);
	result_of(sent.message[0], &(struct sink_result){.verdict = SINK_DELIVERED});
	result_of(sent.message[1], &(struct sink_result){.verdict = SINK_REFUSED});
	result_of(sent.message[2], &(struct sink_result){.verdict = SINK_RETRY});
	result_record(&f->r);
	sent.messages = 0;
	fd[0] = ask_for(f, 1, 1);
	fd[1] = ask_for(f, 2, 2);
	fd[2] = ask_for(f, 3, 3);
	fd[3] = ask_for(f, 99, 99); /* gone */
	fd[4] = ask_for(f, 3, 3);   /* two wait for one */
	send_now(f);
	assert_int_equal(told(fd[0]), SPOOL_ACK_DELIVERED);
	assert_int_equal(told(fd[1]), SPOOL_ACK_REFUSED);
	assert_int_equal(told(fd[2]), -1);
	assert_int_equal(told(fd[3]), SPOOL_ACK_DELIVERED);
	assert_int_equal(sent.messages, 0); /* its first attempt has failed just now */
	poll(NULL, 0, 1050);
	close(fd[4]);
	fd[4] = ask_for(f, 3, 3);
	send_now(f);
	assert_int_equal(sent.messages, 1); /* at once, though it is due later */
	report_all(f, (struct sink_result){.verdict = SINK_DELIVERED});
	assert_int_equal(told(fd[2]), SPOOL_ACK_DELIVERED);
	assert_int_equal(told(fd[4]), SPOOL_ACK_DELIVERED);
	for (size_t i = 0; i < COUNT(fd); i++)
		close(fd[i]);
	acks_free(f->r.acks);
}

/* A result waits 10 ms for others, but not when a receiver asks for it meanwhile. */
static void test_result_that_a_receiver_waits_for_is_recorded_at_once(void **state)
{
	struct fixture *f = *state;
	int64_t id = put(f, (struct put){0});
	int fd;

	open_db(f);
	send_now(f);
	result_of(sent.message[0], &(struct sink_result){.verdict = SINK_DELIVERED});
	assert_true(f->r.record_at > 0);
	fd = ask_for(f, id, id);
	send_now(f);
	assert_int_equal(f->r.record_at, 0);
	assert_int_equal(told(fd), -1);
	result_record(&f->r);
	assert_int_equal(told(fd), SPOOL_ACK_DELIVERED);
	close(fd);
	acks_free(f->r.acks);
}

static void test_delivery_to_an_unknown_sink_is_not_waited_for(void **state)
{
	struct fixture *f = *state;
	int64_t id = put(f, (struct put){0});
	char other[] = "other";
	int fd;

	open_db(f);
	sink.name = other;
	fd = ask_for(f, id, id);
	send_now(f);
	sink.name = name;
	assert_int_equal(told(fd), SPOOL_ACK_UNKNOWN);
	assert_int_equal(sent.messages, 0);
	close(fd);
	acks_free(f->r.acks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all_that_is_due_is_sent_once_in_batches, begin, end),
		cmocka_unit_test_setup_teardown(a_batch_is_waited_for_until_it_is_full_or_the_time_is_over, begin, end),
		cmocka_unit_test_setup_teardown(no_more_than_max_in_flight_go, begin, end),
		cmocka_unit_test_setup_teardown(test_one_pass_does_not_send_all_of_a_backlog, begin, end),
		cmocka_unit_test_setup_teardown(an_event_that_was_dropped_is_not_sent, begin, end),
		cmocka_unit_test_setup_teardown(what_is_due_later_sets_the_time_of_the_next_pass, begin, end),
		cmocka_unit_test_setup_teardown(filters_leave_out_by_sender_and_text, begin, end),
		cmocka_unit_test_setup_teardown(test_events_that_do_not_meet_the_conditions_are_left_out, begin, end),
		cmocka_unit_test_setup_teardown(only_the_first_message_of_a_conversation, begin, end),
		cmocka_unit_test_setup_teardown(an_event_of_a_removed_endpoint_is_a_dead_letter_where_its_text_matters, begin, end),
		cmocka_unit_test_setup_teardown(a_spool_that_can_not_be_read_is_read_later, begin, end),
		cmocka_unit_test_setup_teardown(test_delivery_that_a_receiver_waits_for_goes_first, begin, end),
		cmocka_unit_test_setup_teardown(test_only_what_receivers_wait_for_is_sent, begin, end),
		cmocka_unit_test_setup_teardown(test_receiver_is_told_what_has_ended, begin, end),
		cmocka_unit_test_setup_teardown(test_result_that_a_receiver_waits_for_is_recorded_at_once, begin, end),
		cmocka_unit_test_setup_teardown(test_delivery_to_an_unknown_sink_is_not_waited_for, begin, end),
	};

	return cmocka_run_group_tests_name("fetch", tests, unit_enter, unit_leave);
}
