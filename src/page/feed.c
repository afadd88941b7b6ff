/* SPDX-License-Identifier: ISC */
/*
 * /events.json: events and refused deliveries in one list, the newest first.
 *
 * Both are read in the order of their ids and merged by time. A cursor has a place in each of them, so a row is neither passed over
 * nor given twice, whatever the clocks did. The answer has a bound on its time: `complete` and `searched_to` tell how far it looked.
 */
#include "page/feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "core/clock.h"
#include "hook/searching.h"
#include "page/feed_query.h"
#include "page/row.h"
#include "page/waiters.h"

/* A row that was found. */
struct found {
	enum spool_view_kind kind;
	int64_t id;
};

/* One of the two readings, and its next row. */
struct stream {
	struct spool_view *view;
	struct spool_view_row head;
	enum spool_view_result state; /* SPOOL_VIEW_ROW: head is the next row */
	int64_t start;
};

struct feed {
	struct feed_query q;
	struct searching searching;
	struct stored_text reader;
	int64_t from[2], to[2]; /* of the ids to look at */
	int64_t at[2];          /* how far it looked: the cursor of the next page in this direction */
	struct found found[FEED_ROWS];
	size_t n;
	bool late, more, busy;
};

static void advance(struct feed *f, struct stream *s)
{
	do
		s->state = spool_view_next(s->view, &s->head);
	while (s->state == SPOOL_VIEW_ROW && !row_matches(&f->reader, &s->head, f->q.sender, f->q.text));
}

/* The stream with the next row of the list; NULL: there is none, or a stream cannot tell yet. */
static struct stream *next_stream(const struct feed *f, struct stream s[2])
{
	bool first;

	for (int k = 0; k < 2; k++)
		if (s[k].state == SPOOL_VIEW_LATE || s[k].state == SPOOL_VIEW_ERROR)
			return NULL;
	if (s[0].state != SPOOL_VIEW_ROW || s[1].state != SPOOL_VIEW_ROW)
		return s[0].state == SPOOL_VIEW_ROW ? &s[0] : s[1].state == SPOOL_VIEW_ROW ? &s[1] : NULL;
	first = f->q.up ? s[0].head.received_at <= s[1].head.received_at : s[0].head.received_at > s[1].head.received_at;
	return &s[first ? 0 : 1];
}

/* Finds the rows between f->from and f->to. False on an error of the spool. */
static bool find_rows(struct feed *f, struct spool_db *db, int64_t deadline)
{
	struct stream s[2] = {{0}}, *next;
	bool ok = true;

	for (int k = 0; k < 2; k++) {
		s[k].state = SPOOL_VIEW_END;
		f->at[k] = f->q.up ? f->from[k] : f->to[k];
		if (!f->q.want[k])
			continue;
		s[k].view = spool_view_begin(db, (enum spool_view_kind)k, &f->q.filter, f->from[k], f->to[k], f->q.up, deadline);
		advance(f, &s[k]);
	}
	while (f->n < f->q.limit && (next = next_stream(f, s))) {
		f->found[f->n++] = (struct found){next->head.kind, next->head.id};
		advance(f, next);
	}
	for (int k = 0; k < 2; k++) {
		f->late |= s[k].state == SPOOL_VIEW_LATE;
		f->more |= s[k].state == SPOOL_VIEW_ROW;
		if (s[k].view)
			f->at[k] = s[k].state == SPOOL_VIEW_ROW ? spool_view_at_row(s[k].view) : spool_view_at(s[k].view);
		else if (f->q.up)
			f->at[k] = f->to[k];
		ok = (!f->q.want[k] || spool_view_end(s[k].view)) && ok;
	}
	return ok;
}

