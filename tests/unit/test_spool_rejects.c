/* SPDX-License-Identifier: ISC */
/* What the receiver keeps beside the events: rejected deliveries, counters, and how often an event came. */
#include "engines.h"
#include "put.h"

#include <time.h>

#include "core/clock.h"
#include "spool/delete.h"
#include "spool/query/came.h"
#include "spool/query/delete.h"
#include "spool/stmt.h"

#define MARKS "SELECT coalesce(max(n), 0) FROM counter WHERE code = 'mark'"

/* A server's flush is another thread's: it is waited for. What is flushed together is written in one transaction. */
static void flush(struct world *w, struct spool *s)
{
	const struct timespec little = {.tv_nsec = 5000000};
	char why[256];
	int64_t before = 0;

	if (w->server) {
		assert_true(spool_open(s, why, sizeof why));
		before = engines_ask(w, MARKS);
		spool_count(s, &(struct spool_tally){NULL, "mark", 0, 0, 0, 0});
	}
	spool_flush(s);
	for (int i = 0; w->server && engines_ask(w, MARKS) == before; i++) {
		assert_true(i < 5000);
		nanosleep(&little, NULL);
	}
}

/* Returns how many rejected deliveries have that body. */
static int64_t bodies(struct world *w, const char *body)
{
	char sql[128];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM reject WHERE body = CAST('%s' AS %s)", body, w->server ? "bytea" : "blob");
	return engines_ask(w, sql);
}

static void reject(struct spool *s, int64_t at, const char *body)
{
	spool_reject(s, &(struct spool_reject){.code = "malformed", .received_at = at, .body = text(body), .headers = text("A: b\n")});
}

static void counters_are_added_up(void **state)
{
	struct world *w = engines_take(state);
	static const char stored[] = "stored", refused[] = "unauthorized";
	struct spool *s = spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, limits(3));
	int64_t id;

	flush(w, s);
	assert_true(w->server || access(w->place, F_OK) != 0); /* nothing to write, nothing made */
	for (int i = 0; i < 5; i++) {
		struct spool_reject r = {.endpoint = i ? "/a" : NULL, .code = refused, .received_at = i, .bytes = i};

		spool_reject(s, &r);
		spool_count(s, &(struct spool_tally){"/a", stored, 2, 100, i, 0});
		spool_count(s, &(struct spool_tally){NULL, refused, 0, 100, i, 0});
	}
	flush(w, s);
	assert_int_equal(put(s, "/a", "1", "one", &id), STORED);
	spool_count(s, &(struct spool_tally){"/a", stored, 2, 100, 9, 0});
	spool_reject(s, &(struct spool_reject){.code = refused, .received_at = 5, .body = text("kept")});
	flush(w, s);
	spool_close(s);
	assert_int_equal(engines_ask(w, "SELECT n FROM counter WHERE endpoint = '/a' AND code = 'stored' AND secret = 2"), 6);
	assert_int_equal(engines_ask(w, "SELECT last_at FROM counter WHERE code = 'stored'"), 9);
	assert_int_equal(engines_ask(w, "SELECT bytes FROM counter WHERE code = 'stored'"), 600);
	assert_int_equal(engines_ask(w, "SELECT n FROM counter WHERE endpoint = '' AND code = 'unauthorized'"), 5);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM reject"), 3);
	assert_int_equal(engines_ask(w, "SELECT min(received_at) FROM reject"), 3);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM reject WHERE received_at = 5 AND length(body) = 4"), 1);
	assert_int_equal(bodies(w, "kept"), 1);
}

static void duplicates_are_counted_by_event(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, limits(3));
	struct spool_deleted sum = {0};
	int64_t id, first = 0;

	assert_int_equal(put(s, "/a", "1", "one", &first), STORED);
	assert_int_equal(put(s, "/a", "2", "two", &id), STORED);
	for (int i = 1; i <= 3; i++)
		spool_count(s, &(struct spool_tally){"/a", "duplicate", 0, 100, 10 * i, first});
	spool_count(s, &(struct spool_tally){"/a", "duplicate", 0, 100, 5, 77}); /* of an event that was deleted */
	flush(w, s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM came"), 1);
	assert_int_equal(engines_ask(w, "SELECT again FROM came WHERE event = 1"), 3);
	spool_count(s, &(struct spool_tally){"/a", "duplicate", 0, 100, 20, first});
	flush(w, s);
	assert_int_equal(engines_ask(w, "SELECT again FROM came"), 4);
	assert_int_equal(engines_ask(w, "SELECT last_at FROM came"), 30);
	spool_close(s);
	assert_true(spool_delete(engines_open(w, SPOOL_MANAGE), &(struct spool_doomed){.id = first}, 1, INT64_MAX, false, false, &sum));
	assert_int_equal(sum.events, 1);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM came"), 0);
}

