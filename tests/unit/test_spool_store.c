/* SPDX-License-Identifier: ISC */
/* What makes two deliveries the same event. */
#include "engines.h"

#include <inttypes.h>

#include "spool/query/delete.h"
#include "spool/events.h"
#include "spool/stmt.h"

enum { DAY = 86400000 };

static char why[256];

static struct slice text(const char *s)
{
	return s ? (struct slice){s, strlen(s)} : (struct slice){0};
}

static struct spool_event event(enum spool_identity identity, const char *key, const char *body)
{
	return (struct spool_event){
		.endpoint = "/a", .event = text("e"), .key = text(key), .identity = identity, .plain_id = text(key), .headers = text("H: v\n"),
		.body = text(body), .remote_addr = "", .received_at = (int64_t)1000 * DAY, .dedupe_window = (int64_t)30 * DAY,
	};
}

static struct spool_event unsigned_event(const char *key, const char *body)
{
	return event(SPOOL_IDENTITY_UNSIGNED, key, body);
}

static void put(struct spool *s, struct spool_event *ev)
{
	if (!spool_put(s, ev, why, sizeof why))
		fail_msg("%s", why);
}

/* Returns the new event's id. A server may leave numbers out. */
static int64_t stores(struct spool *s, struct spool_event ev)
{
	put(s, &ev);
	assert_false(ev.duplicate || ev.altered);
	return ev.id;
}

static void merges(struct spool *s, struct spool_event ev, int64_t id, bool altered)
{
	put(s, &ev);
	assert_true(ev.duplicate);
	assert_int_equal(ev.id, id);
	assert_int_equal(ev.altered, altered);
}

static bool has_note(struct world *w, int64_t event, const char *note, int64_t same_as)
{
	char sql[256];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM event WHERE id = %" PRId64 " AND note = '%ssame bytes as event %" PRId64 "'", event, note, same_as);
	return engines_ask(w, sql) == 1;
}

static void change(struct world *w, const char *sql)
{
	assert_true(spool_stmt_exec(engines_open(w, SPOOL_MANAGE), sql));
}

static struct spool *make(struct world *w)
{
	return spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
}

