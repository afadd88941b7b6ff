/* SPDX-License-Identifier: ISC */
/* The spool as the page shows it: rows by id, with a bound on the time. */
#include "spool/view.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "spool/query/rows.h"
#include "spool/search.h"
#include "spool/stmt.h"

enum { /* the time is looked at between two */
	WINDOW = 500,       /* ids that one statement looks at, at most */
	SEARCHED = 1 << 19, /* the same of the search index */
};

struct spool_view {
	struct spool_db *db;
	struct spool_stmt *st; /* ?1 < id <= ?2 */
	struct spool_search *search; /* NULL: every id is looked at */
	enum spool_view_kind kind;
	bool up, failed;
	int64_t from, to; /* of the ids that are still to be looked at */
	int64_t before;   /* `from` or `to` as it was before the last row */
	int64_t deadline;
	struct buf arena;
};

bool spool_view_newest(struct spool_db *db, int64_t newest[2])
{
	struct spool_stmt *st;
	int64_t settled;
	bool ok;

	if (!spool_stmt_keep(db, "SELECT coalesce((SELECT max(id) FROM event), 0), coalesce((SELECT max(id) FROM reject), 0)", &st))
		return false;
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	newest[SPOOL_VIEW_EVENTS] = spool_stmt_int64(st, 0);
	newest[SPOOL_VIEW_REJECTS] = spool_stmt_int64(st, 1);
	spool_stmt_reset(st);
	ok = ok && spool_db_settled(db, &settled);
	if (ok && newest[SPOOL_VIEW_EVENTS] > settled)
		newest[SPOOL_VIEW_EVENTS] = settled;
	return ok;
}

/* The first row with that id or a larger one. False: there is none. */
static bool look_at(struct spool_stmt *st, int64_t id, int64_t *found, int64_t *time)
{
	bool row;

	spool_stmt_bind_int(st, 1, id);
	row = spool_stmt_step(st) == SPOOL_ROW;
	*found = spool_stmt_int64(st, 0);
	*time = spool_stmt_time(st, 1);
	spool_stmt_reset(st);
	return row;
}

static const char *const from_id[] = {
	[SPOOL_VIEW_EVENTS] = "SELECT id, received_at FROM event WHERE id >= ?1 ORDER BY id LIMIT 1",
	[SPOOL_VIEW_REJECTS] = "SELECT id, received_at FROM reject WHERE id >= ?1 ORDER BY id LIMIT 1",
};

bool spool_view_time(struct spool_db *db, enum spool_view_kind kind, int64_t id, int64_t *time)
{
	struct spool_stmt *st;
	int64_t found;

	return spool_stmt_keep(db, from_id[kind], &st) && look_at(st, id, &found, time);
}

/* All ids up to `low` are before the time, and those from `high` on are not. */
bool spool_view_before(struct spool_db *db, enum spool_view_kind kind, int64_t time, int64_t *id)
{
	int64_t newest[2], low = 0, high, middle, found, at;
	struct spool_stmt *st;

	*id = 0;
	if (!spool_view_newest(db, newest) || !spool_stmt_keep(db, from_id[kind], &st))
		return false;
	if (look_at(st, 1, &found, &at) && at < time)
		low = found;
	for (high = newest[kind] < INT64_MAX ? newest[kind] + 1 : INT64_MAX; low && high - low > 1;) {
		middle = low + (high - low) / 2;
		if (!look_at(st, middle, &found, &at) || at >= time)
			high = middle;
		else
			low = found;
	}
	*id = low;
	return true;
}

static const char *columns(enum spool_view_kind kind)
{
	return kind == SPOOL_VIEW_EVENTS
		? "id, received_at, event_size(body, segment), text, endpoint, event, account, sender_id, sender_name, remote_addr, note, NULL, NULL, NULL, NULL,"
		  " NULL, headers, CASE WHEN ?8 <> 0 AND event_size(body, segment) <= ?9 THEN event_body_if(body, segment, id) END, source FROM event"
		: "id, received_at, bytes, NULL, endpoint, NULL, NULL, NULL, NULL, remote_addr, NULL, code, reason, path, method, content_type,"
		  " NULL, NULL, 0 FROM reject";
}

static const char *conditions(enum spool_view_kind kind)
{
	return kind == SPOOL_VIEW_EVENTS
		? "AND (event = ?6 OR ?6 IS NULL) AND (account = ?7 OR ?7 IS NULL)"
		: "AND (code = ?6 OR ?6 IS NULL) AND CAST(?7 AS TEXT) IS NULL AND ?8 >= 0 AND ?9 >= 0";
}

static bool prepare_view(struct spool_view *v, const struct spool_view_filter *f)
{
	char sql[1024];

	snprintf(sql, sizeof sql, "SELECT %s WHERE id > ?1 AND id <= ?2 AND (endpoint = ?3 OR ?3 IS NULL)"
		" AND received_at >= ?4 AND received_at < ?5 %s ORDER BY id%s LIMIT 1", columns(v->kind), conditions(v->kind), v->up ? "" : " DESC");
	if (!spool_stmt_prepare(v->db, sql, &v->st))
		return false;
	spool_stmt_bind_slice(v->st, 3, f->endpoint);
	spool_stmt_bind_int(v->st, 4, f->since);
	spool_stmt_bind_int(v->st, 5, f->until);
	spool_stmt_bind_slice(v->st, 6, v->kind == SPOOL_VIEW_EVENTS ? f->event : f->code);
	spool_stmt_bind_slice(v->st, 7, f->account);
	spool_stmt_bind_int(v->st, 8, !f->no_bodies);
	spool_stmt_bind_int(v->st, 9, SPOOL_VIEW_BODY_MAX);
	return true;
}

