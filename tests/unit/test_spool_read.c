/* SPDX-License-Identifier: ISC */
/*
 * What the spool gives back: events by filter and by id, rejected deliveries, and the error that a reading ends with. SQLite's alone are
 * the inspection of its file, errors that its pragmas cause, and a directory that is missing.
 */
#include "engines.h"

#include "spool/events.h"
#include "spool/inspect.h"
#include "spool/rejects.h"
#include "spool/spool.h"
#include "spool/sqlite/db.h"
#include "spool/stmt.h"
#include "spool/totals.h"

enum { EVENTS = 2300 /* more than two pages of ids */ };

static char why[256];

static struct slice text(const char *s)
{
	return (struct slice){s, strlen(s)};
}

static void fill(const struct world *w)
{
	struct spool *s = spool_new(w->place, JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	struct spool_event *ev = calloc(EVENTS, sizeof *ev);

	for (int i = 0; i < EVENTS; i++)
		ev[i] = (struct spool_event){.endpoint = i % 2 ? "/odd" : "/even", .event = text("e"), .headers = text("H: v\n"), .body = text("b"),
			.remote_addr = "::1", .received_at = 1000 + i, .next = i + 1 < EVENTS ? &ev[i + 1] : NULL};
	if (!spool_put(s, ev, why, sizeof why))
		fail_msg("%s", why);
	free(ev);
	spool_close(s);
}

/* Returns how many there are, and checks that each id follows the one before in the filter's order. */
static int count(struct spool_db *db, const struct spool_filter *f, int64_t *first, int64_t *last)
{
	struct spool_events_iter *it = spool_events_find(db, f);
	struct spool_row row;
	int n = 0;

	for (*last = 0; spool_events_next(it, &row); *last = row.id, n++) {
		if (n == 0)
			*first = row.id;
		else
			assert_true(f->newest_first ? row.id < *last : row.id > *last);
	}
	assert_true(spool_events_end(it));
	return n;
}

static void events_are_read_in_both_orders(void **state)
{
	struct world *w = engines_take(state);
	struct spool_filter f = spool_filter_all;
	int64_t first, last;
	struct spool_db *db;

	fill(w);
	db = engines_open(w, SPOOL_MANAGE);
	assert_int_equal(count(db, &f, &first, &last), EVENTS);
	assert_true(first == 1 && last == EVENTS);
	f.newest_first = true;
	assert_int_equal(count(db, &f, &first, &last), EVENTS);
	assert_true(first == EVENTS && last == 1);
	f = spool_filter_all;
	f.endpoint = "/odd";
	f.after = 3;
	f.last = 2002;
	assert_int_equal(count(db, &f, &first, &last), 1000);
	assert_true(first == 4 && last == 2002);
	f.newest_first = true;
	assert_int_equal(count(db, &f, &first, &last), 1000);
	assert_true(first == 2002 && last == 4);
	f = spool_filter_all;
	f.since = 1500;
	f.until = 1502;
	assert_int_equal(count(db, &f, &first, &last), 2);
	f.last = 5;
	assert_int_equal(count(db, &f, &first, &last), 0);
}

static void an_event_is_found_by_its_id(void **state)
{
	struct world *w = engines_take(state);
	static const int64_t ids[] = {0, -1, EVENTS + 1, INT64_MAX, INT64_MIN};
	struct spool_events_iter *it;
	struct spool_row row;
	struct spool_db *db;

	fill(w);
	db = engines_open(w, SPOOL_MANAGE);
	it = spool_events_get(db, 1700);
	assert_true(spool_events_next(it, &row) && row.id == 1700 && row.received_at == 2699);
	assert_false(spool_events_next(it, &row));
	assert_true(spool_events_end(it));
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		it = spool_events_get(db, ids[i]);
		assert_false(spool_events_next(it, &row));
		assert_true(spool_events_end(it));
	}
}

/* As replay does it. */
static void the_connection_may_write_between_two_events(void **state)
{
	struct world *w = engines_take(state);
	struct spool_events_iter *it;
	struct spool_row row;
	struct spool_db *db;
	int n = 0;

	fill(w);
	db = engines_open(w, SPOOL_MANAGE);
	it = spool_events_find(db, &spool_filter_all);
	for (; n < 3 && spool_events_next(it, &row); n++) {
		assert_true(spool_db_begin(db, true));
		assert_true(spool_stmt_exec(db, "UPDATE spool SET name = name"));
		assert_true(spool_db_commit(db));
		spool_db_end(db);
	}
	assert_int_equal(n, 3);
	assert_true(spool_events_end(it));
}

static void assert_missing(const struct world *w, const struct spool_db *db, const char *table)
{
	char text[128];

	snprintf(text, sizeof text, w->server ? "relation \"%s\" does not exist" : "spool: no such table: %s", table);
	assert_non_null(strstr(spool_db_error(db), text));
}

