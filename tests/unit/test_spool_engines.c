/* SPDX-License-Identifier: ISC */
/* The spool over each engine: what is stored is read back, changed and deleted alike. */
#include "engines.h"

#include <time.h>

#include "core/clock.h"
#include "spool/alert.h"
#include "spool/catchup.h"
#include "spool/conversation.h"
#include "spool/deliveries.h"
#include "spool/erase.h"
#include "spool/events.h"
#include "spool/inspect.h"
#include "spool/keeper.h"
#include "spool/move.h"
#include "spool/pause.h"
#include "spool/program.h"
#include "spool/query/stats.h"
#include "spool/rejects.h"
#include "spool/reply.h"
#include "spool/retention.h"
#include "spool/stmt.h"
#include "spool/totals.h"
#include "spool/view.h"

enum { EVENTS = 120 /* several statements of a reading */, MANY = 2500 /* several pages */ };

#define DAY INT64_C(86400000)
static const int64_t T = INT64_C(1700000000000);

static char why[256];
static char crm_name[] = "crm", mail_name[] = "mail", answers_name[] = "answers";
static struct sink crm = {.name = crm_name, .ordered = true}, mail = {.name = mail_name}, answers = {.name = answers_name};
static const struct sink *const both[] = {&crm, &mail};

static struct slice bytes(const char *p, size_t n)
{
	return (struct slice){p, n};
}

static struct spool_event event(const char *key, int64_t at)
{
	return (struct spool_event){.endpoint = "/hook", .event = slice_text("message"), .key = slice_text(key), .identity = SPOOL_IDENTITY_SIGNED,
		.headers = slice_text("H: v\n"), .body = slice_text("{}"), .remote_addr = "192.0.2.1", .received_at = at, .secret = 1,
		.sender_id = slice_text("ann"), .conversation = slice_text("talk"), .relay = both, .n_relay = 2};
}

static struct spool *receive(struct world *w)
{
	return spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
}

/* All rows of the table relay. */
static int64_t count_relays(struct spool_db *db)
{
	struct spool_stmt *st;
	int64_t n;

	assert_true(spool_stmt_prepare(db, "SELECT count(*) FROM relay", &st) && spool_stmt_step(st) == SPOOL_ROW);
	n = spool_stmt_int64(st, 0);
	spool_stmt_free(st);
	return n;
}

/* Stores n events, a second apart, of /odd and /even in turn, and opens the spool. */
static struct spool_db *fill(struct world *w, int n)
{
	struct spool_event *ev = calloc((size_t)n, sizeof *ev);
	struct spool *s = receive(w);
	char (*key)[16] = calloc((size_t)n, sizeof *key);

	for (int i = 0; i < n; i++) {
		snprintf(key[i], sizeof key[i], "k%d", i);
		ev[i] = event(key[i], T + i * 1000);
		ev[i].endpoint = i % 2 ? "/odd" : "/even";
		ev[i].next = i + 1 < n ? &ev[i + 1] : NULL;
	}
	if (!spool_put(s, ev, why, sizeof why))
		fail_msg("%s", why);
	free(ev);
	free(key);
	spool_close(s);
	return engines_open(w, SPOOL_MANAGE);
}

/* Fails with the connection's reason where a call was not good. */
#define GOOD(db, call) do { if (!(call)) fail_msg("%s: %s", #call, spool_db_error(db)); } while (0)

static int count(struct spool_db *db, const struct spool_filter *f, int64_t *first, int64_t *last)
{
	struct spool_events_iter *it = spool_events_find(db, f);
	struct spool_row row;
	int n = 0;

	for (*first = *last = 0; spool_events_next(it, &row); *last = row.id, n++) {
		if (n == 0)
			*first = row.id;
		else
			assert_true(f->newest_first ? row.id < *last : row.id > *last);
	}
	GOOD(db, spool_events_end(it));
	return n;
}

static void events_are_read_in_both_orders(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *db = fill(w, EVENTS);
	struct spool_filter f = spool_filter_all;
	int64_t first, last, newest;

	assert_int_equal(count(db, &f, &first, &last), EVENTS);
	assert_int_equal(last - first, EVENTS - 1);
	GOOD(db, spool_events_newest(db, &newest));
	assert_int_equal(newest, last);
	f.newest_first = true;
	assert_int_equal(count(db, &f, &first, &last), EVENTS);
	f = spool_filter_all;
	f.endpoint = "/odd";
	f.after = newest - 100;
	f.last = newest - 1;
	assert_int_equal(count(db, &f, &first, &last), 49);
	f = spool_filter_all;
	f.since = T + 5000;
	f.until = T + 7000;
	assert_int_equal(count(db, &f, &first, &last), 2);
	f.account = "none";
	assert_int_equal(count(db, &f, &first, &last), 0);
}