struct spool_view *spool_view_begin(struct spool_db *db, enum spool_view_kind kind, const struct spool_view_filter *f, int64_t from,
	int64_t to, bool up, int64_t deadline)
{
	struct spool_view *v = calloc(1, sizeof *v);

	if (!v) {
		spool_db_fail(db, SPOOL_ERROR_OTHER, "spool: memory is short");
		return NULL;
	}
	*v = (struct spool_view){.db = db, .kind = kind, .search = kind == SPOOL_VIEW_EVENTS ? f->search : NULL, .up = up, .from = from < 0 ? 0 : from, .to = to, .deadline = deadline};
	v->before = up ? v->from : v->to;
	v->failed = !prepare_view(v, f);
	return v;
}

static bool copy_view_row(struct spool_view *v, struct spool_view_row *r)
{
	struct slice *const to[] = {&r->text, &r->endpoint, &r->event, &r->account, &r->sender_id, &r->sender_name, &r->remote_addr, &r->note,
		&r->code, &r->reason, &r->path, &r->method, &r->content_type, &r->headers, &r->body};

	*r = (struct spool_view_row){.kind = v->kind, .id = spool_stmt_int64(v->st, 0), .received_at = spool_stmt_time(v->st, 1),
		.bytes = spool_stmt_count(v->st, 2)};
	if (!spool_rows_copy(v->st, 3, to, sizeof to / sizeof *to, &v->arena))
		return spool_db_fail(v->db, SPOOL_ERROR_OTHER, "spool: memory is short");
	r->source = spool_stmt_source(v->st, 18);
	r->text_known = !spool_stmt_is_null(v->st, 3);
	if (!v->db->engine->column_is_text(v->st, 3))
		r->text = (struct slice){0}; /* the event has no text */
	return true;
}

/* Finds the next ids that may match, from < id <= to. False: there is none among the next SEARCHED. */
static bool find_window(struct spool_view *v, int64_t *from, int64_t *to)
{
	int64_t first, last;

	*from = v->up || v->to - v->from <= SEARCHED ? v->from : v->to - SEARCHED;
	*to = !v->up || v->to - v->from <= SEARCHED ? v->to : v->from + SEARCHED;
	spool_search_next(v->search, !v->up, *from + 1, *to, &first, &last);
	if (first > last && v->up)
		v->from = *to;
	else if (first > last)
		v->to = *from;
	*from = first - 1;
	*to = last;
	return first <= last;
}

/* Looks at the ids of one window. Each row ends its transaction: an open one keeps the WAL from being reset. */
static enum spool_view_result look_in_window(struct spool_view *v, struct spool_view_row *row)
{
	int64_t from, to;
	enum spool_view_result result = SPOOL_VIEW_END;
	enum spool_step rc;

	if (!find_window(v, &from, &to))
		return SPOOL_VIEW_END;
	if (v->up && to - from > WINDOW)
		to = from + WINDOW;
	else if (to - from > WINDOW)
		from = to - WINDOW;
	spool_stmt_bind_int(v->st, 1, from);
	spool_stmt_bind_int(v->st, 2, to);
	rc = spool_stmt_step(v->st);
	if (rc == SPOOL_ROW)
		result = copy_view_row(v, row) ? SPOOL_VIEW_ROW : SPOOL_VIEW_ERROR;
	else if (rc != SPOOL_DONE)
		result = spool_stmt_fail(v->db) ? SPOOL_VIEW_END : SPOOL_VIEW_ERROR;
	spool_stmt_reset(v->st);
	if (v->up)
		v->from = result == SPOOL_VIEW_ROW ? row->id : to;
	else
		v->to = result == SPOOL_VIEW_ROW ? row->id - 1 : from;
	return result;
}

enum spool_view_result spool_view_next(struct spool_view *v, struct spool_view_row *row)
{
	enum spool_view_result result = SPOOL_VIEW_END;

	if (!v || v->failed)
		return SPOOL_VIEW_ERROR;
	while (result == SPOOL_VIEW_END && v->from < v->to) {
		v->before = spool_view_at(v);
		if (clock_mono_us() > v->deadline)
			return SPOOL_VIEW_LATE;
		result = look_in_window(v, row);
	}
	v->failed = result == SPOOL_VIEW_ERROR;
	return result;
}

void spool_view_seek(struct spool_view *v, int64_t id)
{
	v->from = id - 1;
	v->to = id;
}

int64_t spool_view_at(const struct spool_view *v)
{
	return v->up ? v->from : v->to;
}

int64_t spool_view_at_row(const struct spool_view *v)
{
	return v->before;
}

bool spool_view_end(struct spool_view *v)
{
	bool ok = v && !v->failed;

	if (!v)
		return false;
	spool_stmt_free(v->st);
	buf_free(&v->arena);
	free(v);
	return ok;
}