static void an_error_ends_the_reading_and_stays_in_the_connection(void **state)
{
	struct world *w = engines_take(state);
	struct spool_reject_row reject;
	struct spool_counter counter;
	struct spool_events_iter *it;
	struct spool_rows *rows;
	struct spool_row row;
	struct spool_db *db;

	fill(w);
	db = engines_open(w, SPOOL_MANAGE);
	assert_true(spool_stmt_exec(db, "DROP TABLE counter") && spool_stmt_exec(db, "DROP TABLE reject") && spool_stmt_exec(db, "DROP TABLE event"));
	it = spool_events_find(db, &spool_filter_all);
	assert_false(spool_events_next(it, &row));
	assert_false(spool_events_end(it));
	assert_missing(w, db, "event");
	rows = spool_totals_counters(db);
	assert_false(spool_totals_next(rows, &counter));
	assert_false(spool_rows_end(rows));
	assert_missing(w, db, "counter");
	rows = spool_rejects_list(db, NULL, 0);
	assert_false(spool_rejects_next(rows, &reject));
	assert_false(spool_rows_end(rows));
	assert_missing(w, db, "reject");
}

static void a_spool_that_is_not_there_is_an_error_of_the_connection(void **state)
{
	struct spool_db *db = spool_db_new();

	(void)state;
	assert_false(spool_db_exists("nowhere"));
	assert_false(spool_db_open(db, "nowhere", JOURNAL_WAL, SPOOL_MANAGE));
	assert_string_equal(spool_db_error(db), "nowhere: No such file or directory");
	assert_int_equal(spool_db_error_kind(db), SPOOL_ERROR_OTHER);
	spool_db_free(db);
	assert_string_equal(spool_db_error(NULL), "memory is short");
}

/* The name of a file in SQLite's directory. */
static const char *file_in(const struct world *w, const char *name)
{
	static char path[600];

	snprintf(path, sizeof path, "%s/%s", w->place, name);
	return path;
}

/* A connection to the test's spool that is not open yet, in place of the one that is. */
static struct spool_db *close_db(struct world *w)
{
	spool_db_free(w->db);
	w->db = spool_db_new();
	return w->db;
}

static void exec(struct spool_db *db, const char *sql)
{
	assert_int_equal(sqlite3_exec(db->sql, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void a_spool_is_inspected(void **state)
{
	struct world *w = engines_take(state);
	struct spool_faults faults;
	struct spool_db *db;

	fill(w);
	assert_false(spool_inspect_lost(w->place));
	db = engines_open(w, SPOOL_MANAGE);
	assert_true(spool_inspect_write(db));
	assert_true(spool_inspect_size(db) > EVENTS);
	assert_true(spool_inspect_pages(db, true, &faults) && faults.n == 0);
	exec(db, "INSERT INTO relay(event, sink, state, since, due, attempts) VALUES(4711, 's', 0, 0, 0, 0)");
	assert_false(spool_inspect_pages(db, false, &faults));
	assert_int_equal(faults.n, 1);
	assert_string_equal(faults.text[0], "1 deliveries without their event, and 0 attempts without their delivery");
	close_db(w);
	assert_int_equal(unlink(file_in(w, "hookspool.db")), 0);
	assert_true(spool_inspect_lost(w->place));
}

/* Callers tell by the kind what is to be done. */
static void errors_have_a_kind(void **state)
{
	struct world *w = engines_take(state);
	struct spool_db *db;
	char sql[64];

	fill(w);
	db = engines_open(w, SPOOL_MANAGE);
	exec(db, "PRAGMA query_only=1");
	assert_false(spool_inspect_write(db));
	assert_int_equal(spool_db_error_kind(db), SPOOL_ERROR_READONLY);
	exec(db, "PRAGMA query_only=0");
	snprintf(sql, sizeof sql, "PRAGMA max_page_count=%d", spool_db_pragma(db, "PRAGMA page_count"));
	exec(db, sql);
	assert_false(spool_inspect_write(db));
	assert_int_equal(spool_db_error_kind(db), SPOOL_ERROR_FULL);
	assert_string_equal(spool_db_error(db), "can't be written: database or disk is full");
	db = close_db(w);
	unit_file(file_in(w, "hookspool.db"), "This is no database, and has no pages of one: 16 bytes are looked at first.", 0600);
	assert_int_equal(unlink(file_in(w, "hookspool.db-wal")), 0);
	assert_false(spool_db_open(db, w->place, JOURNAL_WAL, SPOOL_MANAGE));
	assert_int_equal(spool_db_error_kind(db), SPOOL_ERROR_DAMAGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENGINES(events_are_read_in_both_orders),
		ENGINES(an_event_is_found_by_its_id),
		ENGINES(the_connection_may_write_between_two_events),
		ENGINES(an_error_ends_the_reading_and_stays_in_the_connection),
		ENGINES_SQLITE(a_spool_is_inspected),
		ENGINES_SQLITE(errors_have_a_kind),
		ENGINES_SQLITE(a_spool_that_is_not_there_is_an_error_of_the_connection),
	};

	return cmocka_run_group_tests_name("spool_read", tests, engines_enter, engines_leave);
}
