/* SPDX-License-Identifier: ISC */
/* A spool that several machines share: how events come there, and which relay has what. */
#include "engines.h"

#include <poll.h>

#include "conf/conf.h"
#include "core/clock.h"
#include "spool/overflow.h"
#include "spool/relay.h"
#include "spool/wakeup.h"

#define DAY INT64_C(86400000)

static char why[256];
static char crm_name[] = "crm", ordered_name[] = "ordered";
static struct sink crm = {.name = crm_name}, ordered = {.name = ordered_name, .ordered = true};
static const struct sink *const to_crm[] = {&crm}, *const to_ordered[] = {&ordered};

static struct slice text(const char *s)
{
	return s ? (struct slice){s, strlen(s)} : (struct slice){0};
}

static struct spool_event event(enum spool_identity identity, const char *key, const char *body)
{
	return (struct spool_event){
		.endpoint = "/a", .event = text("e"), .key = text(key), .identity = identity, .plain_id = text(key), .headers = text("H: v\n"),
		.body = text(body), .remote_addr = "", .received_at = 1000 * DAY, .dedupe_window = 30 * DAY,
	};
}

static struct spool *make(const struct world *w)
{
	return spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
}

static void put(struct spool *s, struct spool_event *ev)
{
	if (!spool_put(s, ev, why, sizeof why))
		fail_msg("%s", why);
}

static int64_t stores(struct spool *s, struct spool_event ev)
{
	put(s, &ev);
	assert_false(ev.duplicate || ev.altered || ev.refused);
	return ev.id;
}

static void merges(struct spool *s, struct spool_event ev, int64_t id, bool altered)
{
	put(s, &ev);
	assert_true(ev.duplicate);
	assert_int_equal(ev.id, id);
	assert_int_equal(ev.altered, altered);
}

/* ---- how events come there */