/* An id inside what the signature covers decides alone. */
static void signed_id(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	int64_t id;

	id = stores(s, event(SPOOL_IDENTITY_SIGNED, "1", "one"));
	merges(s, event(SPOOL_IDENTITY_SIGNED, "1", "one"), id, false);
	merges(s, event(SPOOL_IDENTITY_SIGNED, "1", "two"), id, true);
	stores(s, event(SPOOL_IDENTITY_SIGNED, "2", "one"));
	spool_close(s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event WHERE note IS NOT NULL OR digest IS NOT NULL"), 0);
}

/* An id that nothing signs decides together with the bytes. */
static void unsigned_id(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_event noted = unsigned_event("4", "one"), same = unsigned_event("3", "one");
	int64_t one, two;

	one = stores(s, unsigned_event("1", "one"));
	merges(s, unsigned_event("1", "one"), one, false);
	two = stores(s, unsigned_event("1", "two"));
	merges(s, unsigned_event("1", "two"), two, false);
	put(s, &same);
	assert_false(same.duplicate);
	assert_int_equal(same.same_as, one);
	noted.note = "it was so";
	put(s, &noted);
	assert_int_equal(noted.same_as, same.id); /* the newest */
	merges(s, unsigned_event("3", "one"), same.id, false);
	spool_close(s);
	assert_true(has_note(w, same.id, "", one));
	assert_true(has_note(w, noted.id, "it was so; ", same.id));
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event WHERE note IS NOT NULL"), 2);
}

/* An empty body is bytes like others. */
static void empty_body(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_event ev = unsigned_event("1", NULL);
	int64_t id;

	id = stores(s, ev);
	merges(s, ev, id, false);
	ev = event(SPOOL_IDENTITY_SIGNED, "s", NULL);
	id = stores(s, ev);
	merges(s, ev, id, false);
	spool_close(s);
}

/* With a replay window, the same bytes under another id are a duplicate for that long. */
static void replay_window(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_event ev = unsigned_event("2", "one");
	int64_t id;

	id = stores(s, unsigned_event("1", "one"));
	ev.replay_window = DAY;
	ev.received_at += DAY;
	merges(s, ev, id, false);
	put(s, &ev);
	assert_int_equal(ev.same_as, id);
	ev.received_at++;
	id = stores(s, ev);
	ev.key = text("4");
	merges(s, ev, id, false); /* the newest of several */
	ev.received_at -= (int64_t)50 * DAY; /* of a clock that went back */
	ev.key = text("3");
	stores(s, ev);
	ev.endpoint = "/b";
	stores(s, ev);
	ev.body = text("two");
	stores(s, ev);
	spool_close(s);
}

/* Where the bytes are the identity, they are it for the dedupe window. */
static void event_is_known_by_its_bytes(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_event ev = event(SPOOL_IDENTITY_BODY, "hash", "one");
	int64_t id;

	id = stores(s, ev);
	ev.received_at += (int64_t)30 * DAY;
	merges(s, ev, id, false);
	ev.received_at++;
	id = stores(s, ev);
	merges(s, ev, id, false);
	ev.received_at -= (int64_t)100 * DAY; /* an event of a clock that was ahead takes nothing away */
	id = stores(s, ev);
	merges(s, ev, id, false);
	spool_close(s);
	/* a server's keys are in a table of their own, and its older events still show theirs */
	assert_int_equal(engines_ask(w, w->server ? "SELECT count(*) FROM event_key" : "SELECT count(*) FROM event WHERE key = 'hash'"), 1);
}

/* The dedupe window holds for what release 0.1 knew by its bytes, too. */
static void event_of_an_old_release_is_known_by_its_bytes(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_event ev = event(SPOOL_IDENTITY_BODY, "hash", "one");
	int64_t id;

	id = stores(s, ev);
	spool_close(s);
	change(w, "UPDATE spool SET legacy_id = 1");
	s = make(w);
	ev.received_at += (int64_t)30 * DAY;
	merges(s, ev, id, false);
	ev.received_at++;
	id = stores(s, ev);
	merges(s, ev, id, false);
	spool_close(s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event WHERE key = 'hash'"), 1);
}

/* Where nothing is an identity, nothing is merged. */
static void event_without_identity_is_always_stored(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);

	stores(s, event(SPOOL_IDENTITY_NONE, "1", "one"));
	stores(s, event(SPOOL_IDENTITY_NONE, "1", "one"));
	stores(s, event(SPOOL_IDENTITY_SIGNED, NULL, "one"));
	stores(s, event(SPOOL_IDENTITY_UNSIGNED, NULL, "one"));
	spool_close(s);
}

static void purge(struct world *w)
{
	struct spool_doomed order[20];
	struct spool_deleted sum = {0};

	for (int i = 0; i < 20; i++)
		order[i] = (struct spool_doomed){i + 1, 100};
	if (!spool_delete(engines_open(w, SPOOL_MANAGE), order, 20, 0, false, false, &sum))
		fail_msg("%s", spool_db_error(w->db));
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event"), 0);
}

/* The rules are the same where the events were purged. */
static void purged_events_stay_known(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_event ev;
	int64_t of_signed, of_unsigned, of_body;

	of_signed = stores(s, event(SPOOL_IDENTITY_SIGNED, "s", "one"));
	of_unsigned = stores(s, unsigned_event("u", "one"));
	of_body = stores(s, event(SPOOL_IDENTITY_BODY, "b", "one"));
	purge(w);
	merges(s, event(SPOOL_IDENTITY_SIGNED, "s", "one"), of_signed, false);
	merges(s, event(SPOOL_IDENTITY_SIGNED, "s", "two"), of_signed, true);
	merges(s, unsigned_event("u", "one"), of_unsigned, false);
	merges(s, event(SPOOL_IDENTITY_BODY, "b", "one"), of_body, false);
	ev = unsigned_event("v", "one");
	ev.replay_window = DAY;
	put(s, &ev);
	assert_true(ev.duplicate && ev.same_as);
	stores(s, unsigned_event("u", "two"));
	ev = event(SPOOL_IDENTITY_BODY, "b", "one");
	ev.received_at += (int64_t)31 * DAY;
	of_body = stores(s, ev);
	purge(w); /* a key that is known already takes the place of the older one */
	merges(s, ev, of_body, false);
	spool_close(s);
}

/* Readers see the id as the sender gave it. */
static void key_is_shown_as_text(void **state)
{
	struct spool_event thing = event(SPOOL_IDENTITY_SIGNED, "id a%20b%25 x", "two");
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_events_iter *it;
	struct spool_row r;
	int n = 0;

	stores(s, unsigned_event("id", "one"));
	stores(s, event(SPOOL_IDENTITY_SIGNED, "id", "one"));
	thing.event = text("a b%");
	thing.account = text("x");
	thing.plain_id = text("id");
	stores(s, thing);
	thing.identity = SPOOL_IDENTITY_UNSIGNED;
	stores(s, thing);
	thing.key = text("id a%20b%25 ");
	thing.account = text(NULL);
	stores(s, thing);
	spool_close(s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event WHERE key = 'id' AND scope = ' a%20b%25 x'"), 1);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event WHERE key = 'id' AND substr(scope, 1, 19) = ' a%20b%25 x sha256:' AND length(scope) = 83"), 1);
	it = spool_events_find(engines_open(w, SPOOL_MANAGE), &spool_filter_all);
	for (; spool_events_next(it, &r); n++) {
		assert_int_equal(r.key.n, 2);
		assert_memory_equal(r.key.p, "id", 2);
	}
	assert_true(spool_events_end(it));
	assert_int_equal(n, 5);
}