/* They are read by pages of ids, and a page by statements of fewer rows. */
static void many_events_are_read_without_a_gap(void **state)
{
	struct spool_db *db = fill(engines_take(state), MANY);
	struct spool_filter f = spool_filter_all;
	int64_t first, last;

	assert_int_equal(count(db, &f, &first, &last), MANY);
	f.newest_first = true;
	assert_int_equal(count(db, &f, &first, &last), MANY);
}

static void strangers_bytes_come_back_as_they_were(void **state)
{
	static const char odd[] = "a\0b\xff\xc3(";
	struct world *w = engines_take(state);
	struct slice o = bytes(odd, sizeof odd - 1);
	struct spool_event ev = event("k", T);
	struct spool *s = receive(w);
	struct spool_events_iter *it;
	struct spool_db *db;
	struct spool_row row;

	ev.event = ev.account = ev.sender_id = ev.sender_name = ev.conversation = ev.sent_at = ev.headers = ev.body = ev.key = o;
	ev.note = "noted";
	ev.n_relay = 0;
	assert_true(spool_put(s, &ev, why, sizeof why));
	spool_close(s);
	db = engines_open(w, SPOOL_READ);
	it = spool_events_get(db, ev.id);
	assert_true(spool_events_next(it, &row));
	for (const struct slice *const *v = (const struct slice *const[]){&row.event, &row.account, &row.sender_id, &row.sender_name,
		&row.conversation, &row.sent_at, &row.headers, &row.body, &row.key, NULL}; *v; v++) {
		assert_int_equal((*v)->n, o.n);
		assert_memory_equal((*v)->p, o.p, o.n);
	}
	assert_true(row.id == ev.id && row.received_at == T && row.secret == 1);
	assert_memory_equal(row.note.p, "noted", 5);
	assert_false(spool_events_next(it, &row));
	assert_true(spool_events_end(it));
	assert_false(spool_pause_note(db, "crm", T, 1)); /* SPOOL_READ */
	assert_int_equal(spool_db_error_kind(db), SPOOL_ERROR_READONLY);
}

static int64_t deliveries(struct spool_db *db, int state, const char *sink, struct spool_delivery *last)
{
	const struct spool_delivery_filter f = {.state = state, .sink = sink};
	struct spool_rows *rows = spool_deliveries_list(db, &f, 0);
	struct spool_delivery d;
	int64_t n = 0;

	for (; spool_deliveries_next(rows, &d); n++)
		if (last)
			*last = (struct spool_delivery){.id = d.id, .event = d.event, .attempts = d.attempts, .status = d.status, .last_at = d.last_at};
	GOOD(db, spool_rows_end(rows));
	return n;
}

/* The number of deliveries of a sink in that state that the counts tell. */
static int64_t counted(struct spool_db *db, const char *sink, int state)
{
	struct spool_rows *rows = spool_deliveries_counts(db);
	struct spool_delivery_count c;
	int64_t n = 0;

	while (spool_deliveries_next_count(rows, &c))
		if (strcmp(c.sink, sink) == 0 && (int)c.state == state)
			n += c.n;
	GOOD(db, spool_rows_end(rows));
	return n;
}

static void deliveries_are_counted_retried_replayed_and_dropped(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *db = fill(w, 6);
	struct spool_delivery_filter all = {.state = -1}, one = {.state = -1};
	struct spool_delivery d;
	struct spool_pending p;
	struct spool_rows *rows;
	struct spool_delivery_count c;
	int64_t n, events[2];
	bool found;

	assert_int_equal(deliveries(db, -1, NULL, &d), 12);
	assert_int_equal(counted(db, "crm", SPOOL_RELAY_PENDING), 6);
	GOOD(db, spool_deliveries_pending(db, "crm", 4, &p));
	assert_true(p.n == 4 && p.since == T);
	rows = spool_deliveries_sinks(db);
	assert_true(spool_deliveries_next_count(rows, &c) && strcmp(c.sink, "crm") == 0 && spool_deliveries_next_count(rows, &c) &&
		strcmp(c.sink, "mail") == 0 && !spool_deliveries_next_count(rows, &c));
	GOOD(db, spool_rows_end(rows));
	all.sink = "mail";
	GOOD(db, spool_deliveries_drop(db, &all, T, &n));
	assert_int_equal(n, 6);
	assert_int_equal(counted(db, "mail", SPOOL_RELAY_DEAD), 6);
	assert_int_equal(deliveries(db, SPOOL_RELAY_DEAD, "mail", &d), 6);
	one.id = d.id;
	GOOD(db, spool_deliveries_exist(db, &one, &found));
	assert_true(found && d.last_at == T);
	GOOD(db, spool_deliveries_retry(db, &one, T + 1, &n));
	assert_int_equal(n, 1);
	assert_int_equal(counted(db, "mail", SPOOL_RELAY_DEAD), 5);
	events[0] = d.event - 1;
	events[1] = d.event;
	GOOD(db, spool_deliveries_replay(db, &mail, events, 2, T + 2, &n));
	assert_int_equal(n, 1);
	GOOD(db, spool_deliveries_replayed(db, &all, &n));
	assert_int_equal(n, 1);
	assert_int_equal(counted(db, "mail", SPOOL_RELAY_DEAD), 4);
	for (struct spool_rows *(*of)(struct spool_db *, int64_t) = spool_deliveries_shape; of; of = of == spool_deliveries_shape ? spool_deliveries_late : NULL) {
		rows = of(db, T + 90000000);
		assert_true(spool_deliveries_next_count(rows, &c));
		GOOD(db, (rows ? spool_rows_end(rows) : false));
	}
	rows = spool_deliveries_ages(db);
	assert_true(spool_deliveries_next_count(rows, &c) && c.since == T);
	GOOD(db, spool_rows_end(rows));
}