/* In one commit, an event is a duplicate of another one before it. */
static void a_batch_has_its_own_duplicates(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_event ev[6];
	const char *const keys[6] = {"1", "2", "1", "u", "u", "v"};

	for (int i = 0; i < 6; i++) {
		ev[i] = event(i < 3 ? SPOOL_IDENTITY_SIGNED : SPOOL_IDENTITY_UNSIGNED, keys[i], i < 3 ? keys[i] : "bytes");
		ev[i].next = i < 5 ? &ev[i + 1] : NULL;
	}
	put(s, ev);
	assert_true(ev[0].id < ev[1].id && ev[1].id < ev[3].id && ev[3].id < ev[5].id);
	assert_true(ev[2].duplicate && ev[4].duplicate);
	assert_int_equal(ev[2].id, ev[0].id);
	assert_int_equal(ev[4].id, ev[3].id);
	assert_int_equal(ev[5].same_as, ev[3].id);
	spool_close(s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event"), 4);
}

/* U+0000, bytes that are no UTF-8, and a key that no index can hold. */
static void no_bytes_of_a_stranger_are_refused(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	static char key[20000];
	struct spool_event ev;
	int64_t id;

	for (size_t i = 0; i + 1 < sizeof key; i++)
		key[i] = (char)('a' + i * i % 23);
	ev = event(SPOOL_IDENTITY_SIGNED, key, "\xff\xfe");
	ev.event = (struct slice){"a\0\xc3", 3};
	ev.account = ev.sender_name = ev.conversation = (struct slice){"\0\xff", 2};
	id = stores(s, ev);
	merges(s, ev, id, false);
	key[sizeof key - 2] ^= 1;
	assert_true(stores(s, ev) != id);
	spool_close(s);
}

static void an_event_that_is_refused_fails_no_other(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_event ev[5];
	char sql[160];

	assert_true(spool_open(s, why, sizeof why));
	snprintf(sql, sizeof sql, "ALTER TABLE t%u.event ADD CHECK (key <> 'poison')", engines_number);
	engines_sql(sql);
	for (int i = 0; i < 5; i++) {
		ev[i] = event(SPOOL_IDENTITY_SIGNED, i == 2 ? "poison" : (const char *[]){"0", "1", "2", "3", "4"}[i], "b");
		ev[i].next = i < 4 ? &ev[i + 1] : NULL;
	}
	put(s, ev);
	for (int i = 0; i < 5; i++)
		assert_int_equal(ev[i].refused, i == 2);
	spool_close(s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event"), 4);
}

/* The connection ends between two puts: the second one makes a new one, and is stored once. */
static void a_put_connects_anew(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);

	stores(s, event(SPOOL_IDENTITY_SIGNED, "1", "one"));
	engines_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
	stores(s, event(SPOOL_IDENTITY_SIGNED, "2", "two"));
	spool_close(s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event"), 2);
}

/* ---- the overflow */

static void events_of_the_overflow_are_moved_once(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w), *local = spool_new("overflow", JOURNAL_WAL, SPOOL_OVERFLOW, limits(10));
	struct sink sinks[] = {crm};
	struct conf conf = {.sinks = sinks, .n_sinks = 1, .dedupe_window = 30 * DAY, .overflow_dir = "overflow"};
	struct spool_event ev[4] = {event(SPOOL_IDENTITY_SIGNED, "1", "one"), event(SPOOL_IDENTITY_UNSIGNED, "2", "two"),
		event(SPOOL_IDENTITY_NONE, NULL, "three"), event(SPOOL_IDENTITY_SIGNED, "known", "four")};
	struct spool_db *from = spool_db_new();
	int64_t after = 0, known = stores(s, ev[3]);
	size_t n;

	for (int i = 0; i < 4; i++) {
		ev[i].relay = to_crm;
		ev[i].n_relay = 1;
		put(local, &ev[i]);
	}
	assert_true(spool_db_open(from, "overflow", JOURNAL_WAL, SPOOL_MANAGE));
	assert_true(spool_overflow_move(from, s, &conf, &after, &n, why, sizeof why));
	assert_int_equal(n, 4);
	assert_true(spool_overflow_move(from, s, &conf, &after, &n, why, sizeof why));
	assert_int_equal(n, 0);
	merges(s, event(SPOOL_IDENTITY_SIGNED, "known", "four"), known, false);
	for (int i = 0; i < 2; i++) { /* the sender's retries, now at the server */
		ev[i].next = NULL;
		put(s, &ev[i]);
		assert_true(ev[i].duplicate);
	}
	spool_db_free(from);
	spool_close(local);
	spool_close(s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event"), 4);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM relay"), 3); /* the known one had none, and is no new event */
}