/* Stores an event of that time; returns how often the log has told of the clock since. */
static int told_of(struct spool *s, int64_t received_at, int64_t reject)
{
	struct spool_event ev = event(SPOOL_IDENTITY_NONE, NULL, "one");
	int saved = dup(STDERR_FILENO), n = 0;
	char line[512];
	FILE *log;

	ev.received_at = received_at;
	ev.reject = reject;
	log = freopen("log", "w+", stderr);
	assert_non_null(log);
	put(s, &ev);
	rewind(log);
	while (fgets(line, sizeof line, log))
		n += strstr(line, "the clock: the newest event is of ") != NULL;
	dup2(saved, STDERR_FILENO);
	close(saved);
	return n;
}

/*
 * A clock that went back is told of once, and not for what was late, nor for what was refused long before. Receivers of a server have
 * clocks of their own: `hookspool check` compares them with the server's.
 */
static void replay_window_with_a_clock_set_back(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	int64_t noon = (int64_t)1000 * DAY, hour = DAY / 24;

	assert_int_equal(told_of(s, noon, 0), 0);
	assert_int_equal(told_of(s, noon - hour, 0), 0);
	assert_int_equal(told_of(s, noon, 0), 0);
	assert_int_equal(told_of(s, noon - 5 * hour, 1), 0);
	assert_int_equal(told_of(s, noon - 2 * hour, 0), 1);
	assert_int_equal(told_of(s, noon - 2 * hour, 0), 0);
	spool_close(s);
}

enum { PROCESSES = 4, EACH = 40 };

/* Each puts the same ids with bytes of two senders, which start at other places. */
static void put_in_a_process(struct world *w, int process)
{
	struct spool *s = make(w);
	char key[16];

	for (int i = 0; i < 2 * EACH; i++) {
		int n = (i + process * 17) % (2 * EACH);
		struct spool_event ev;

		snprintf(key, sizeof key, "%d", n / 2);
		ev = unsigned_event(key, n % 2 ? key : "the same");
		if (!spool_put(s, &ev, why, sizeof why))
			_exit(1);
	}
	spool_close(s);
	_exit(0);
}

/* The rule for unsigned ids holds among processes. */
static void unsigned_across_processes(void **state)
{
	struct world *w = engines_take(state);
	int status;

	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0)
			put_in_a_process(w, i);
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event"), 2 * EACH);
	assert_int_equal(engines_ask(w, "SELECT count(DISTINCT key) FROM event"), EACH);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event WHERE note IS NOT NULL"), EACH - 1);
}

/* The relays that an answer waits for: those of the list `store`, of the event and of its duplicates, until they have ended. */
static void test_pending_stores_are_named(void **state)
{
	const struct sink one = {.name = (char *)(uintptr_t)"one"}, two = {.name = (char *)(uintptr_t)"two"}, plain = {.name = (char *)(uintptr_t)"plain"};
	const struct sink *const stores_of[] = {&one, &two}, *const relays[] = {&plain};
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_event first = event(SPOOL_IDENTITY_SIGNED, "1", "one"), again;

	first.relay = relays;
	first.n_relay = 1;
	first.store = stores_of;
	first.n_store = 2;
	again = first;
	put(s, &first);
	assert_int_equal(first.n_waits, 2);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM relay"), 3);
	assert_int_equal(first.waits[0], engines_ask(w, "SELECT id FROM relay WHERE sink = 'one'"));
	assert_int_equal(first.waits[1], engines_ask(w, "SELECT id FROM relay WHERE sink = 'two'"));
	put(s, &again);
	assert_true(again.duplicate);
	assert_int_equal(again.n_waits, 2);
	assert_memory_equal(again.waits, first.waits, 2 * sizeof *again.waits);
	assert_false(again.store_dead);
	change(w, "UPDATE relay SET state = CASE sink WHEN 'one' THEN 1 ELSE 2 END WHERE sink IN ('one', 'plain')");
	put(s, &again);
	assert_int_equal(again.n_waits, 1);
	assert_int_equal(again.waits[0], first.waits[1]);
	assert_false(again.store_dead);
	change(w, "UPDATE relay SET state = 2 WHERE sink = 'two'");
	put(s, &again);
	assert_int_equal(again.n_waits, 0);
	assert_true(again.store_dead);
	change(w, "DELETE FROM relay WHERE sink = 'two'"); /* not wanted, or store names it since */
	put(s, &again);
	assert_int_equal(again.n_waits, 1);
	assert_int_equal(again.waits[0], engines_ask(w, "SELECT id FROM relay WHERE sink = 'two' AND state = 0"));
	assert_false(again.store_dead);
	purge(w);
	put(s, &again);
	assert_true(again.duplicate);
	assert_int_equal(again.n_waits, 0);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM relay"), 0);
	spool_close(s);
}