/* As in write_stats(): a transaction that failed leaves what was gathered. Beyond the bound further events are not counted. */
static void gathered_duplicates_are_joined_and_bounded(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, limits(3));
	struct spool_came older = {0}, newer = {0};
	struct spool_db *db;
	int64_t id;

	assert_int_equal(put(s, "/a", "1", "one", &id), STORED);
	assert_int_equal(put(s, "/a", "2", "two", &id), STORED);
	spool_close(s);
	for (int64_t event = 1; event <= 2 * CAME_MOST; event++)
		spool_came_add(&older, 1 + (event - 1) * CAME_ROOM, 1, event); /* all begin at one place */
	assert_int_equal(older.n, CAME_MOST);
	spool_came_add(&newer, 1, 2, 7);
	spool_came_join(&older, &newer);
	assert_null(newer.places);
	db = engines_open(w, SPOOL_MANAGE);
	assert_true(spool_db_begin(db, true));
	assert_true(spool_came_write(&(struct spool_came){0}, db) && spool_came_write(&older, db));
	assert_true(spool_db_commit(db));
	spool_db_end(db);
	assert_int_equal(engines_ask(w, "SELECT again FROM came WHERE event = 1 AND last_at = 7"), 3);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM came"), 1); /* the other events are not there */
	spool_came_free(&older);
}

/* The oldest go when all have more bytes than the limit, in memory and in the database; and one that is larger alone is kept without. */
static void rejects_are_bounded_by_size(void **state)
{
	struct world *w = engines_take(state);
	struct reject_limits few = {.keep = 100, .size = 20, .age = (int64_t)1 << 60};
	struct spool *s = spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, few);

	for (int i = 0; i < 4; i++)
		reject(s, i, "five.");
	flush(w, s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM reject"), 2);
	assert_int_equal(engines_ask(w, "SELECT min(received_at) FROM reject"), 2);
	reject(s, 4, "eleven......");
	flush(w, s);
	assert_int_equal(engines_ask(w, "SELECT min(received_at) FROM reject"), 4);
	reject(s, 5, "longer than the limit");
	flush(w, s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM reject WHERE body IS NULL AND headers IS NULL AND received_at = 5"), 1);
	assert_int_equal(engines_ask(w, "SELECT length(body) FROM reject WHERE received_at = 4"), 12);
	spool_close(s);
}

/* A delivery that a wrong secret refused. */
static void reject_real(struct spool *s, int64_t at, const char *body)
{
	spool_reject(s, &(struct spool_reject){.endpoint = "/a", .code = "unauthorized", .received_at = at, .remote_addr = "192.0.2.1",
		.is_signed = true, .body = text(body)});
}

/* What a stranger sends that has nothing but the URL: other paths, methods and addresses, with a signature or without. */
static void reject_junk(struct spool *s, int i, bool is_signed, const char *body)
{
	static const char *const codes[] = {"unauthorized", "malformed", "method_not_allowed", "unsupported_type"};
	char address[64];

	snprintf(address, sizeof address, i % 2 ? "10.%d.%d.%d" : "2001:db8:%x:%x::%x", i >> 12, (i >> 6) & 63, i & 63);
	spool_reject(s, &(struct spool_reject){.endpoint = is_signed ? "/b" : i % 3 ? NULL : i % 7 ? "/a" : "/b", .code = codes[(i >> 1) % 4],
		.received_at = i, .remote_addr = address, .is_signed = is_signed, .body = text(body)});
}

/* Junk takes its own share of the ring's number, in memory and in the database. */
static void rejects_share_the_row_limit(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, limits(100));

	for (int i = 0; i < 40; i++)
		reject_real(s, i, "real");
	for (int i = 0; i < 3000; i++) {
		reject_junk(s, i, i % 5 == 0, "junk");
		if (i % 700 == 699)
			flush(w, s);
	}
	flush(w, s);
	spool_close(s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM reject"), 100);
	assert_int_equal(bodies(w, "real"), 40);
	assert_in_range(engines_ask(w, "SELECT count(*) FROM reject WHERE signed = 0"), 12, 13);
	assert_int_equal(engines_ask(w, "SELECT max(received_at) FROM reject"), 2999); /* the newest are there too */
}

/* Large bodies take their own share of the ring's size. */
static void rejects_share_the_size_limit(void **state)
{
	struct world *w = engines_take(state);
	struct reject_limits few = {.keep = 10000, .size = 20000, .age = (int64_t)1 << 60};
	struct spool *s = spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, few);
	char large[2001];

	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	for (int i = 0; i < 40; i++)
		reject_real(s, i, "real");
	for (int i = 0; i < 1000; i++) {
		reject_junk(s, i, i % 5 == 0, large);
		if (i % 300 == 299)
			flush(w, s);
	}
	flush(w, s);
	spool_close(s);
	assert_int_equal(bodies(w, "real"), 40);
	assert_in_range(engines_ask(w, "SELECT CAST(sum(length(body)) AS bigint) FROM reject"), 16000, 20000);
	assert_int_equal(engines_ask(w, "SELECT CAST(sum(kept) - sum(length(body)) AS bigint) FROM reject"), 0);
}