/* A configuration that names an old spool as overflow: neither the receiver nor the relay takes it. */
static void a_spool_of_its_own_is_no_overflow(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w), *old = spool_new("old", JOURNAL_WAL, SPOOL_RECEIVE, limits(10)), *empty, *local;
	struct conf conf = {.overflow_dir = "old"};
	struct spool_event ev = event(SPOOL_IDENTITY_SIGNED, "1", "one");
	struct spool_db *from = spool_db_new();
	int64_t after = 0;
	size_t n;

	assert_true(spool_open(s, why, sizeof why));
	put(old, &ev);
	spool_close(old);
	local = spool_new("old", JOURNAL_WAL, SPOOL_OVERFLOW, limits(10));
	assert_false(spool_put(local, &ev, why, sizeof why));
	assert_non_null(strstr(why, "old: a spool that has events of its own"));
	spool_close(local);
	assert_true(spool_db_open(from, "old", JOURNAL_WAL, SPOOL_MANAGE));
	assert_false(spool_overflow_is_one(from, "old"));
	assert_false(spool_overflow_move(from, s, &conf, &after, &n, why, sizeof why));
	assert_non_null(strstr(why, "old: a spool that has events of its own"));
	spool_db_free(from);
	spool_close(s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event"), 0);

	empty = spool_new("empty", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	assert_true(spool_open(empty, why, sizeof why));
	spool_close(empty);
	local = spool_new("empty", JOURNAL_WAL, SPOOL_OVERFLOW, limits(10));
	put(local, &ev);
	spool_close(local);
	local = spool_new("empty", JOURNAL_WAL, SPOOL_OVERFLOW, limits(10));
	ev.key = slice_text("2");
	put(local, &ev);
	spool_close(local);
}

/* So its events are not moved to a server that a later configuration names. */
static void an_overflow_that_is_used_as_spool_is_one(void **state)
{
	struct spool *local, *own;
	struct spool_event ev = event(SPOOL_IDENTITY_SIGNED, "1", "one");
	struct spool_db *db = spool_db_new();

	engines_take(state);
	local = spool_new("local", JOURNAL_WAL, SPOOL_OVERFLOW, limits(10));
	put(local, &ev);
	spool_close(local);
	own = spool_new("local", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	assert_true(spool_open(own, why, sizeof why));
	spool_close(own);
	assert_true(spool_db_open(db, "local", JOURNAL_WAL, SPOOL_MANAGE));
	assert_false(spool_overflow_is_one(db, "local"));
	spool_db_free(db);
}

/* ---- claims */

static struct spool_db *relay_of(struct world *w)
{
	struct spool_db *db = spool_db_new();
	int64_t n;

	if (!spool_db_open(db, w->place, JOURNAL_WAL, SPOOL_RELAY) || !spool_relay_doubt(db, &n))
		fail_msg("%s", spool_db_error(db));
	return db;
}

/* Reads at most `most` due relays, and returns how many there were; their keys go to `keys`. */
static size_t claim(struct spool_db *db, const char *sink, size_t most, struct spool_relay_key *keys)
{
	struct spool_relay_cursor from = {0};
	struct spool_relay_iter *it = spool_relay_due(db, sink, 2000 * DAY, &from, NULL, NULL);
	struct spool_relay_row row;
	size_t n = 0;
	bool more;

	while (n < most && spool_relay_next(it, &row))
		keys[n++] = (struct spool_relay_key){row.id, row.event.id, true};
	if (!spool_relay_end(it, &from, &more))
		fail_msg("%s", spool_db_error(db));
	return n;
}

static void put_relays(struct world *w, const struct sink *const *sinks, int n, const char *conversation)
{
	struct spool *s = make(w);

	for (int i = 0; i < n; i++) {
		char key[16];
		struct spool_event ev;

		snprintf(key, sizeof key, "k%d", i);
		ev = event(SPOOL_IDENTITY_SIGNED, key, "b");
		ev.conversation = text(conversation);
		ev.relay = sinks;
		ev.n_relay = 1;
		put(s, &ev);
	}
	spool_close(s);
}

static void a_relay_is_one_process_s(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *a, *b;
	struct spool_relay_key mine[100], others[100];

	put_relays(w, to_crm, 50, NULL);
	a = relay_of(w);
	b = relay_of(w);
	assert_int_equal(claim(a, "crm", 20, mine), 20);
	assert_int_equal(claim(b, "crm", 100, others), 30); /* what was claimed ahead and not read is given back */
	assert_int_equal(claim(a, "crm", 100, mine), 20);
	assert_true(spool_relay_pending(b, mine, 20));
	for (int i = 0; i < 20; i++)
		assert_false(mine[i].pending);
	assert_true(spool_relay_pending(a, mine, 20));
	for (int i = 0; i < 20; i++)
		assert_true(mine[i].pending);
	spool_db_free(b); /* it ends: all that it had is free */
	assert_int_equal(claim(a, "crm", 100, mine), 50);
	spool_db_free(a);
}

static void a_lease_that_has_ended_is_another_s(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *a, *b;
	struct spool_relay_key mine[10], others[10];
	struct spool_attempt failed = {.at = 1, .state = SPOOL_RELAY_DEAD, .due = 5, .error = "late"};
	char sql[96];

	put_relays(w, to_crm, 4, NULL);
	a = relay_of(w);
	b = relay_of(w);
	assert_int_equal(claim(a, "crm", 10, mine), 4);
	assert_int_equal(claim(b, "crm", 10, others), 0);
	snprintf(sql, sizeof sql, "UPDATE t%u.relayer SET until = 0 WHERE id IN (SELECT holder FROM t%u.relay)", engines_number, engines_number);
	engines_sql(sql);
	assert_int_equal(claim(b, "crm", 10, others), 4);
	assert_true(spool_relay_pending(a, mine, 4));
	assert_false(mine[0].pending);
	/* a failure of the one that has lost it is no result, and a delivery is */
	failed.relay = mine[0].relay;
	failed.event = mine[0].event;
	assert_true(spool_relay_record(a, &failed));
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM relay WHERE state = 0"), 4);
	failed.state = SPOOL_RELAY_DONE;
	assert_true(spool_relay_record(a, &failed));
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM relay WHERE state = 1"), 1);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM attempt"), 1);
	spool_db_free(a);
	spool_db_free(b);
}

