/* SPDX-License-Identifier: ISC */
/* The relay: what is pending, what became of attempts, what is answered once, which message was the first. */
#include "engines.h"

#include <sqlite3.h>

#include "spool/conversation.h"
#include "spool/deliveries.h"
#include "spool/relay.h"
#include "spool/relay_lock.h"
#include "spool/retention.h"
#include "spool/spool.h"

static const struct sink plain = {.name = (char *)(uintptr_t)"plain"};
static const struct sink judged = {.name = (char *)(uintptr_t)"judged", .filtered = true};
static const struct sink in_order = {.name = (char *)(uintptr_t)"in-order", .ordered = true};
static const struct sink answers = {.name = (char *)(uintptr_t)"answers", .replies = true};

static char why[256];

static struct slice text(const char *s)
{
	return s ? (struct slice){s, strlen(s)} : (struct slice){0};
}

/* Stores an event that goes to the sink, received then; returns its id. */
static int64_t put_at(struct spool *s, const struct sink *sink, const char *conversation, int64_t received_at)
{
	struct spool_event ev = {
		.endpoint = "/a", .event = text("e"), .conversation = text(conversation), .headers = text(""), .body = text("{}"),
		.remote_addr = "", .received_at = received_at, .relay = &sink, .n_relay = 1,
	};

	assert_true(spool_put(s, &ev, why, sizeof why));
	return ev.id;
}

static int64_t put(struct spool *s, const struct sink *sink, const char *conversation)
{
	return put_at(s, sink, conversation, 1000);
}

static struct spool *make(const struct world *w)
{
	return spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
}

/* A relay's connection. */
static struct spool_db *open_db(const struct world *w)
{
	struct spool_db *db = spool_db_new();

	if (!spool_db_open(db, w->place, JOURNAL_WAL, SPOOL_RELAY))
		fail_msg("%s", spool_db_error(db));
	return db;
}

/* A command's. */
static struct spool_db *open_other(const struct world *w)
{
	struct spool_db *db = spool_db_new();

	if (!spool_db_open(db, w->place, JOURNAL_WAL, SPOOL_MANAGE))
		fail_msg("%s", spool_db_error(db));
	return db;
}

struct seen {
	int64_t relay[16], event[16];
	char reply[16][32];
	bool judge;
	int n, most;
};

/* Reads up to n, and stops where there is no room for more. */
static bool read_due(struct spool_db *db, const char *sink, int64_t now, struct spool_relay_cursor *cursor, int n, struct seen *seen)
{
	struct spool_relay_iter *it = spool_relay_due(db, sink, now, cursor, NULL, NULL);
	struct spool_relay_row r;
	bool more;

	while (n-- > 0 && seen->n < seen->most && spool_relay_next(it, &r)) {
		seen->relay[seen->n] = r.id;
		seen->event[seen->n] = r.event.id;
		seen->judge = r.judge;
		snprintf(seen->reply[seen->n++], 32, "%.*s", (int)r.reply.n, r.reply.n ? r.reply.p : "");
	}
	assert_true(spool_relay_end(it, cursor, &more));
	return more;
}

static struct seen due(struct spool_db *db, const struct sink *sink, int64_t now)
{
	struct spool_relay_cursor cursor = {0};
	struct seen seen = {.most = 16};

	assert_false(read_due(db, sink->name, now, &cursor, 16, &seen));
	return seen;
}

static void record(struct spool_db *db, struct spool_attempt a)
{
	if (!spool_relay_record(db, &a))
		fail_msg("%s", spool_db_error(db));
}