static int64_t larger_id(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t smaller_id(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The ids that the cursor and the times leave. */
static bool set_range(struct feed *f, struct spool_db *db)
{
	const struct feed_query *q = &f->q;
	int64_t newest[2], id;

	if (!spool_view_newest(db, newest))
		return false;
	for (int k = 0; k < 2; k++) {
		f->from[k] = q->up ? smaller_id(q->cursor[k], newest[k]) : 0;
		f->to[k] = q->has_cursor && !q->up ? smaller_id(q->cursor[k], newest[k]) : newest[k];
		if (q->filter.since != INT64_MIN && !spool_view_before(db, (enum spool_view_kind)k, q->filter.since, &id))
			return false;
		if (q->filter.since != INT64_MIN)
			f->from[k] = q->up ? larger_id(f->from[k], id) : id;
		if (q->filter.until != INT64_MAX && !spool_view_before(db, (enum spool_view_kind)k, q->filter.until, &id))
			return false;
		if (q->filter.until != INT64_MAX && !q->up)
			f->to[k] = smaller_id(f->to[k], id);
		if (f->from[k] > f->to[k])
			f->from[k] = f->to[k];
	}
	return true;
}

/* Waits for rows above the place. CGI looks by itself. False: too many wait already. */
static bool wait_for_news(struct page_call *c, const int64_t seen[2], int64_t deadline)
{
	const struct timespec tick = {0, WAITERS_TICK_MS * 1000 * 1000};
	int64_t newest[2];
	struct spool_db *db;

	page_reader_free(c);
	if (c->page->waiters)
		return waiters_wait(c->page->waiters, seen, deadline);
	while (clock_mono_us() < deadline) {
		nanosleep(&tick, NULL);
		db = page_reader(c);
		if (!db || !spool_view_newest(db, newest) || newest[0] > seen[0] || newest[1] > seen[1])
			break;
	}
	return true;
}

static bool pace(struct page_call *c, int64_t deadline)
{
	page_reader_free(c);
	waiters_pace(c->page->waiters, deadline);
	return page_reader(c) != NULL;
}

static void begin_search(struct feed *f, const struct page_call *c, struct spool_db *db)
{
	const struct search_terms terms = {.sender = f->q.sender, .text = f->q.text, .endpoint = f->q.filter.endpoint,
		.event = f->q.filter.event, .account = f->q.filter.account};

	searching_begin(&f->searching, db, c->conf, &terms);
	f->q.filter.search = f->searching.search;
}

/* A search reads by the connection that it began with, and another request may have that while this one waits. */
static void end_search(struct feed *f)
{
	searching_end(&f->searching);
	f->q.filter.search = NULL;
}

/* Finds rows; upwards it waits for the first. False after an answer with the error. */
static bool find_or_wait(struct page_call *c, struct feed *f)
{
	int64_t deadline = clock_mono_us() + f->q.wait_us;
	struct spool_db *db;

	for (;;) {
		db = page_reader(c);
		if (!db)
			return false;
		if (!f->searching.search)
			begin_search(f, c, db);
		if (!set_range(f, db) || !find_rows(f, db, clock_mono_us() + PAGE_BUDGET_US)) {
			page_spool_error(c);
			return false;
		}
		if (f->more && f->q.up && f->q.wait_us && c->page->waiters)
			return pace(c, deadline);
		if (!f->q.up || f->n || f->late || clock_mono_us() >= deadline)
			return true;
		f->q.cursor[0] = f->at[0];
		f->q.cursor[1] = f->at[1];
		end_search(f);
		f->busy = !wait_for_news(c, f->at, deadline);
		if (f->busy)
			return page_reader(c) != NULL;
	}
}

static void write_cursor(struct json *j, const char *name, const int64_t cursor[2])
{
	char text[48];

	snprintf(text, sizeof text, "%" PRId64 ".%" PRId64, cursor[0], cursor[1]);
	json_string(j, name, text);
}

/* Reads the found rows again, whole. One that was deleted since is left out. */
static void write_rows(struct page_call *c, struct feed *f, struct json *j)
{
	const struct spool_view_filter any = {.since = INT64_MIN, .until = INT64_MAX, .no_bodies = !c->conf->page_bodies};
	struct spool_view *view[2] = {NULL, NULL}, **v;
	const struct found *found;
	struct spool_view_row row;

	for (size_t i = 0; i < f->n; i++) {
		found = &f->found[f->q.up ? f->n - 1 - i : i];
		v = &view[found->kind];
		if (!*v)
			*v = spool_view_begin(c->db, found->kind, &any, 0, 0, true, INT64_MAX);
		if (*v)
			spool_view_seek(*v, found->id);
		if (spool_view_next(*v, &row) == SPOOL_VIEW_ROW)
			row_write(&f->reader, j, &row);
	}
	spool_view_end(view[0]);
	spool_view_end(view[1]);
}

/* How far the time reached: all that is newer (upwards: older) was looked at. */
static void write_searched_to(struct page_call *c, const struct feed *f, struct json *j)
{
	int64_t time, at = f->q.up ? INT64_MAX : INT64_MIN;

	for (int k = 0; k < 2; k++)
		if (f->q.want[k] && spool_view_time(c->db, (enum spool_view_kind)k, f->at[k] + !f->q.up, &time) &&
		    (f->q.up ? time < at : time > at))
			at = time;
	if (f->late && at != INT64_MAX && at != INT64_MIN)
		json_time(j, "searched_to", at);
	else
		json_text(j, "searched_to", (struct slice){0});
}

static void write_feed(struct page_call *c, struct feed *f)
{
	const int64_t *newest = f->q.up ? f->at : f->to, *oldest = f->q.up ? f->q.cursor : f->at;
	struct json j;

	json_begin(&j);
	json_list(&j, "events");
	write_rows(c, f, &j);
	json_list_end(&j);
	write_cursor(&j, "newest", newest);
	write_cursor(&j, "oldest", oldest);
	json_bool(&j, "more", f->more || f->late);
	json_bool(&j, "complete", !f->late);
	write_searched_to(c, f, &j);
	json_bool(&j, "busy", f->busy);
	page_answer_json(c, &j);
}

void feed_answer(struct page_call *c)
{
	struct feed f = {.reader = {.conf = c->conf}};

	if (feed_query_read(c, &f.q) && find_or_wait(c, &f))
		write_feed(c, &f);
	stored_text_free(&f.reader);
	end_search(&f);
}