static void a_conversation_goes_one_by_one(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *a, *b;
	struct spool_relay_key first[10], next[10];
	struct spool_attempt done = {.at = 1, .state = SPOOL_RELAY_DONE, .due = 5};

	put_relays(w, to_ordered, 5, "c");
	a = relay_of(w);
	b = relay_of(w);
	assert_int_equal(claim(a, "ordered", 10, first), 1);
	assert_int_equal(claim(b, "ordered", 10, next), 0);
	done.relay = first[0].relay;
	done.event = first[0].event;
	assert_true(spool_relay_record(a, &done));
	assert_int_equal(claim(b, "ordered", 10, next), 1);
	assert_true(next[0].event > first[0].event);
	assert_int_equal(claim(a, "ordered", 10, first), 0);
	spool_db_free(a);
	spool_db_free(b);
}

/* Reads the relays of the keys. Returns how many this process has. */
static size_t find(struct spool_db *db, const struct spool_relay_key *keys, size_t n)
{
	struct spool_relay_cursor cursor = {0};
	struct spool_relay_iter *it = spool_relay_find(db, keys, n);
	struct spool_relay_row row;
	size_t seen = 0, mine = 0;
	bool more;

	while (spool_relay_next(it, &row)) {
		assert_int_equal(row.id, keys[seen].relay);
		assert_int_equal(row.sink.n, 3);
		seen++;
		mine += !row.elsewhere;
	}
	if (!spool_relay_end(it, &cursor, &more))
		fail_msg("%s", spool_db_error(db));
	assert_int_equal(seen, n);
	return mine;
}

static void what_a_receiver_asks_for_is_claimed(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *a, *b;
	struct spool_relay_key mine[10];

	put_relays(w, to_crm, 4, NULL);
	a = relay_of(w);
	b = relay_of(w);
	assert_int_equal(claim(a, "crm", 4, mine), 4);
	assert_int_equal(find(b, mine, 4), 0);
	assert_int_equal(find(a, mine, 4), 4);
	spool_db_free(a);
	assert_int_equal(find(b, mine, 4), 4);
	spool_db_free(b);
}

/* A reply that a process was sending when it went is dead, and no other one sends it. */
static void a_reply_is_sent_by_one(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *a, *b;
	struct spool_relay_key mine[10], others[10];
	int64_t n;
	char sql[96];

	put_relays(w, to_crm, 2, NULL);
	a = relay_of(w);
	b = relay_of(w);
	assert_int_equal(claim(a, "crm", 10, mine), 2);
	assert_true(spool_relay_sending(a, &mine[0], 7) && mine[0].pending);
	others[0] = mine[1];
	assert_true(spool_relay_sending(b, &others[0], 7));
	assert_false(others[0].pending);
	assert_true(spool_relay_doubt(b, &n));
	assert_int_equal(n, 0);
	snprintf(sql, sizeof sql, "DELETE FROM t%u.relayer WHERE id IN (SELECT holder FROM t%u.relay)", engines_number, engines_number);
	engines_sql(sql);
	assert_int_equal(claim(b, "crm", 10, others), 1);
	assert_int_equal(others[0].relay, mine[1].relay);
	assert_true(spool_relay_doubt(b, &n));
	assert_int_equal(n, 1);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM relay WHERE state = 2"), 1);
	spool_db_free(a);
	spool_db_free(b);
}