/* The text is stored with an event where one of its sinks needs it, and comes back with the relay; so does that it has none. */
static void text_is_stored_where_a_sink_needs_it(void **state)
{
	struct world *w = engines_take(state);
	static const struct sink needs = {.name = (char *)(uintptr_t)"needs", .needs_text = true};
	static const struct sink *const one[] = {&plain}, *const both[] = {&plain, &needs};
	static const struct {
		const struct sink *const *relay;
		size_t n;
		const char *text, *type, *want; /* want: NULL: the body tells; "": none, or an empty one */
	} cases[] = {
		{one, 0, "hello", "null", NULL}, {one, 1, "hello", "null", NULL}, {both, 2, "hello", "text", "hello"}, {both, 2, "", "text", ""},
		{both, 2, NULL, "blob", ""},
	};
	struct spool *s = make(w);
	struct spool_relay_cursor cursor = {0};
	struct spool_relay_iter *it;
	struct spool_relay_row r;
	struct spool_db *db;
	char sql[128];
	bool more;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct spool_event ev = {
			.endpoint = "/a", .event = text("e"), .text = text(cases[i].text), .headers = text(""), .body = text("{}"), .remote_addr = "",
			.received_at = 1000, .relay = cases[i].relay, .n_relay = cases[i].n,
		};

		assert_true(spool_put(s, &ev, why, sizeof why));
	}
	spool_close(s);
	db = open_db(w);
	for (size_t i = 0; i < COUNT(cases) && !w->server; i++) {
		snprintf(sql, sizeof sql, "SELECT typeof(text) = '%s' FROM event WHERE id = %zu", cases[i].type, i + 1);
		assert_int_equal(engines_find(db, sql), 1);
	}
	assert_int_equal(engines_find(db, "SELECT count(*) FROM event WHERE text IS NULL"), w->server ? 3 : 2);
	it = spool_relay_due(db, "plain", 1000, &cursor, NULL, NULL);
	for (size_t i = 1; i < COUNT(cases); i++) {
		assert_true(spool_relay_next(it, &r));
		if (w->server && cases[i].text && !*cases[i].text) { /* the body tells of an empty one, too */
			assert_false(r.event.text_known);
			continue;
		}
		assert_int_equal(r.event.text_known, cases[i].want != NULL);
		assert_int_equal(r.event.text.p != NULL, cases[i].want && cases[i].text);
		assert_int_equal(r.event.text.n, cases[i].want ? strlen(cases[i].want) : 0);
		assert_memory_equal(r.event.text.p ? r.event.text.p : "", cases[i].want ? cases[i].want : "", r.event.text.n);
	}
	assert_true(spool_relay_end(it, &cursor, &more));
	spool_db_free(db);
}

static void attempts_are_recorded(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_delivery_filter all = {.state = -1};
	struct spool_db *db;
	struct seen seen;
	int64_t n;

	put(s, &plain, NULL);
	db = open_db(w);
	assert_int_equal(due(db, &plain, 999).n, 0);
	seen = due(db, &plain, 1000);
	assert_true(seen.n == 1 && !seen.judge);
	for (int i = 1; i <= 30; i++)
		record(db, (struct spool_attempt){.relay = seen.relay[0], .event = seen.event[0], .at = i, .error = "no", .state = SPOOL_RELAY_PENDING, .due = 2000});
	assert_int_equal(engines_find(db, "SELECT count(*) FROM attempt"), SPOOL_ATTEMPTS_KEPT);
	assert_int_equal(engines_find(db, "SELECT min(at) FROM attempt"), 21);
	assert_int_equal(due(db, &plain, 1999).n, 0);
	assert_true(spool_relay_next_due(db, "plain", 1000, &n));
	assert_int_equal(n, 2000);
	record(db, (struct spool_attempt){.relay = seen.relay[0], .event = seen.event[0], .state = SPOOL_RELAY_DEAD});
	assert_int_equal(due(db, &plain, 9999).n, 0);
	assert_true(spool_deliveries_retry(db, &all, 3000, &n));
	assert_int_equal(n, 1);
	seen = due(db, &plain, 3000);
	record(db, (struct spool_attempt){.relay = seen.relay[0], .event = seen.event[0], .status = 200, .state = SPOOL_RELAY_DONE});
	assert_int_equal(engines_find(db, "SELECT count(*) FROM attempt"), SPOOL_ATTEMPTS_KEPT);
	assert_int_equal(engines_find(db, "SELECT state FROM relay"), SPOOL_RELAY_DONE);
	/* the result of a delivery that was purged during its attempt is dropped */
	record(db, (struct spool_attempt){.relay = 4711, .event = 1, .state = SPOOL_RELAY_DONE});
	assert_int_equal(engines_find(db, "SELECT count(*) FROM attempt WHERE relay = 4711"), 0);
	spool_db_free(db);
	spool_close(s);
}