static void attempts_are_recorded_and_shown(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *db = fill(w, 2);
	struct spool_delivery d;
	struct spool_delivery_attempt a;
	struct spool_attempt done = {0};
	struct spool_rows *rows;
	struct spool_view_group g;
	struct spool_delivery_filter f = {.state = -1, .failing_first = true};
	int64_t at, n;

	deliveries(db, -1, "crm", &d);
	done = (struct spool_attempt){.relay = d.id, .event = d.event, .at = T, .ms = 7, .status = 500, .error = "no", .answer = slice_text("x"),
		.state = SPOOL_RELAY_DEAD, .due = T + 7, .since = T, .pauses = "crm", .pause_until = T + 1000, .pause_failures = 3};
	for (int i = 0; i < 12; i++)
		GOOD(db, spool_relay_record(db, &done));
	assert_int_equal(counted(db, "crm", SPOOL_RELAY_DEAD), 1);
	rows = spool_deliveries_attempts(db, d.id);
	for (n = 0; spool_deliveries_next_attempt(rows, &a); n++)
		assert_true(a.status == 500 && a.ms == 7 && a.answer.n == 1);
	GOOD(db, spool_rows_end(rows));
	assert_int_equal(n, SPOOL_ATTEMPTS_KEPT);
	GOOD(db, spool_alert_dead(db, "crm", 0, &at, &n));
	assert_true(at == T + 7 && n == 1);
	rows = spool_view_dead(db);
	assert_true(spool_view_next_group(rows, &g) && strcmp(g.sink, "crm") == 0 && strcmp(g.text, "no") == 0 && g.status == 500);
	GOOD(db, spool_rows_end(rows));
	rows = spool_view_deliveries(db, d.event);
	assert_true(spool_deliveries_next(rows, &d));
	GOOD(db, spool_rows_end(rows));
	rows = spool_deliveries_list(db, &f, 1);
	assert_true(spool_deliveries_next(rows, &d) && d.state == SPOOL_RELAY_DEAD && d.status == 500 && d.endpoint.n == 4);
	GOOD(db, spool_rows_end(rows));
}

static void a_reply_takes_the_place_of_the_one_before(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *db = fill(w, 1);
	struct spool_delivery d;
	struct spool_reply r, again;
	struct spool_attempt done;

	deliveries(db, -1, "crm", &d);
	GOOD(db, spool_reply_put(db, &answers, d.event, slice_text("hello"), false, T, &r));
	assert_true(r.added && r.delivery);
	done = (struct spool_attempt){.relay = r.delivery, .event = d.event, .at = T, .state = SPOOL_RELAY_DONE, .since = T};
	GOOD(db, spool_relay_record(db, &done));
	db = engines_open(w, SPOOL_MANAGE); /* the relay's connection counts by itself */
	GOOD(db, spool_reply_put(db, &answers, d.event, slice_text("other"), false, T, &again));
	assert_false(again.added);
	assert_int_equal(again.state, SPOOL_RELAY_DONE);
	GOOD(db, spool_reply_put(db, &answers, d.event, slice_text("other"), true, T, &again));
	assert_true(again.added && again.delivery != r.delivery);
	assert_int_equal(deliveries(db, -1, "answers", NULL), 1);
	assert_int_equal(counted(db, "answers", SPOOL_RELAY_DONE), 0);
}