/* One address's junk with signatures takes one address's share; those of an IPv6 network count as one. */
static void rejects_share_by_address(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, limits(100));
	char address[64];

	for (int i = 0; i < 30; i++)
		reject_real(s, i, "real");
	for (int i = 0; i < 3000; i++) {
		snprintf(address, sizeof address, i % 2 ? "192.0.2.66" : "2001:db8::%x", i);
		spool_reject(s, &(struct spool_reject){.endpoint = "/a", .code = "unauthorized", .received_at = 99, .remote_addr = address,
			.is_signed = true, .body = text("junk")});
	}
	flush(w, s);
	spool_close(s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM reject"), 100);
	assert_int_equal(bodies(w, "real"), 30);
}

/* What a stranger chooses is kept cut, where a character ends. */
static void rejects_keep_path_and_method(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	char path[1024] = "/";

	for (size_t i = 1; i + 2 < sizeof path; i += 2)
		memcpy(path + i, "\xC3\xA9", 3);
	spool_reject(s, &(struct spool_reject){.code = "not_found", .path = path, .method = "PROPFIND", .content_type = "text/x"});
	flush(w, s);
	spool_close(s);
	assert_int_equal(engines_ask(w, w->server ? "SELECT length(path) FROM reject" : "SELECT length(CAST(path AS BLOB)) FROM reject"), 511);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM reject WHERE method = 'PROPFIND' AND content_type = 'text/x' AND endpoint IS NULL"), 1);
}

static void rejects_are_bounded_by_age(void **state)
{
	struct world *w = engines_take(state);
	struct reject_limits hour = {.keep = 100, .size = 1 << 20, .age = 3600000};
	struct spool *s = spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, hour);
	int64_t now = clock_now();

	reject(s, now - 3500000, "young");
	reject(s, now - 3700000, "old");
	flush(w, s);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM reject"), 1);
	assert_int_equal(engines_ask(w, "SELECT length(body) FROM reject"), 5);
	assert_true(spool_stmt_exec(engines_open(w, SPOOL_MANAGE), "UPDATE reject SET received_at = 1"));
	spool_count(s, &(struct spool_tally){NULL, "stored", 0, 100, now, 0});
	flush(w, s); /* whatever is written, the old go */
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM reject"), 0);
	spool_close(s);
}

/* An event that a rejected delivery became takes its place, in one commit; so does a duplicate. */
static void accepted_reject_is_deleted(void **state)
{
	struct world *w = engines_take(state);
	struct spool *s = spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	struct spool_event ev = event("/a", "1", "one");
	char why[256];

	for (int i = 0; i < 3; i++)
		reject(s, i, "body");
	flush(w, s);
	ev.reject = 2;
	assert_true(spool_put(s, &ev, why, sizeof why));
	assert_false(ev.duplicate);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM reject"), 2);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM reject WHERE id IN (1, 3)"), 2);
	ev.reject = 3;
	assert_true(spool_put(s, &ev, why, sizeof why));
	assert_true(ev.duplicate);
	assert_int_equal(engines_ask(w, "SELECT count(*) FROM reject"), 1);
	assert_int_equal(engines_ask(w, "SELECT max(id) FROM reject"), 1);
	spool_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINES(counters_are_added_up),
		ENGINES(duplicates_are_counted_by_event),
		ENGINES(gathered_duplicates_are_joined_and_bounded),
		ENGINES(rejects_are_bounded_by_size),
		ENGINES(rejects_share_the_row_limit),
		ENGINES(rejects_share_the_size_limit),
		ENGINES(rejects_share_by_address),
		ENGINES(rejects_keep_path_and_method),
		ENGINES(rejects_are_bounded_by_age),
		ENGINES(accepted_reject_is_deleted),
	};

	return cmocka_run_group_tests_name("spool_rejects", tests, engines_enter, engines_leave);
}