/* The receiver goes on while the list is shown. Returns how many there are in it. */
static int list(struct spool_db *db, const struct spool_delivery_filter *f, int64_t most, struct spool *s)
{
	struct spool_rows *rows = spool_deliveries_list(db, f, most);
	struct spool_delivery d;
	int n = 0;

	for (; spool_deliveries_next(rows, &d); n++)
		put(s, &plain, NULL);
	assert_true(spool_rows_end(rows));
	return n;
}

static void list_is_one_snapshot(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_delivery_filter all = {.state = -1}, failing = {.state = -1, .failing_first = true};
	struct spool_db *db;
	int n;

	for (int i = 0; i < 3; i++)
		put(s, &plain, NULL);
	db = open_other(w);
	assert_int_equal(list(db, &all, 2, s), 2);
	assert_int_equal(list(db, &all, 0, s), 5);
	assert_int_equal(list(db, &failing, 4, s), 4);
	spool_db_snapshot(db, true);
	n = (int)engines_find(db, "SELECT count(*) FROM relay");
	put(s, &plain, NULL);
	assert_int_equal(engines_find(db, "SELECT count(*) FROM relay"), n);
	spool_db_snapshot(db, false);
	assert_int_equal(engines_find(db, "SELECT count(*) FROM relay"), n + 1);
	spool_db_free(db);
	spool_close(s);
}

static void unwanted_relays_are_deleted(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_db *db;
	struct seen seen;
	int64_t id = put(s, &judged, NULL), changed;

	db = open_db(w);
	seen = due(db, &judged, 1000);
	assert_true(seen.n == 1 && seen.judge);
	record(db, (struct spool_attempt){.relay = seen.relay[0], .event = seen.event[0], .state = SPOOL_RELAY_UNWANTED});
	assert_int_equal(engines_find(db, "SELECT (SELECT count(*) FROM relay) + (SELECT count(*) FROM attempt)"), 0);
	assert_true(spool_deliveries_replay(db, &judged, &id, 1, 1000, &changed));
	seen = due(db, &judged, 1000);
	assert_true(seen.n == 1 && !seen.judge);
	spool_db_free(db);
	spool_close(s);
}

/* One answer for each event, and one at a time where the sink has an order. */
static void replies_are_recorded(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct sink ordered_answers = answers;
	struct spool_attempt a = {.at = 5, .ms = 5, .state = SPOOL_RELAY_DONE, .reply_to = &answers, .reply = text("hello")};
	struct spool_db *db;
	struct seen seen;

	ordered_answers.ordered = true;
	put(s, &plain, "c");
	put(s, &plain, "c");
	db = open_db(w);
	seen = due(db, &plain, 1000);
	assert_int_equal(seen.n, 2);
	a.relay = seen.relay[0];
	a.event = seen.event[0];
	record(db, a);
	a.reply = text("hello again");
	record(db, a);
	a.relay = seen.relay[1];
	a.event = seen.event[1];
	a.reply_to = &ordered_answers;
	record(db, a);
	seen = due(db, &answers, 10);
	assert_int_equal(seen.n, 2);
	assert_string_equal(seen.reply[0], "hello");
	assert_string_equal(seen.reply[1], "hello again");
	assert_int_equal(engines_find(db, "SELECT count(*) FROM relay WHERE conversation = 'c'"), 1);
	spool_db_free(db);
	spool_close(s);
}