static void rejected_deliveries_and_counters_are_kept(void **state)
{
	struct world *w = engines_take(state);
	struct spool_reject r = {.endpoint = "/hook", .code = "bad-signature", .reason = "wrong", .remote_addr = "192.0.2.7", .path = "/x\xff",
		.method = "POST", .received_at = clock_now(), .bytes = 3, .body = bytes("a\0b", 3)};
	struct spool_tally t = {.endpoint = "/hook", .code = "stored", .secret = 5, .bytes = 10, .at = T};
	struct reject_limits few = limits(2);
	struct spool_reject_row row;
	struct spool_counter c;
	struct spool_rows *rows;
	struct spool_db *db = engines_open(w, SPOOL_RECEIVE);
	int64_t id = 0, at;
	int n = 0;

	for (int i = 0; i < 3; i++) {
		struct spool_stats stats = {.limits = limits(10)};

		spool_stats_reject(&stats, &r);
		spool_stats_count(&stats, &t);
		GOOD(db, spool_db_begin(db, true));
		GOOD(db, spool_stats_write(&stats, db));
		GOOD(db, spool_db_commit(db));
		spool_db_end(db);
		spool_stats_free(&stats);
	}
	rows = spool_rejects_list(db, "/hook", 0);
	for (; spool_rejects_next(rows, &row); n++)
		id = row.id;
	GOOD(db, spool_rows_end(rows));
	assert_int_equal(n, 3);
	rows = spool_rejects_get(db, id);
	assert_true(spool_rejects_next(rows, &row) && row.body.n == 3 && row.path.n == 3 && row.bytes == 3);
	GOOD(db, spool_rows_end(rows));
	GOOD(db, spool_rejects_purge(db, &few, clock_now()));
	rows = spool_rejects_list(db, NULL, 0);
	for (n = 0; spool_rejects_next(rows, &row); n++)
		;
	GOOD(db, spool_rows_end(rows));
	assert_int_equal(n, 2);
	rows = spool_totals_counters(db);
	assert_true(spool_totals_next(rows, &c) && c.n == 3 && c.bytes == 30 && c.secret == 5 && strcmp(c.code, "stored") == 0);
	GOOD(db, spool_rows_end(rows));
	GOOD(db, spool_totals_last(db, "/hook", &at));
	assert_int_equal(at, T);
}

static void old_events_go_and_their_keys_stay_known(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *db = fill(w, 10);
	struct spool_retention_cursor c = {0};
	struct spool_retention r = {.before = T + 5000, .now = T + DAY, .keys_since = T + 2000};
	struct spool_event again[] = {event("k0", T + DAY), event("k4", T + DAY)};
	struct spool_totals t;
	struct spool *s;
	int64_t first, last;

	GOOD(db, spool_retention_page(db, &r, &c));
	assert_true(c.done && c.sum.events == 5 && c.sum.deliveries == 10 && c.sum.pending == 10);
	GOOD(db, spool_retention_forget(db, &r));
	GOOD(db, spool_delete_wipe(db));
	GOOD(db, spool_totals_read(db, &t));
	assert_true(t.events == 5 && t.oldest == T + 5000 && t.bytes > 0);
	again[0].endpoint = again[1].endpoint = "/even";
	again[0].next = &again[1];
	s = receive(w);
	assert_true(spool_put(s, again, why, sizeof why));
	spool_close(s);
	assert_false(again[0].duplicate);
	assert_true(again[1].duplicate);
	assert_int_equal(count(db, &spool_filter_all, &first, &last), 6);
	r.keys_since = T + DAY + 1; /* now all keys may go, but those of events that are there */
	GOOD(db, spool_retention_forget(db, &r));
	s = receive(w);
	assert_true(spool_put(s, again, why, sizeof why));
	spool_close(s);
	assert_true(again[0].duplicate);
	assert_false(again[1].duplicate);
}

/* An event that comes during a pass is the next pass's, however old it is: under load the pass would not end. */
static void a_pass_ends_at_the_event_that_was_the_last_one(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *db = fill(w, 1001); /* one more than a first page has */
	struct spool_retention_cursor c = {0};
	struct spool_retention r = {.before = T + DAY, .now = T + DAY, .keys_since = T + DAY};
	struct spool_event late = event("late", T);
	struct spool *s = receive(w);
	int64_t first, last;

	GOOD(db, spool_retention_page(db, &r, &c));
	assert_true(!c.done && c.sum.events == 1000);
	assert_true(spool_put(s, &late, why, sizeof why));
	spool_close(s);
	while (!c.done)
		GOOD(db, spool_retention_page(db, &r, &c));
	assert_int_equal(c.sum.events, 1001);
	assert_int_equal(count(db, &spool_filter_all, &first, &last), 1);
}