static void test_store_that_does_not_want_the_event_is_not_waited_for(void **state)
{
	char *names[] = {(char *)(uintptr_t)"other"};
	const struct sink picky = {.name = (char *)(uintptr_t)"picky", .events = {names, 1}};
	const struct sink *const stores_of[] = {&picky};
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_event ev = event(SPOOL_IDENTITY_SIGNED, "1", "one");

	ev.store = stores_of;
	ev.n_store = 1;
	put(s, &ev);
	assert_int_equal(ev.n_waits, 0);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM relay"), 0);
	spool_close(s);
}

/* A message that was fetched and one that was delivered are one, in either order; only the bytes tell them apart. */
static void fetched_event_is_the_delivered_one(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_event fetched = event(SPOOL_IDENTITY_SIGNED, "1", "put together"), delivered = event(SPOOL_IDENTITY_SIGNED, "1", "signed");
	int64_t id;

	fetched.source = SPOOL_SOURCE_CATCH_UP;
	id = stores(s, fetched);
	merges(s, delivered, id, false); /* other bytes say nothing */
	merges(s, fetched, id, false);
	fetched.key = fetched.plain_id = delivered.key = delivered.plain_id = text("2");
	stores(s, delivered);
	put(s, &fetched);
	assert_true(fetched.duplicate);
	spool_close(s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event WHERE source = 1 AND key = '1'"), 1);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM event"), 2);
}

/* Release 0.1 kept a plain id of what it purged, and nothing of its bytes. A delivery of that id may be another event of the message. */
static void fetched_event_that_an_old_release_purged_is_not_stored(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_event ev = event(SPOOL_IDENTITY_SIGNED, "2-a e acc", "put together");
	int64_t id;

	ev.plain_id = text("2-a");
	ev.account = text("acc");
	id = stores(s, ev);
	purge(w);
	change(w, "UPDATE purged SET key = key_hash((SELECT salt FROM spool), '2-a'), digest = NULL, is_legacy = 1");
	change(w, "UPDATE spool SET legacy_id = 1");
	spool_close(s);
	s = make(w);
	ev.source = SPOOL_SOURCE_CATCH_UP;
	merges(s, ev, id, false);
	ev.source = SPOOL_SOURCE_WEBHOOK;
	stores(s, ev);
	spool_close(s);
}

/* A sink without fetched events gets one when the webhook delivers it after all, and once. */
static void late_webhook_reaches_the_sink_that_wants_no_fetched_events(void **state)
{
	char names[][5] = {"all", "live"};
	const struct sink all = {.name = names[0], .catch_up = true}, live = {.name = names[1]};
	const struct sink *both[] = {&all, &live};
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_event ev = event(SPOOL_IDENTITY_SIGNED, "1", "put together");

	ev.source = SPOOL_SOURCE_CATCH_UP;
	ev.relay = both;
	ev.n_relay = 1; /* as catchup/batch.c chooses */
	put(s, &ev);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM relay"), 1);
	put(s, &ev); /* fetched again */
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM relay"), 1);
	ev.source = SPOOL_SOURCE_WEBHOOK;
	ev.n_relay = 2;
	put(s, &ev);
	put(s, &ev);
	assert_true(ev.duplicate);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM relay WHERE sink = 'live'"), 1);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM relay"), 2);
	spool_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINES(signed_id),
		ENGINES(unsigned_id),
		ENGINES(empty_body),
		ENGINES(replay_window),
		ENGINES(event_is_known_by_its_bytes),
		ENGINES_SQLITE(event_of_an_old_release_is_known_by_its_bytes),
		ENGINES(event_without_identity_is_always_stored),
		ENGINES(purged_events_stay_known),
		ENGINES_SQLITE(replay_window_with_a_clock_set_back),
		ENGINES(unsigned_across_processes),
		ENGINES(key_is_shown_as_text),
		ENGINES(fetched_event_is_the_delivered_one),
		ENGINES_SQLITE(fetched_event_that_an_old_release_purged_is_not_stored),
		ENGINES(late_webhook_reaches_the_sink_that_wants_no_fetched_events),
		ENGINES(test_pending_stores_are_named),
		ENGINES(test_store_that_does_not_want_the_event_is_not_waited_for),
	};

	return cmocka_run_group_tests_name("spool_store", tests, engines_enter, engines_leave);
}