/* A reply that is being sent when the relay ends is dead: it is not known whether it arrived. */
static void reply_interrupted_by_the_relays_end_is_dead(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_delivery_filter one = {0};
	struct spool_relay_key key;
	struct spool_db *db;
	struct seen seen;
	int64_t n;

	put(s, &plain, NULL);
	put(s, &plain, NULL);
	put(s, &plain, NULL);
	db = open_db(w);
	seen = due(db, &plain, 1000);
	for (int i = 0; i < 2; i++) {
		key = (struct spool_relay_key){seen.relay[i], seen.event[i], false};
		assert_true(spool_relay_sending(db, &key, 7 + i) && key.pending);
	}
	one.id = seen.relay[2];
	/* deliveries that were dropped or purged during the attempt, and one with another in its place */
	assert_true(spool_deliveries_drop(db, &one, 1000, &n) && n == 1);
	key = (struct spool_relay_key){seen.relay[2], seen.event[2], true};
	assert_true(spool_relay_sending(db, &key, 9) && !key.pending);
	key = (struct spool_relay_key){seen.relay[0], 4711, true};
	assert_true(spool_relay_sending(db, &key, 9) && !key.pending);
	assert_int_equal(engines_find(db, "SELECT max(sending) FROM relay"), 8);
	assert_int_equal(due(db, &plain, 1000).n, w->server ? 0 : 2); /* a server gives to no relay what one sends */
	record(db, (struct spool_attempt){.relay = seen.relay[1], .event = seen.event[1], .state = SPOOL_RELAY_DONE});
	spool_db_free(db);
	db = open_db(w);
	assert_true(spool_relay_doubt(db, &n));
	assert_int_equal(n, 1);
	assert_true(spool_relay_doubt(db, &n));
	assert_int_equal(n, 0);
	assert_int_equal(engines_find(db, "SELECT count(*) FROM relay WHERE state = 2 AND sending = 0 AND attempts = 1"), 1);
	assert_int_equal(engines_find(db, "SELECT at FROM attempt WHERE error LIKE '%may have arrived%'"), 7);
	spool_db_free(db);
	spool_close(s);
}

static bool is_pending(struct spool_db *db, int64_t relay, int64_t event)
{
	struct spool_relay_key keys[] = {{0, 0, true}, {relay, event, false}};

	assert_true(spool_relay_pending(db, keys, 2));
	assert_false(keys[0].pending);
	return keys[1].pending;
}

/* A relay that is gone is not the one that has its id now; what was dropped stays so, unless it had arrived. */
static void purged_and_dropped_relays(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_delivery_filter all = {.state = -1};
	struct spool_db *db, *other;
	struct seen old, new;
	struct spool_retention old_ones = {.before = 2000, .now = 2000};
	struct spool_retention_cursor purged = {0}, refused = {0};
	int64_t n;

	put(s, &plain, NULL);
	db = open_db(w);
	other = open_other(w);
	old = due(db, &plain, 1000);
	record(db, (struct spool_attempt){.relay = old.relay[0], .event = old.event[0], .error = "no", .state = SPOOL_RELAY_PENDING, .due = 1000});
	if (!w->server)
		assert_false(spool_retention_page(db, &old_ones, &refused)); /* it runs no triggers */
	assert_true(spool_retention_page(other, &old_ones, &purged));
	assert_true(purged.sum.events == 1 && purged.sum.pending == 1);
	put(s, &plain, NULL);
	new = due(db, &plain, 1000);
	assert_true((w->server || new.relay[0] == old.relay[0]) && new.event[0] != old.event[0]); /* a server uses no id twice */
	assert_true(is_pending(db, new.relay[0], new.event[0]) && !is_pending(db, old.relay[0], old.event[0]));
	record(db, (struct spool_attempt){.relay = old.relay[0], .event = old.event[0], .state = SPOOL_RELAY_DONE});
	assert_int_equal(engines_find(db, "SELECT (SELECT count(*) FROM attempt) + (SELECT count(*) FROM relay WHERE state <> 0)"), 0);
	assert_true(spool_deliveries_drop(other, &all, 3000, &n) && n == 1);
	assert_false(is_pending(db, new.relay[0], new.event[0]));
	record(db, (struct spool_attempt){.relay = new.relay[0], .event = new.event[0], .state = SPOOL_RELAY_PENDING, .due = 1});
	assert_int_equal(engines_find(db, "SELECT state FROM relay"), SPOOL_RELAY_DEAD);
	record(db, (struct spool_attempt){.relay = new.relay[0], .event = new.event[0], .state = SPOOL_RELAY_DONE});
	assert_int_equal(engines_find(db, "SELECT state FROM relay"), SPOOL_RELAY_DONE);
	assert_int_equal(engines_find(db, "SELECT CAST(sum(n * state) AS bigint) FROM ended WHERE sink = 'plain'"), 1);
	spool_db_free(other);
	spool_db_free(db);
	spool_close(s);
}