static void old_events_with_pending_deliveries_stay(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *db = fill(w, 10);
	struct spool_retention r = {.before = T + 5000, .now = T + DAY, .keys_since = T, .spare = true, .dry_run = true};
	int64_t first, last;

	count(db, &spool_filter_all, &first, &last);
	GOOD(db, spool_stmt_run(db, "UPDATE relay SET state = 1 WHERE event BETWEEN ?1 AND ?2", first + 1, first + 2));
	for (int deleted = 0; deleted < 2; deleted++) {
		struct spool_retention_cursor c = {0};

		r.dry_run = !deleted;
		GOOD(db, spool_retention_page(db, &r, &c));
		assert_true(c.sum.events == 2 && c.sum.deliveries == 4 && c.sum.spared == 3 && c.sum.pending == 0);
		assert_int_equal(count(db, &spool_filter_all, &first, &last), deleted ? 8 : 10);
	}
	assert_int_equal(count_relays(db), 16);
	r.spare = false;
	r.dry_run = true;
	GOOD(db, spool_retention_page(db, &r, &(struct spool_retention_cursor){0}));
	assert_int_equal(count(db, &spool_filter_all, &first, &last), 8);
}

/* One put: each event that is known is a duplicate, of one in the same put, too; the others are stored in their order. */
static void a_batch_has_new_and_known_events(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *db = fill(w, 2);
	static const struct sink *const waited[] = {&mail}, *const relayed[] = {&crm};
	struct spool_event ev[] = {event("a", T), event("k0", T), event("b", T), event("a", T), event("k0", T), event("x", T), event("x", T), event("c", T)};
	enum { N = sizeof ev / sizeof *ev };
	struct spool *s = receive(w);
	struct spool_totals before, t;
	int64_t last;

	for (int i = 0; i < N; i++) {
		ev[i].endpoint = "/even";
		ev[i].next = i + 1 < N ? &ev[i + 1] : NULL;
		ev[i].relay = relayed;
		ev[i].store = waited;
		ev[i].n_relay = ev[i].n_store = 1;
	}
	ev[4].body = slice_text("{\"other\":1}");
	ev[5].key = ev[6].key = (struct slice){0};
	ev[5].identity = ev[6].identity = SPOOL_IDENTITY_NONE;
	GOOD(db, spool_totals_read(db, &before));
	if (!spool_put(s, ev, why, sizeof why))
		fail_msg("%s", why);
	last = ev[1].id;
	for (int i = 0; i < N; i++) {
		assert_int_equal(ev[i].duplicate, i == 1 || i == 3 || i == 4);
		assert_int_equal(ev[i].altered, i == 4);
		assert_true(!ev[i].refused && ev[i].n_waits == 1 && ev[i].waits[0] > 0);
		if (ev[i].duplicate)
			continue;
		assert_true(ev[i].id > last);
		last = ev[i].id;
	}
	assert_true(ev[3].id == ev[0].id && ev[4].id == ev[1].id && ev[3].waits[0] == ev[0].waits[0] && ev[2].waits[0] != ev[0].waits[0]);
	GOOD(db, spool_totals_read(db, &t));
	assert_int_equal(t.events, before.events + 5);
	assert_int_equal(count_relays(db), 4 + 10);
	spool_close(s);
}

/* Its first pass deletes nothing, as the clock may be wrong; the next one is a second later. */
static void the_keeper_deletes_what_is_older_than_keep(void **state)
{
	struct world *w = engines_take(state);
	const struct conf conf = {.spool = w->place, .keep = 24 * 1000, .dedupe_window = DAY};
	struct spool_db *db = fill(w, 300);
	struct spool_keeper *k = spool_keeper_new(&conf);
	struct spool_totals t = {.events = 1};

	GOOD(db, spool_stmt_exec(db, "DELETE FROM relay")); /* an event with pending deliveries stays */
	for (int i = 0; t.events && i < 600; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 50 * 1000 * 1000}, NULL);
		GOOD(db, spool_totals_read(db, &t));
	}
	assert_int_equal(t.events, 0);
	spool_keeper_halt(k);
	while (!spool_keeper_free(k))
		;
}