/* The server would take a query of a large table for an expensive one, and compile it each time. */
static void nothing_is_compiled(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);

	stores(s, event(SPOOL_IDENTITY_SIGNED, "1", "{}"));
	spool_close(s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM pg_settings WHERE name = 'jit' AND setting = 'off'"), 1);
}

/* Whether the descriptor becomes readable, and the connection goes on. */
static bool hears(struct spool_db *ear, int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1 && spool_relay_heard(ear);
}

/* A machine with no relay tells the others of each put that a relay has to send; a put after it is no other one. */
static void a_relay_hears_of_events_of_other_machines(void **state)
{
	struct world *w = engines_take(state);
	struct spool_event without = event(SPOOL_IDENTITY_SIGNED, "1", "{}"), first = event(SPOOL_IDENTITY_SIGNED, "2", "{}"),
		second = event(SPOOL_IDENTITY_SIGNED, "3", "{}");
	struct spool *s = make(w);
	struct spool_db *ear;
	int fd;

	first.relay = second.relay = to_crm;
	first.n_relay = second.n_relay = 1;
	stores(s, without);
	ear = engines_open(w, SPOOL_RELAY);
	fd = spool_relay_listen(ear);
	assert_true(fd >= 0);
	stores(s, first);
	assert_true(hears(ear, fd, 20000));
	stores(s, second);
	assert_true(hears(ear, fd, 20000));
	without.key = text("4");
	stores(s, without);
	assert_false(hears(ear, fd, 200));
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event"), 4);
	engines_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN hookspool'");
	assert_false(hears(ear, fd, 20000));
	spool_close(s);
}

/* The wakeup's socket has a reader: a relay of this machine. When it is gone, others are told. */
static void a_machine_with_a_relay_tells_no_other(void **state)
{
	struct world *w = engines_take(state);
	char dir[] = ".";
	const struct conf conf = {.spool = w->place, .dir = dir, .spool_wait = 2000};
	struct spool_event ev = event(SPOOL_IDENTITY_SIGNED, "1", "{}");
	struct spool *s = spool_of(&conf, SPOOL_RECEIVE);
	int own = spool_wakeup_listen(dir), fd;
	struct spool_db *ear;

	assert_true(own >= 0);
	ev.relay = to_crm;
	ev.n_relay = 1;
	stores(s, ev);
	ear = engines_open(w, SPOOL_RELAY);
	fd = spool_relay_listen(ear);
	ev.key = text("2");
	stores(s, ev);
	assert_false(hears(ear, fd, 200));
	close(own);
	ev.key = text("3");
	stores(s, ev);
	assert_true(hears(ear, fd, 20000));
	spool_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINES(a_batch_has_its_own_duplicates),
		ENGINES(no_bytes_of_a_stranger_are_refused),
		ENGINES_SERVER(an_event_that_is_refused_fails_no_other),
		ENGINES_SERVER(a_put_connects_anew),
		ENGINES_SERVER(events_of_the_overflow_are_moved_once),
		ENGINES_SERVER(a_spool_of_its_own_is_no_overflow),
		ENGINES_SERVER(an_overflow_that_is_used_as_spool_is_one),
		ENGINES_SERVER(a_relay_is_one_process_s),
		ENGINES_SERVER(a_lease_that_has_ended_is_another_s),
		ENGINES_SERVER(a_conversation_goes_one_by_one),
		ENGINES_SERVER(what_a_receiver_asks_for_is_claimed),
		ENGINES_SERVER(a_reply_is_sent_by_one),
		ENGINES_SERVER(nothing_is_compiled),
		ENGINES_SERVER(a_relay_hears_of_events_of_other_machines),
		ENGINES_SERVER(a_machine_with_a_relay_tells_no_other),
	};

	return cmocka_run_group_tests_name("spool_shared", tests, engines_enter, engines_leave);
}