/* Two at a time, and no further than is asked for. */
static void pending_relays_are_read_in_parts(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_relay_cursor cursor = {0};
	struct seen seen = {.most = 16};
	struct spool_db *db;

	for (int i = 0; i < 5; i++)
		put(s, &plain, NULL);
	db = open_db(w);
	assert_true(read_due(db, "plain", 1000, &cursor, 2, &seen) && seen.n == 2);
	seen.most = 3;
	assert_true(read_due(db, "plain", 1000, &cursor, 2, &seen) && seen.n == 3);
	seen.most = 16;
	assert_true(!read_due(db, "plain", 1000, &cursor, 4, &seen) && seen.n == 5);
	spool_db_free(db);
	spool_close(s);
}

static void relays_keep_their_order(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	int64_t first = put(s, &in_order, "one"), second = put(s, &in_order, "one"), other = put(s, &in_order, "two");
	struct spool_db *db;
	struct seen seen;

	db = open_db(w);
	seen = due(db, &in_order, 1000);
	assert_true(seen.n == 2 && seen.event[0] == first && seen.event[1] == other);
	record(db, (struct spool_attempt){.relay = seen.relay[0], .event = seen.event[0], .state = SPOOL_RELAY_DEAD});
	seen = due(db, &in_order, 1000);
	assert_true(seen.n == 2 && seen.event[0] == second);
	spool_db_free(db);
	spool_close(s);
}

static bool is_first(struct spool_db *db, const char *conversation, int64_t event)
{
	bool first;

	assert_true(spool_conversation_first(db, text("/a"), text(conversation), event, &first));
	return first;
}

/* In batches, also of what came before anybody asked; and forgotten when all of it is old enough. */
static void conversation_is_sent_in_order(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	int64_t one = put(s, &plain, "one"), again = put(s, &plain, "one"), none = put(s, &plain, NULL), late, newer;
	struct spool_db *db;
	int64_t noted;
	bool more;

	for (int i = 0; i < 1000; i++)
		put(s, &plain, "many");
	late = put(s, &plain, "late");
	db = open_db(w);
	assert_true(spool_conversation_note(db, &noted, &more) && more && noted < late);
	assert_true(is_first(db, "one", one) && !is_first(db, "one", again) && !is_first(db, "late", late));
	assert_true(spool_conversation_note(db, &noted, &more) && !more && noted == late);
	assert_true(is_first(db, "late", late) && !is_first(db, NULL, none));
	assert_true(spool_conversation_note(db, &noted, &more) && !more);
	assert_int_equal(engines_find(db, "SELECT count(*) FROM conversation"), 3);
	assert_true(spool_conversation_purge(db, "/a", 1000));
	assert_int_equal(engines_find(db, "SELECT count(*) FROM conversation"), 3);
	newer = put_at(s, &plain, "late", 2000); /* not taken note of yet */
	assert_true(spool_conversation_purge(db, "/a", 1001));
	assert_int_equal(engines_find(db, "SELECT count(*) FROM conversation"), 1);
	assert_true(is_first(db, "late", late) && !is_first(db, "late", newer));
	assert_true(spool_conversation_purge(db, "/a", 2001));
	assert_int_equal(engines_find(db, "SELECT count(*) FROM conversation"), 0);
	spool_db_free(db);
	spool_close(s);
}

/* Stores as many events of a conversation, in one commit. */
static void put_many(struct spool *s, const struct sink *sink, const char *conversation, int n)
{
	struct spool_event *ev = calloc((size_t)n, sizeof *ev);

	assert_non_null(ev);
	for (int i = 0; i < n; i++)
		ev[i] = (struct spool_event){
			.endpoint = "/a", .event = text("e"), .conversation = text(conversation), .headers = text(""), .body = text("{}"),
			.remote_addr = "", .received_at = 1000, .relay = &sink, .n_relay = 1, .next = i + 1 < n ? &ev[i + 1] : NULL,
		};
	assert_true(spool_put(s, ev, why, sizeof why));
	free(ev);
}