static void a_person_is_erased(void **state)
{
	struct world *w = engines_take(state);
	struct spool_event ev[] = {event("a", T), event("b", T + 1), event("c", T + 2)};
	struct spool_erase what = {.sender = "bob"};
	struct spool_erased sum = {0};
	struct spool *s = receive(w);
	struct spool_db *db;
	bool first, more;
	int64_t noted, n, last;

	ev[1].sender_id = slice_text("bob");
	ev[1].conversation = slice_text("bobs");
	ev[2].body = slice_text("{\"about\": \"bob\"}");
	ev[0].next = &ev[1];
	ev[1].next = &ev[2];
	assert_true(spool_put(s, ev, why, sizeof why));
	spool_close(s);
	db = engines_open(w, SPOOL_MANAGE);
	GOOD(db, spool_conversation_note(db, &noted, &more));
	assert_true(noted == ev[2].id && !more);
	GOOD(db, spool_conversation_first(db, slice_text("/hook"), slice_text("talk"), ev[0].id, &first));
	assert_true(first);
	GOOD(db, spool_conversation_first(db, slice_text("/hook"), slice_text("talk"), ev[2].id, &first));
	assert_false(first);
	GOOD(db, spool_erase(db, &what, &sum));
	assert_true(sum.events.events == 1 && sum.events.deliveries == 2 && sum.mentioned == 1 && sum.conversations == 1);
	assert_int_equal(count(db, &spool_filter_all, &n, &last), 2);
	assert_int_equal(count(db, &spool_filter_all, &n, &last), 2);
	GOOD(db, spool_conversation_purge(db, "/hook", T + DAY));
}

static void small_tables_are_written_and_read(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *db = fill(w, 1);
	struct spool_program self = spool_program_self(SPOOL_PROGRAM_RECEIVER), p;
	struct spool_alert a = {.name = "sink.down", .subject = "crm", .since = T};
	struct spool_catchup c, read;
	struct spool_catchup_item item = {.id = slice_text("i"), .until = T};
	struct spool_pause pause;
	struct spool_rows *rows;
	struct spool_catchup_signs signs;
	struct spool_faults faults;
	char name[16];
	int64_t until;
	bool is;

	GOOD(db, spool_program_tell(db, &self));
	GOOD(db, spool_program_tell(db, &self));
	rows = spool_program_list(db);
	assert_true(spool_program_next(rows, &p) && p.process.pid == getpid() && strcmp(p.role, "receiver") == 0);
	assert_false(spool_program_next(rows, &p));
	GOOD(db, spool_rows_end(rows));
	GOOD(db, spool_program_forget(db, SPOOL_PROGRAM_RECEIVER));

	GOOD(db, spool_pause_note(db, "crm", T + 5, 2));
	GOOD(db, spool_pause_note(db, "crm", T + 6, 3));
	rows = spool_pause_list(db, T);
	assert_true(spool_pause_next(rows, &pause) && pause.until == T + 6 && pause.failures == 3);
	GOOD(db, spool_rows_end(rows));
	GOOD(db, spool_pause_end(db, "crm", T, &is));
	assert_true(is);

	GOOD(db, spool_alert_write(db, &a, NULL, NULL));
	a.raised_at = T + 1;
	GOOD(db, spool_alert_write(db, &a, NULL, NULL));
	rows = spool_alert_list(db);
	assert_true(spool_alert_next(rows, &a) && a.raised_at == T + 1);
	GOOD(db, spool_rows_end(rows));

	GOOD(db, spool_catchup_read(db, "linkedin", "me", &c));
	snprintf(c.cursor, sizeof c.cursor, "at");
	c.complete_until = T;
	GOOD(db, spool_catchup_write(db, &c, &item, 1, T));
	GOOD(db, spool_catchup_write(db, &c, &item, 1, T));
	GOOD(db, spool_catchup_read(db, "linkedin", "me", &read));
	assert_true(read.complete_until == T && strcmp(read.cursor, "at") == 0);
	GOOD(db, spool_catchup_item(db, &c, slice_text("i"), 0, &until));
	assert_int_equal(until, T);
	GOOD(db, spool_catchup_has(db, "/even", slice_text("k0"), slice_text("k0"), &is));
	assert_true(is);
	GOOD(db, spool_catchup_look(db, "/even", &signs));
	GOOD(db, spool_catchup_delete(db, &c));

	GOOD(db, spool_relay_name(db, name));
	assert_int_equal(strlen(name), 8);
	GOOD(db, spool_inspect_write(db));
	assert_true(spool_inspect_pages(db, false, &faults));
	assert_true(spool_inspect_size(db) > 0);
}

