/* SPDX-License-Identifier: ISC */
/* spool/sqlite/store: what makes two deliveries the same event. */
#include "unit.h"

#include <sqlite3.h>
#include <sys/wait.h>

#include "spool/events.h"
#include "spool/spool.h"
#include "spool/sqlite/db.h"
#include "spool/query/delete.h"

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

static void stores(struct spool *s, struct spool_event ev, int64_t id)
{
	put(s, &ev);
	assert_false(ev.duplicate || ev.altered);
	assert_int_equal(ev.id, id);
}

static void merges(struct spool *s, struct spool_event ev, int64_t id, bool altered)
{
	put(s, &ev);
	assert_true(ev.duplicate);
	assert_int_equal(ev.id, id);
	assert_int_equal(ev.altered, altered);
}

static int64_t ask(const char *dir, const char *sql)
{
	char path[64];
	sqlite3 *db;
	sqlite3_stmt *st;
	int64_t v;

	snprintf(path, sizeof path, "%s/hookspool.db", dir);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return v;
}

static void change(const char *dir, const char *sql)
{
	char path[64];
	sqlite3 *db;

	snprintf(path, sizeof path, "%s/hookspool.db", dir);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static struct spool *make(const char *dir)
{
	return spool_new(dir, JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
}

/* An id inside what the signature covers decides alone. */
static void signed_id(void **state)
{
	struct spool *s = make("signed");

	(void)state;
	stores(s, event(SPOOL_IDENTITY_SIGNED, "1", "one"), 1);
	merges(s, event(SPOOL_IDENTITY_SIGNED, "1", "one"), 1, false);
	merges(s, event(SPOOL_IDENTITY_SIGNED, "1", "two"), 1, true);
	stores(s, event(SPOOL_IDENTITY_SIGNED, "2", "one"), 2);
	spool_close(s);
	assert_int_equal(ask("signed", "SELECT count(*) FROM event WHERE note IS NOT NULL OR digest IS NOT NULL"), 0);
}

/* An id that nothing signs decides together with the bytes. */
static void unsigned_id(void **state)
{
	struct spool *s = make("unsigned");
	struct spool_event noted = unsigned_event("4", "one"), same = unsigned_event("3", "one");

	(void)state;
	stores(s, unsigned_event("1", "one"), 1);
	merges(s, unsigned_event("1", "one"), 1, false);
	stores(s, unsigned_event("1", "two"), 2);
	merges(s, unsigned_event("1", "two"), 2, false);
	put(s, &same);
	assert_false(same.duplicate);
	assert_int_equal(same.same_as, 1);
	noted.note = "it was so";
	put(s, &noted);
	assert_int_equal(noted.same_as, 3); /* the newest */
	merges(s, unsigned_event("3", "one"), 3, false);
	spool_close(s);
	assert_int_equal(ask("unsigned", "SELECT note = 'same bytes as event 1' FROM event WHERE id = 3"), 1);
	assert_int_equal(ask("unsigned", "SELECT note = 'it was so; same bytes as event 3' FROM event WHERE id = 4"), 1);
	assert_int_equal(ask("unsigned", "SELECT count(*) FROM event WHERE note IS NOT NULL"), 2);
}

/* An empty body is bytes like others. */
static void empty_body(void **state)
{
	struct spool *s = make("empty");
	struct spool_event ev = unsigned_event("1", NULL);

	(void)state;
	stores(s, ev, 1);
	merges(s, ev, 1, false);
	ev = event(SPOOL_IDENTITY_SIGNED, "s", NULL);
	stores(s, ev, 2);
	merges(s, ev, 2, false);
	spool_close(s);
}

/* With a replay window, the same bytes under another id are a duplicate for that long. */
static void replay_window(void **state)
{
	struct spool *s = make("replay");
	struct spool_event ev = unsigned_event("2", "one");

	(void)state;
	stores(s, unsigned_event("1", "one"), 1);
	ev.replay_window = DAY;
	ev.received_at += DAY;
	merges(s, ev, 1, false);
	put(s, &ev);
	assert_int_equal(ev.same_as, 1);
	ev.received_at++;
	stores(s, ev, 2);
	ev.received_at -= (int64_t)50 * DAY; /* of a clock that went back */
	ev.key = text("3");
	stores(s, ev, 3);
	ev.endpoint = "/b";
	stores(s, ev, 4);
	ev.body = text("two");
	stores(s, ev, 5);
	spool_close(s);
}

/* Where the bytes are the identity, they are it for the dedupe window. */
static void event_is_known_by_its_bytes(void **state)
{
	struct spool *s = make("body");
	struct spool_event ev = event(SPOOL_IDENTITY_BODY, "hash", "one");

	(void)state;
	stores(s, ev, 1);
	ev.received_at += (int64_t)30 * DAY;
	merges(s, ev, 1, false);
	ev.received_at++;
	stores(s, ev, 2);
	merges(s, ev, 2, false);
	ev.received_at -= (int64_t)100 * DAY; /* an event of a clock that was ahead takes nothing away */
	stores(s, ev, 3);
	spool_close(s);
	assert_int_equal(ask("body", "SELECT count(*) FROM event WHERE key = 'hash'"), 1);
}

/* The dedupe window holds for what release 0.1 knew by its bytes, too. */
static void event_of_an_old_release_is_known_by_its_bytes(void **state)
{
	struct spool *s = make("oldbody");
	struct spool_event ev = event(SPOOL_IDENTITY_BODY, "hash", "one");

	(void)state;
	stores(s, ev, 1);
	spool_close(s);
	change("oldbody", "UPDATE spool SET legacy_id = 1");
	s = make("oldbody");
	ev.received_at += (int64_t)30 * DAY;
	merges(s, ev, 1, false);
	ev.received_at++;
	stores(s, ev, 2);
	merges(s, ev, 2, false);
	spool_close(s);
	assert_int_equal(ask("oldbody", "SELECT count(*) FROM event WHERE key = 'hash'"), 1);
}

/* Where nothing is an identity, nothing is merged. */
static void event_without_identity_is_always_stored(void **state)
{
	struct spool *s = make("none");

	(void)state;
	stores(s, event(SPOOL_IDENTITY_NONE, "1", "one"), 1);
	stores(s, event(SPOOL_IDENTITY_NONE, "1", "one"), 2);
	stores(s, event(SPOOL_IDENTITY_SIGNED, NULL, "one"), 3);
	stores(s, event(SPOOL_IDENTITY_UNSIGNED, NULL, "one"), 4);
	spool_close(s);
}

static void purge(const char *dir)
{
	struct spool_doomed order[20];
	struct spool_deleted sum = {0};
	struct spool_db db = {0};

	for (int i = 0; i < 20; i++)
		order[i] = (struct spool_doomed){i + 1, 100};
	assert_true(spool_db_open(&db, dir, JOURNAL_WAL, SPOOL_MANAGE));
	if (!spool_delete(&db, order, 20, 0, false, false, &sum))
		fail_msg("%s", spool_db_error(&db));
	spool_db_close(&db);
	assert_int_equal(ask(dir, "SELECT count(*) FROM event"), 0);
}

/* The rules are the same where the events were purged. */
static void purged_events_stay_known(void **state)
{
	struct spool *s = make("purged");
	struct spool_event ev;

	(void)state;
	stores(s, event(SPOOL_IDENTITY_SIGNED, "s", "one"), 1);
	stores(s, unsigned_event("u", "one"), 2);
	stores(s, event(SPOOL_IDENTITY_BODY, "b", "one"), 3);
	purge("purged");
	merges(s, event(SPOOL_IDENTITY_SIGNED, "s", "one"), 1, false);
	merges(s, event(SPOOL_IDENTITY_SIGNED, "s", "two"), 1, true);
	merges(s, unsigned_event("u", "one"), 2, false);
	merges(s, event(SPOOL_IDENTITY_BODY, "b", "one"), 3, false);
	ev = unsigned_event("v", "one");
	ev.replay_window = DAY;
	put(s, &ev);
	assert_true(ev.duplicate && ev.same_as);
	stores(s, unsigned_event("u", "two"), 4);
	ev = event(SPOOL_IDENTITY_BODY, "b", "one");
	ev.received_at += (int64_t)31 * DAY;
	stores(s, ev, 5);
	purge("purged"); /* a key that is known already takes the place of the older one */
	merges(s, ev, 5, false);
	spool_close(s);
}

/* Readers see the id as the sender gave it. */
static void key_is_shown_as_text(void **state)
{
	struct spool_event thing = event(SPOOL_IDENTITY_SIGNED, "id a%20b%25 x", "two");
	struct spool *s = make("plain");
	struct spool_db db = {0};
	struct spool_events_iter *it;
	struct spool_row r;
	int n = 0;

	(void)state;
	stores(s, unsigned_event("id", "one"), 1);
	stores(s, event(SPOOL_IDENTITY_SIGNED, "id", "one"), 2);
	thing.event = text("a b%");
	thing.account = text("x");
	thing.plain_id = text("id");
	stores(s, thing, 3);
	thing.identity = SPOOL_IDENTITY_UNSIGNED;
	stores(s, thing, 4);
	thing.key = text("id a%20b%25 ");
	thing.account = text(NULL);
	stores(s, thing, 5);
	spool_close(s);
	assert_int_equal(ask("plain", "SELECT count(*) FROM event WHERE key = 'id' AND scope = ' a%20b%25 x'"), 1);
	assert_int_equal(ask("plain", "SELECT count(*) FROM event WHERE key = 'id' AND scope LIKE ' a\\%20b\\%25 x sha256:%' ESCAPE '\\'"), 1);
	assert_true(spool_db_open(&db, "plain", JOURNAL_WAL, SPOOL_MANAGE));
	it = spool_events_find(&db, &spool_filter_all);
	for (; spool_events_next(it, &r); n++) {
		assert_int_equal(r.key.n, 2);
		assert_memory_equal(r.key.p, "id", 2);
	}
	assert_true(spool_events_end(it));
	spool_db_close(&db);
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

/* A clock that went back is told of once, and not for what was late, nor for what was refused long before. */
static void replay_window_with_a_clock_set_back(void **state)
{
	struct spool *s = make("clock");
	int64_t noon = (int64_t)1000 * DAY, hour = DAY / 24;

	(void)state;
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
static void put_in_a_process(int process)
{
	struct spool *s = make("processes");
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
	int status;

	(void)state;
	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0)
			put_in_a_process(i);
	for (int i = 0; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(ask("processes", "SELECT count(*) FROM event"), 2 * EACH);
	assert_int_equal(ask("processes", "SELECT count(DISTINCT key) FROM event"), EACH);
	assert_int_equal(ask("processes", "SELECT count(*) FROM event WHERE note IS NOT NULL"), EACH - 1);
}

/* The relays that an answer waits for: those of the list `store`, of the event and of its duplicates, until they have ended. */
static void test_pending_stores_are_named(void **state)
{
	const struct sink one = {.name = (char *)(uintptr_t)"one"}, two = {.name = (char *)(uintptr_t)"two"}, plain = {.name = (char *)(uintptr_t)"plain"};
	const struct sink *const stores_of[] = {&one, &two}, *const relays[] = {&plain};
	struct spool *s = make("waits");
	struct spool_event first = event(SPOOL_IDENTITY_SIGNED, "1", "one"), again;

	(void)state;
	first.relay = relays;
	first.n_relay = 1;
	first.store = stores_of;
	first.n_store = 2;
	again = first;
	put(s, &first);
	assert_int_equal(first.n_waits, 2);
	assert_int_equal(ask("waits", "SELECT count(*) FROM relay"), 3);
	assert_int_equal(first.waits[0], ask("waits", "SELECT id FROM relay WHERE sink = 'one'"));
	assert_int_equal(first.waits[1], ask("waits", "SELECT id FROM relay WHERE sink = 'two'"));
	put(s, &again);
	assert_true(again.duplicate);
	assert_int_equal(again.n_waits, 2);
	assert_memory_equal(again.waits, first.waits, 2 * sizeof *again.waits);
	assert_false(again.store_dead);
	change("waits", "UPDATE relay SET state = 1 WHERE sink = 'one'; UPDATE relay SET state = 2 WHERE sink = 'plain'");
	put(s, &again);
	assert_int_equal(again.n_waits, 1);
	assert_int_equal(again.waits[0], first.waits[1]);
	assert_false(again.store_dead);
	change("waits", "UPDATE relay SET state = 2 WHERE sink = 'two'");
	put(s, &again);
	assert_int_equal(again.n_waits, 0);
	assert_true(again.store_dead);
	change("waits", "DELETE FROM relay WHERE sink = 'two'"); /* not wanted, or store names it since */
	put(s, &again);
	assert_int_equal(again.n_waits, 1);
	assert_int_equal(again.waits[0], ask("waits", "SELECT id FROM relay WHERE sink = 'two' AND state = 0"));
	assert_false(again.store_dead);
	purge("waits");
	put(s, &again);
	assert_true(again.duplicate);
	assert_int_equal(again.n_waits, 0);
	assert_int_equal(ask("waits", "SELECT count(*) FROM relay"), 0);
	spool_close(s);
}

static void test_store_that_does_not_want_the_event_is_not_waited_for(void **state)
{
	char *names[] = {(char *)(uintptr_t)"other"};
	const struct sink picky = {.name = (char *)(uintptr_t)"picky", .events = {names, 1}};
	const struct sink *const stores_of[] = {&picky};
	struct spool *s = make("picky");
	struct spool_event ev = event(SPOOL_IDENTITY_SIGNED, "1", "one");

	(void)state;
	ev.store = stores_of;
	ev.n_store = 1;
	put(s, &ev);
	assert_int_equal(ev.n_waits, 0);
	assert_int_equal(ask("picky", "SELECT count(*) FROM relay"), 0);
	spool_close(s);
}

/* A message that was fetched and one that was delivered are one, in either order; only the bytes tell them apart. */
static void fetched_event_is_the_delivered_one(void **state)
{
	struct spool *s = make("fetched");
	struct spool_event fetched = event(SPOOL_IDENTITY_SIGNED, "1", "put together"), delivered = event(SPOOL_IDENTITY_SIGNED, "1", "signed");

	(void)state;
	fetched.source = SPOOL_SOURCE_CATCH_UP;
	stores(s, fetched, 1);
	merges(s, delivered, 1, false); /* other bytes say nothing */
	merges(s, fetched, 1, false);
	fetched.key = fetched.plain_id = delivered.key = delivered.plain_id = text("2");
	stores(s, delivered, 2);
	put(s, &fetched);
	assert_true(fetched.duplicate);
	spool_close(s);
	assert_int_equal(ask("fetched", "SELECT count(*) FROM event WHERE source = 1 AND id = 1"), 1);
	assert_int_equal(ask("fetched", "SELECT count(*) FROM event"), 2);
}

/* Release 0.1 kept a plain id of what it purged, and nothing of its bytes. A delivery of that id may be another event of the message. */
static void fetched_event_that_an_old_release_purged_is_not_stored(void **state)
{
	struct spool *s = make("oldpurged");
	struct spool_event ev = event(SPOOL_IDENTITY_SIGNED, "2-a e acc", "put together");
	struct spool_db db = {0};

	(void)state;
	ev.plain_id = text("2-a");
	ev.account = text("acc");
	stores(s, ev, 1);
	purge("oldpurged");
	assert_true(spool_db_open(&db, "oldpurged", JOURNAL_WAL, SPOOL_MANAGE));
	assert_int_equal(sqlite3_exec(db.sql, "UPDATE purged SET key = key_hash((SELECT salt FROM spool), '2-a'), digest = NULL, is_legacy = 1;"
		"UPDATE spool SET legacy_id = 1", NULL, NULL, NULL), SQLITE_OK);
	spool_db_close(&db);
	spool_close(s);
	s = make("oldpurged");
	ev.source = SPOOL_SOURCE_CATCH_UP;
	merges(s, ev, 1, false);
	ev.source = SPOOL_SOURCE_WEBHOOK;
	stores(s, ev, 2);
	spool_close(s);
}

/* A sink without fetched events gets one when the webhook delivers it after all, and once. */
static void late_webhook_reaches_the_sink_that_wants_no_fetched_events(void **state)
{
	char names[][5] = {"all", "live"};
	const struct sink all = {.name = names[0], .catch_up = true}, live = {.name = names[1]};
	const struct sink *both[] = {&all, &live};
	struct spool *s = make("withheld");
	struct spool_event ev = event(SPOOL_IDENTITY_SIGNED, "1", "put together");

	(void)state;
	ev.source = SPOOL_SOURCE_CATCH_UP;
	ev.relay = both;
	ev.n_relay = 1; /* as catchup/batch.c chooses */
	put(s, &ev);
	assert_int_equal(ask("withheld", "SELECT count(*) FROM relay"), 1);
	put(s, &ev); /* fetched again */
	assert_int_equal(ask("withheld", "SELECT count(*) FROM relay"), 1);
	ev.source = SPOOL_SOURCE_WEBHOOK;
	ev.n_relay = 2;
	put(s, &ev);
	put(s, &ev);
	assert_true(ev.duplicate);
	assert_int_equal(ask("withheld", "SELECT count(*) FROM relay WHERE sink = 'live'"), 1);
	assert_int_equal(ask("withheld", "SELECT count(*) FROM relay"), 2);
	spool_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signed_id),
		cmocka_unit_test(unsigned_id),
		cmocka_unit_test(empty_body),
		cmocka_unit_test(replay_window),
		cmocka_unit_test(event_is_known_by_its_bytes),
		cmocka_unit_test(event_of_an_old_release_is_known_by_its_bytes),
		cmocka_unit_test(event_without_identity_is_always_stored),
		cmocka_unit_test(purged_events_stay_known),
		cmocka_unit_test(replay_window_with_a_clock_set_back),
		cmocka_unit_test(unsigned_across_processes),
		cmocka_unit_test(key_is_shown_as_text),
		cmocka_unit_test(fetched_event_is_the_delivered_one),
		cmocka_unit_test(fetched_event_that_an_old_release_purged_is_not_stored),
		cmocka_unit_test(late_webhook_reaches_the_sink_that_wants_no_fetched_events),
		cmocka_unit_test(test_pending_stores_are_named),
		cmocka_unit_test(test_store_that_does_not_want_the_event_is_not_waited_for),
	};

	return cmocka_run_group_tests_name("spool_store", tests, unit_enter, unit_leave);
}