/* However many of them wait, a reading ends soon, and the next goes on behind it. A server skips them by an index, in one reading. */
static void waiting_conversations_are_skipped_in_parts(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_relay_cursor cursor = {0};
	struct seen seen = {.most = 16};
	struct spool_db *db;
	int64_t first = put(s, &in_order, "one"), last;
	bool more = true;
	int readings = 0;

	put_many(s, &in_order, "one", 9998);
	last = put(s, &in_order, "two");
	db = open_db(w);
	for (; more; readings++)
		more = read_due(db, "in-order", 1000, &cursor, 16, &seen);
	assert_in_range(readings, w->server ? 1 : 5, 100);
	assert_true(seen.n == 2 && seen.event[0] == first && seen.event[1] == last);
	spool_db_free(db);
	spool_close(s);
}

/* What is due later than any pause lasts is due now: a clock was wrong. */
static void relay_put_off_by_a_wrong_clock_is_due_now(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct sink sink = {.name = (char *)(uintptr_t)"t"};
	struct spool_db *db;
	int64_t n, due;

	put_at(s, &sink, NULL, 5000);
	put_at(s, &sink, NULL, INT64_C(1) << 50);
	spool_close(s);
	db = open_db(w);
	assert_true(spool_relay_unwait(db, "other", 1000, 6000, &n));
	assert_int_equal(n, 0);
	assert_true(spool_relay_unwait(db, "t", 1000, 6000, &n));
	assert_int_equal(n, 1);
	assert_true(spool_relay_next_due(db, "t", 0, &due));
	assert_int_equal(due, 1000);
	assert_true(spool_relay_next_due(db, "t", 1000, &due));
	assert_int_equal(due, 5000); /* an ordinary pause stays */
	assert_true(spool_relay_unwait(db, "t", 1000, 6000, &n));
	assert_int_equal(n, 0);
	spool_db_free(db);
}

/* Relays by their keys: in any state, and none that is gone or whose id another has. */
static void test_relays_are_found_by_their_keys(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	int64_t first = put(s, &plain, NULL), second = put_at(s, &in_order, "c", (int64_t)1 << 40), third = put(s, &plain, NULL);
	struct spool_relay_key keys[] = {{3, third, false}, {1, second, false}, {9, first, false}, {2, second, false}, {1, first, false}};
	struct spool_relay_cursor cursor;
	struct spool_relay_row row;
	struct spool_relay_iter *it;
	struct spool_db *db;
	bool more;

	spool_close(s);
	db = open_db(w);
	record(db, (struct spool_attempt){.relay = 1, .event = first, .at = 1, .state = SPOOL_RELAY_DONE});
	it = spool_relay_find(db, keys, COUNT(keys));
	assert_true(spool_relay_next(it, &row));
	assert_int_equal(row.event.id, third);
	assert_int_equal(row.state, SPOOL_RELAY_PENDING);
	assert_true(row.sink.n == 5 && memcmp(row.sink.p, "plain", 5) == 0);
	assert_true(row.event.body.n == 2 && memcmp(row.event.body.p, "{}", 2) == 0);
	assert_true(spool_relay_next(it, &row));
	assert_int_equal(row.event.id, second);
	assert_true(row.sink.n == 8 && memcmp(row.sink.p, "in-order", 8) == 0);
	assert_true(spool_relay_next(it, &row));
	assert_int_equal(row.event.id, first);
	assert_int_equal(row.state, SPOOL_RELAY_DONE);
	assert_false(spool_relay_next(it, &row));
	assert_true(spool_relay_end(it, &cursor, &more));
	spool_db_free(db);
}