static void the_page_reads_upwards_and_downwards(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *db = fill(w, 20);
	struct spool_view_filter f = {.until = INT64_MAX, .endpoint = slice_text("/odd")};
	struct spool_view_group g;
	struct spool_view_row row;
	struct spool_view *v;
	struct spool_rows *rows;
	int64_t newest[2], id, soon = clock_mono_us() + 20 * INT64_C(1000000);

	GOOD(db, spool_view_newest(db, newest));
	GOOD(db, spool_view_before(db, SPOOL_VIEW_EVENTS, T + 5000, &id));
	assert_int_equal(newest[SPOOL_VIEW_EVENTS] - id, 15);
	for (int up = 0; up < 2; up++) {
		int n = 0;

		v = spool_view_begin(db, SPOOL_VIEW_EVENTS, &f, 0, newest[SPOOL_VIEW_EVENTS], up, soon);
		while (spool_view_next(v, &row) == SPOOL_VIEW_ROW)
			n += row.body.n == 2 && row.sender_id.n == 3;
		GOOD(db, spool_view_end(v));
		assert_int_equal(n, 10);
	}
	v = spool_view_begin(db, SPOOL_VIEW_REJECTS, &f, 0, 1, false, soon);
	assert_int_equal(spool_view_next(v, &row), SPOOL_VIEW_END);
	GOOD(db, spool_view_end(v));
	spool_view_bound(db, &soon);
	rows = spool_view_callers(db, SPOOL_VIEW_EVENTS);
	assert_true(spool_view_next_group(rows, &g) && g.n == 20 && strcmp(g.text, "192.0.2.1") == 0);
	GOOD(db, spool_rows_end(rows));
	spool_view_bound(db, NULL);
}

static struct spool_db *open_place(const char *place, enum spool_access access)
{
	struct spool_db *db = spool_db_new();

	GOOD(db, spool_db_open(db, place, JOURNAL_WAL, access));
	return db;
}