/* Also where the spool is not open yet. Any number of relays share a server: test_spool_shared.c. */
static void one_process_is_the_spools_relay(void **state)
{
	struct spool_db *first = spool_db_new(), *second = spool_db_new();
	int64_t alive = 0;

	(void)state;
	assert_int_equal(spool_relay_lock(first, "nowhere"), SPOOL_RELAY_LOCK_FAILED);
	assert_string_equal(spool_db_error(first), "nowhere/relay.lock: No such file or directory");
	assert_int_equal(mkdir("one", 0700), 0);
	assert_int_equal(spool_relay_lock_look("one", &alive), SPOOL_RELAY_NONE);
	assert_int_equal(spool_relay_lock(first, "one"), SPOOL_RELAY_LOCK_TAKEN);
	assert_int_equal(spool_relay_lock_look("one", &alive), SPOOL_RELAY_RUNS);
	assert_true(alive > 0);
	assert_int_equal(spool_relay_lock(second, "one"), SPOOL_RELAY_LOCK_HELD);
	assert_string_equal(spool_db_error(second), "another relay runs on one");
	spool_db_free(first);
	assert_int_equal(spool_relay_lock_look("one", &alive), SPOOL_RELAY_ENDED);
	spool_db_free(second);
}

static int statements(const struct spool_db *db)
{
	sqlite3_stmt *st = NULL;
	int n = 0;

	while ((st = sqlite3_next_stmt(db->sql, st)))
		n++;
	return n;
}

/* SQLite's are prepared once, again by SQLite where another process changed the schema, and end with the connection. */
static void statements_are_kept_until_the_connection_is_closed(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_attempt a = {.relay = 1, .event = put(s, &plain, NULL), .at = 1, .answer = text("")};
	struct spool_db *db, *other;
	int n;

	spool_close(s);
	db = open_db(w);
	assert_int_equal(statements(db), 0);
	record(db, a);
	assert_int_equal(due(db, &plain, 2000).n, 1);
	n = statements(db);
	assert_true(n > 0);
	other = open_other(w);
	assert_int_equal(sqlite3_exec(other->sql, "CREATE INDEX other ON attempt(at)", NULL, NULL, NULL), SQLITE_OK);
	spool_db_free(other);
	record(db, a);
	assert_int_equal(due(db, &plain, 2000).n, 1);
	assert_int_equal(statements(db), n);
	assert_int_equal(engines_find(db, "SELECT count(*) FROM attempt"), 2);
	assert_int_equal(sqlite3_exec(db->sql, "DROP INDEX other", NULL, NULL, NULL), SQLITE_OK);
	spool_db_free(db);
	db = open_db(w);
	assert_int_equal(statements(db), 0);
	record(db, a);
	assert_true(statements(db) > 0);
	assert_int_equal(engines_find(db, "SELECT count(*) FROM attempt"), 3);
	spool_db_free(db);
}

/* As counting all relays finds them, whatever has changed them. */
static void test_ended_relays_are_counted(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_delivery_filter one = {.state = -1};
	struct spool_attempt a[3] = {{.relay = 1, .event = 1, .state = SPOOL_RELAY_DONE}, {.relay = 2, .event = 2, .state = SPOOL_RELAY_DEAD},
		{.relay = 4, .event = 4, .state = SPOOL_RELAY_PENDING, .due = 1000}};
	struct spool_relay_key key = {3, 3, false};
	struct spool_db *db, *other;
	int64_t n;

	for (int i = 0; i < 6; i++)
		put(s, &plain, NULL);
	spool_close(s);
	db = open_db(w);
	other = open_other(w);
	assert_int_equal(due(db, &plain, 1000).n, 6);
	a[0].next = &a[1];
	a[1].next = &a[2];
	for (int again = 0; again < 2; again++) {
		assert_true(spool_relay_record(db, a)); /* the second time two are ended already */
		assert_int_equal(engines_find(db, "SELECT CAST(sum(n) AS bigint) FROM ended WHERE sink = 'plain' AND state = 1"), 1);
		assert_int_equal(engines_find(db, "SELECT CAST(sum(n) AS bigint) FROM ended WHERE sink = 'plain' AND state = 2"), 1);
	}
	assert_true(spool_relay_sending(db, &key, 7) && key.pending);
	spool_db_free(db);
	db = open_db(w);
	assert_true(spool_relay_doubt(db, &n) && n == 1);
	one.id = 5;
	assert_true(spool_deliveries_drop(other, &one, 1000, &n) && n == 1);
	record(db, (struct spool_attempt){.relay = 5, .event = 5, .state = SPOOL_RELAY_DONE}); /* during its attempt */
	one.id = 6;
	assert_true(spool_deliveries_drop(other, &one, 1000, &n) && n == 1);
	record(db, (struct spool_attempt){.relay = 6, .event = 6, .state = SPOOL_RELAY_UNWANTED}); /* the same: it stays dropped */
	assert_int_equal(engines_find(db, "SELECT CAST(sum(n) AS bigint) FROM ended WHERE sink = 'plain' AND state = 1"), 2);
	assert_int_equal(engines_find(db, "SELECT CAST(sum(n) AS bigint) FROM ended WHERE sink = 'plain' AND state = 2"), 3);
	assert_int_equal(engines_find(db, "SELECT count(*) FROM (SELECT sink, state, sum(n) AS n FROM ended GROUP BY sink, state) AS e"
		" WHERE n <> (SELECT count(*) FROM relay WHERE sink = e.sink AND state = e.state)"), 0);
	spool_db_free(other);
	spool_db_free(db);
}

static bool is_even(const void *ctx, int64_t relay)
{
	return ctx == why && relay % 2 == 0;
}

static void test_relays_of_the_caller_are_left_out_of_a_reading(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_relay_cursor cursor = {0};
	struct spool_relay_iter *it;
	struct spool_relay_row r;
	struct spool_db *db;
	bool more;

	for (int i = 0; i < 6; i++)
		put(s, &plain, NULL);
	spool_close(s);
	db = open_db(w);
	it = spool_relay_due(db, "plain", 1000, &cursor, is_even, why);
	for (int64_t id = 1; id < 6; id += 2) {
		assert_true(spool_relay_next(it, &r));
		assert_int_equal(r.id, id);
	}
	assert_false(spool_relay_next(it, &r));
	assert_true(spool_relay_end(it, &cursor, &more) && !more);
	cursor = (struct spool_relay_cursor){0, 0};
	it = spool_relay_due(db, "plain", 1000, &cursor, NULL, NULL);
	for (int64_t id = 1; id <= 6; id++)
		assert_true(spool_relay_next(it, &r) && r.id == id);
	assert_true(spool_relay_end(it, &cursor, &more));
	spool_db_free(db);
}

/* A server's number tells of all writers, the relay too, and of what the server does by itself. */
static void test_version_tells_of_other_writers(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = make(w);
	struct spool_db *db;
	int64_t version;

	put(s, &plain, NULL);
	db = open_db(w);
	version = spool_db_version(db);
	assert_int_not_equal(version, 0);
	record(db, (struct spool_attempt){.relay = 1, .event = 1, .state = SPOOL_RELAY_DONE});
	if (!w->server)
		assert_int_equal(spool_db_version(db), version);
	put(s, &plain, NULL);
	assert_int_not_equal(spool_db_version(db), version);
	if (!w->server)
		assert_int_equal(spool_db_version(db), spool_db_version(db));
	spool_db_free(db);
	spool_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINES(relay_put_off_by_a_wrong_clock_is_due_now),
		ENGINES(text_is_stored_where_a_sink_needs_it),
		ENGINES_SQLITE(one_process_is_the_spools_relay),
		ENGINES(attempts_are_recorded),
		ENGINES_SQLITE(statements_are_kept_until_the_connection_is_closed),
		ENGINES(list_is_one_snapshot),
		ENGINES(unwanted_relays_are_deleted),
		ENGINES(replies_are_recorded),
		ENGINES(reply_interrupted_by_the_relays_end_is_dead),
		ENGINES(purged_and_dropped_relays),
		ENGINES(pending_relays_are_read_in_parts),
		ENGINES(relays_keep_their_order),
		ENGINES(conversation_is_sent_in_order),
		ENGINES(waiting_conversations_are_skipped_in_parts),
		ENGINES(test_relays_are_found_by_their_keys),
		ENGINES(test_ended_relays_are_counted),
		ENGINES(test_relays_of_the_caller_are_left_out_of_a_reading),
		ENGINES(test_version_tells_of_other_writers),
	};

	return cmocka_run_group_tests_name("spool_relay", tests, engines_enter, engines_leave);
}