static void put_some(const char *place, int from, int to)
{
	struct spool *s = spool_new(place, JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	struct spool_event ev;
	char key[16];

	for (int i = from; i < to; i++) {
		snprintf(key, sizeof key, "k%d", i);
		ev = event(key, T + i * 1000);
		ev.body = bytes("\0\xff", 2);
		if (!spool_put(s, &ev, why, sizeof why))
			fail_msg("%s", why);
		assert_false(ev.duplicate);
	}
	spool_close(s);
}

static bool is_known(const char *place, const char *key)
{
	struct spool *s = spool_new(place, JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	struct spool_event ev = event(key, T);

	assert_true(spool_put(s, &ev, why, sizeof why));
	spool_close(s);
	return ev.duplicate;
}

/* All that can be seen of the events and deliveries is the same in both. */
static void compare_spools(struct spool_db *a, struct spool_db *b)
{
	struct spool_events_iter *of_a = spool_events_find(a, &spool_filter_all), *of_b = spool_events_find(b, &spool_filter_all);
	struct spool_row x, y;
	char name[2][16];

	while (spool_events_next(of_a, &x)) {
		assert_true(spool_events_next(of_b, &y));
		assert_true(x.id == y.id && x.received_at == y.received_at && x.body.n == y.body.n && x.key.n == y.key.n);
		assert_memory_equal(x.body.p, y.body.p, x.body.n);
		assert_memory_equal(x.key.p, y.key.p, x.key.n);
	}
	assert_false(spool_events_next(of_b, &y));
	GOOD(a, spool_events_end(of_a));
	GOOD(b, spool_events_end(of_b));
	for (int state = -1; state < 3; state++)
		assert_int_equal(deliveries(a, state, NULL, NULL), deliveries(b, state, NULL, NULL));
	for (int state = 0; state < 3; state++)
		assert_int_equal(counted(a, "crm", state), counted(b, "crm", state));
	assert_true(spool_relay_name(a, name[0]) && spool_relay_name(b, name[1]));
	assert_string_equal(name[0], name[1]);
}

static void a_spool_is_moved_there_and_back(void **state)
{
	struct world *w = engines_take(state);
	char old[64], back[64];
	struct spool_retention r = {.before = T + 2000, .now = T + DAY};
	struct spool_retention_cursor c = {0};
	struct spool_delivery_filter first = {.state = -1, .sink = "crm"};
	struct spool_delivery d;
	struct spool_attempt done;
	struct spool_moved sum;
	struct spool_db *from, *to, *again;
	bool more;
	int64_t n;

	snprintf(old, sizeof old, "old%u", engines_number);
	snprintf(back, sizeof back, "back%u", engines_number);
	put_some(old, 0, 8);
	from = open_place(old, SPOOL_MANAGE);
	GOOD(from, spool_retention_page(from, &r, &c));
	GOOD(from, spool_deliveries_drop(from, &first, T, &n));
	GOOD(from, spool_conversation_note(from, &n, &more));
	deliveries(from, SPOOL_RELAY_PENDING, "mail", &d);
	done = (struct spool_attempt){.relay = d.id, .event = d.event, .at = T, .status = 500, .error = "no", .state = SPOOL_RELAY_PENDING, .due = T, .since = T};
	GOOD(from, spool_relay_record(from, &done));
	spool_db_free(from);

	from = open_place(old, SPOOL_MANAGE);
	to = open_place(w->place, SPOOL_RECEIVE);
	GOOD(to, spool_move(from, to, NULL, &sum));
	assert_true(sum.events == 6 && sum.deliveries == 12 && sum.total == 6);
	compare_spools(from, to);
	spool_db_free(from);
	put_some(old, 20, 23); /* as if the move had been interrupted */
	from = open_place(old, SPOOL_MANAGE);
	GOOD(to, spool_move(from, to, NULL, &sum));
	assert_int_equal(sum.events, 3);
	compare_spools(from, to);
	GOOD(to, spool_move(from, to, NULL, &sum));
	assert_int_equal(sum.events, 0);

	again = open_place(back, SPOOL_RECEIVE);
	GOOD(again, spool_move(to, again, NULL, &sum));
	assert_int_equal(sum.events, 9);
	compare_spools(from, again);
	spool_db_free(from);
	spool_db_free(to);
	spool_db_free(again);
	for (int i = 0; i < 2; i++) {
		const char *place = i ? back : w->place;

		assert_true(is_known(place, "k0")); /* of a deleted event */
		assert_true(is_known(place, "k5"));
		assert_false(is_known(place, "new"));
		assert_true(is_known(place, "new"));
	}
	from = open_place(old, SPOOL_MANAGE);
	to = open_place(w->place, SPOOL_MANAGE);
	assert_false(spool_move(from, to, NULL, &sum)); /* it has an event of its own now */
	spool_db_free(from);
	spool_db_free(to);
}

/* A transaction that has drawn an id and goes on: a reader that went past it would never see the event. */
static void readers_by_id_wait_for_older_transactions(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *db = fill(w, 1), *slow = spool_db_new();
	struct spool_event ev = event("later", T + 1);
	struct spool_filter f = spool_filter_all;
	int64_t newest, first, last;
	struct spool *s = receive(w);

	GOOD(db, spool_events_newest(db, &f.after));
	GOOD(slow, spool_db_open(slow, w->place, JOURNAL_WAL, SPOOL_MANAGE));
	GOOD(slow, spool_db_begin(slow, true));
	GOOD(slow, spool_stmt_exec(slow, "INSERT INTO event(received_at, endpoint, secret, event, headers, body) VALUES(1, '/slow', 0, 'e', '', '')"));
	assert_true(spool_put(s, &ev, why, sizeof why));
	spool_close(s);
	GOOD(db, spool_events_newest(db, &newest));
	assert_int_equal(newest, f.after);
	assert_int_equal(count(db, &f, &first, &last), 0);
	GOOD(slow, spool_db_commit(slow));
	spool_db_end(slow);
	spool_db_free(slow);
	assert_int_equal(count(db, &f, &first, &last), 2);
	GOOD(db, spool_events_newest(db, &newest));
	assert_int_equal(newest, ev.id);
}

/* The server ends the connections, as a restart does. */
static void a_connection_that_ended_is_made_anew(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *db = fill(w, 3);
	int64_t first, last;

	engines_sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
	assert_int_equal(count(db, &spool_filter_all, &first, &last), 3);
	GOOD(db, spool_pause_note(db, "crm", T, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINES(events_are_read_in_both_orders),
		ENGINES(many_events_are_read_without_a_gap),
		ENGINES(strangers_bytes_come_back_as_they_were),
		ENGINES(deliveries_are_counted_retried_replayed_and_dropped),
		ENGINES(attempts_are_recorded_and_shown),
		ENGINES(a_reply_takes_the_place_of_the_one_before),
		ENGINES(rejected_deliveries_and_counters_are_kept),
		ENGINES(old_events_go_and_their_keys_stay_known),
		ENGINES(a_pass_ends_at_the_event_that_was_the_last_one),
		ENGINES(old_events_with_pending_deliveries_stay),
		ENGINES(a_batch_has_new_and_known_events),
		ENGINES(the_keeper_deletes_what_is_older_than_keep),
		ENGINES(a_person_is_erased),
		ENGINES(small_tables_are_written_and_read),
		ENGINES(the_page_reads_upwards_and_downwards),
		ENGINES(a_spool_is_moved_there_and_back),
		ENGINES_SERVER(readers_by_id_wait_for_older_transactions),
		ENGINES_SERVER(a_connection_that_ended_is_made_anew),
	};

	return cmocka_run_group_tests(tests, engines_enter, engines_leave);
}
