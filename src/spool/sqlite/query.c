/* SPDX-License-Identifier: ISC */
/* Reading the spool back: events by filter, rejected deliveries, counters. */
#include "spool/events.h"

#include <stdio.h>

#include "spool/sqlite/delete.h"
#include "spool/sqlite/sql.h"
#include "spool/sqlite/stats.h"

enum { PAGE = 1000 }; /* ids looked through in one transaction, at most */

const struct spool_filter spool_filter_all = {.since = INT64_MIN, .until = INT64_MAX, .last = INT64_MAX};

#define COLUMNS \
	"id, received_at, secret, endpoint, event, key, account, sender_id, sender_name, conversation, sent_at," \
	" remote_addr, headers, body, note"
#define REJECT_COLUMNS "id, received_at, bytes, endpoint, code, reason, remote_addr, body, headers, path, method, content_type"

/* Copies the columns from `first` on into slices of the arena; a null one gets p == NULL. */
static bool copy_columns(sqlite3_stmt *st, int first, struct slice *const *to, int n_to, struct buf *arena)
{
	size_t sum = 1; /* an empty value must have an address too */

	for (int i = 0; i < n_to; i++)
		sum += (size_t)sqlite3_column_bytes(st, first + i);
	arena->len = 0;
	if (!buf_reserve(arena, sum))
		return false;
	for (int i = 0; i < n_to; i++) {
		size_t n = (size_t)sqlite3_column_bytes(st, first + i);

		*to[i] = (struct slice){0};
		if (sqlite3_column_type(st, first + i) == SQLITE_NULL)
			continue;
		*to[i] = (struct slice){arena->data + arena->len, n};
		if (n)
			buf_add(arena, sqlite3_column_blob(st, first + i), n);
	}
	return true;
}

static bool copy_row(sqlite3_stmt *st, void *out, struct buf *arena)
{
	struct spool_row *r = out;
	struct slice *const always[] = {&r->endpoint, &r->event, &r->headers, &r->body};
	struct slice *const to[] = {&r->endpoint, &r->event, &r->key, &r->account, &r->sender_id, &r->sender_name,
		&r->conversation, &r->sent_at, &r->remote_addr, &r->headers, &r->body, &r->note};

	r->id = sqlite3_column_int64(st, 0);
	r->received_at = spool_sql_time(st, 1);
	r->secret = spool_sql_int(st, 2);
	if (!copy_columns(st, 3, to, sizeof to / sizeof *to, arena))
		return false;
	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		if (!always[i]->p)
			*always[i] = (struct slice){"", 0}; /* the schema's NOT NULL binds no forger */
	return true;
}

static bool copy_reject(sqlite3_stmt *st, void *out, struct buf *arena)
{
	struct spool_reject_row *r = out;
	struct slice *const to[] = {&r->endpoint, &r->code, &r->reason, &r->remote_addr, &r->body, &r->headers,
		&r->path, &r->method, &r->content_type};

	r->id = sqlite3_column_int64(st, 0);
	r->received_at = spool_sql_time(st, 1);
	r->bytes = spool_sql_count(st, 2);
	return copy_columns(st, 3, to, sizeof to / sizeof *to, arena);
}

/*
 * Copies the statement's one row and ends its transaction: printing the row may block, in a
 * pager, and an open read keeps the WAL from being reset, or with journal = "delete" any commit out.
 */
static bool take_row(struct spool_db *db, sqlite3_stmt *st, bool (*copy)(sqlite3_stmt *, void *, struct buf *), void *out,
	struct buf *arena, bool *found)
{
	int rc = sqlite3_step(st);
	bool ok = rc == SQLITE_ROW || rc == SQLITE_DONE || spool_sql_fail(db);

	*found = rc == SQLITE_ROW;
	if (*found && !copy(st, out, arena))
		ok = spool_db_fail(db, SQLITE_NOMEM, "spool: memory is short");
	sqlite3_reset(st);
	return ok;
}

static bool is_damage(struct spool_db *db)
{
	int code = sqlite3_extended_errcode(db->sql) & 0xFF;

	return code == SQLITE_CORRUPT || code == SQLITE_IOERR;
}

/* A page that could not be read whole, event by event. */
static bool salvage_page(struct spool_db *db, sqlite3_stmt *st, int64_t first, int64_t last, struct spool_lost *lost, struct buf *arena,
	spool_visit *visit, void *ctx, bool *go_on)
{
	struct spool_row r;
	bool found;

	for (int64_t id = first; *go_on && id <= last; id++) {
		sqlite3_bind_int64(st, 1, id);
		sqlite3_bind_int64(st, 2, id);
		if (take_row(db, st, copy_row, &r, arena, &found)) {
			*go_on = !found || visit(ctx, &r);
			continue;
		}
		if (!is_damage(db))
			return false;
		if (lost->events++ == 0)
			lost->first = id;
		lost->last = id;
	}
	return true;
}

/* Visits one page, the ids from first to last. *go_on becomes false when a visit wants no more. */
static bool visit_page(struct spool_db *db, sqlite3_stmt *st, int64_t first, int64_t last, const struct spool_filter *f,
	struct buf *arena, spool_visit *visit, void *ctx, bool *go_on)
{
	struct spool_row r;
	bool found = true;

	while (*go_on && first <= last) {
		sqlite3_bind_int64(st, 1, first);
		sqlite3_bind_int64(st, 2, last);
		if (!take_row(db, st, copy_row, &r, arena, &found))
			return f->lost && is_damage(db) &&
				salvage_page(db, st, first, last, f->lost, arena, visit, ctx, go_on);
		if (!found)
			break;
		*go_on = visit(ctx, &r);
		if (f->newest_first)
			last = r.id - 1;
		else
			first = r.id + 1;
	}
	return true;
}

static bool get_number(struct spool_db *db, const char *sql, int64_t *value)
{
	sqlite3_stmt *st = NULL;
	bool ok = sqlite3_prepare_v2(db->sql, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW;

	if (ok)
		*value = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return ok;
}

/* Where the first or the last page is damaged: from the indexes, which have the ids too. */
static bool salvage_range(struct spool_db *db, int64_t *min, int64_t *max)
{
	int64_t by_relay = 0, by_key = 0;
	bool ok;

	if (!get_number(db, "SELECT min(id) FROM event", min))
		*min = 1;
	if (get_number(db, "SELECT max(id) FROM event", max))
		return true;
	ok = get_number(db, "SELECT max(id) FROM event INDEXED BY event_key WHERE key IS NOT NULL", &by_key);
	ok = get_number(db, "SELECT max(event) FROM relay", &by_relay) || ok;
	*max = by_key > by_relay ? by_key : by_relay;
	return ok || spool_sql_fail(db);
}

static bool id_range(struct spool_db *db, int64_t *min, int64_t *max)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "SELECT (SELECT min(id) FROM event), (SELECT max(id) FROM event)", &st))
		return false;
	ok = sqlite3_step(st) == SQLITE_ROW;
	*min = sqlite3_column_int64(st, 0);
	*max = sqlite3_column_int64(st, 1);
	sqlite3_finalize(st);
	return ok || spool_sql_fail(db);
}

static bool prepare_filter(struct spool_db *db, const struct spool_filter *f, sqlite3_stmt **st)
{
	static const char where[] =
		"SELECT " COLUMNS " FROM event WHERE id BETWEEN ?1 AND ?2"
		" AND (?3 IS NULL OR endpoint = ?3) AND (?4 IS NULL OR event = ?4) AND (?5 IS NULL OR account = ?5)"
		" AND received_at >= ?6 AND received_at < ?7";
	char sql[sizeof where + 32];

	snprintf(sql, sizeof sql, "%s ORDER BY id%s LIMIT 1", where, f->newest_first ? " DESC" : "");
	if (!spool_sql_prepare(db, sql, st))
		return false;
	sqlite3_bind_text(*st, 3, f->endpoint, -1, SQLITE_STATIC);
	sqlite3_bind_text(*st, 4, f->event, -1, SQLITE_STATIC);
	sqlite3_bind_text(*st, 5, f->account, -1, SQLITE_STATIC);
	sqlite3_bind_int64(*st, 6, f->since);
	sqlite3_bind_int64(*st, 7, f->until);
	return true;
}

bool spool_query_events(struct spool_db *db, const struct spool_filter *f, spool_visit *visit, void *ctx)
{
	bool ok = true, go_on = true;
	struct buf arena = {0};
	int64_t min, max, at;
	sqlite3_stmt *st;

	if (!id_range(db, &min, &max) && (!f->lost || !is_damage(db) || !salvage_range(db, &min, &max)))
		return false;
	if (min <= f->after)
		min = f->after + 1;
	if (max > f->last)
		max = f->last;
	if (max == 0 || min > max)
		return true;
	if (!prepare_filter(db, f, &st))
		return false;
	if (f->newest_first)
		for (at = max; ok && go_on && at >= min; at -= PAGE)
			ok = visit_page(db, st, at - PAGE < min ? min : at - PAGE + 1, at, f, &arena, visit, ctx, &go_on);
	else
		for (at = min; ok && go_on && at <= max; at += PAGE)
			ok = visit_page(db, st, at, max - at < PAGE ? max : at + PAGE - 1, f, &arena, visit, ctx, &go_on);
	sqlite3_finalize(st);
	buf_free(&arena);
	return ok;
}

bool spool_query_event(struct spool_db *db, int64_t id, spool_visit *visit, void *ctx, bool *found)
{
	struct buf arena = {0};
	struct spool_row r;
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "SELECT " COLUMNS " FROM event WHERE id = ?1", &st))
		return false;
	sqlite3_bind_int64(st, 1, id);
	ok = take_row(db, st, copy_row, &r, &arena, found);
	sqlite3_finalize(st);
	if (ok && *found)
		visit(ctx, &r);
	buf_free(&arena);
	return ok;
}

/* The ids of the first and the last of the newest n; 0 and 0 where there is none. */
static bool reject_range(struct spool_db *db, const char *endpoint, int64_t limit, int64_t *first, int64_t *last)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "SELECT min(id), max(id) FROM"
			" (SELECT id FROM reject WHERE ?1 IS NULL OR endpoint = ?1 ORDER BY id DESC LIMIT ?2)", &st))
		return false;
	sqlite3_bind_text(st, 1, endpoint, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, limit > 0 ? limit : -1);
	ok = sqlite3_step(st) == SQLITE_ROW || spool_sql_fail(db);
	*first = sqlite3_column_int64(st, 0);
	*last = sqlite3_column_int64(st, 1);
	sqlite3_finalize(st);
	return ok;
}

bool spool_query_rejects(struct spool_db *db, const char *endpoint, int64_t limit,
	void (*visit)(void *ctx, const struct spool_reject_row *r), void *ctx)
{
	struct spool_reject_row r;
	struct buf arena = {0};
	bool ok, found = true;
	int64_t first, last;
	sqlite3_stmt *st;

	if (!reject_range(db, endpoint, limit, &first, &last) ||
	    !spool_sql_prepare(db, "SELECT " REJECT_COLUMNS " FROM reject"
			" WHERE id BETWEEN ?1 AND ?2 AND (?3 IS NULL OR endpoint = ?3) ORDER BY id LIMIT 1", &st))
		return false;
	sqlite3_bind_int64(st, 2, last);
	sqlite3_bind_text(st, 3, endpoint, -1, SQLITE_STATIC);
	for (ok = true; ok && found && first <= last; first = r.id + 1) {
		sqlite3_bind_int64(st, 1, first);
		ok = take_row(db, st, copy_reject, &r, &arena, &found);
		if (!ok || !found)
			break;
		visit(ctx, &r);
	}
	sqlite3_finalize(st);
	buf_free(&arena);
	return ok;
}

bool spool_query_reject(struct spool_db *db, int64_t id, void (*visit)(void *ctx, const struct spool_reject_row *r), void *ctx,
	bool *found)
{
	struct spool_reject_row r;
	struct buf arena = {0};
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "SELECT " REJECT_COLUMNS " FROM reject WHERE id = ?1", &st))
		return false;
	sqlite3_bind_int64(st, 1, id);
	ok = take_row(db, st, copy_reject, &r, &arena, found);
	sqlite3_finalize(st);
	if (ok && *found)
		visit(ctx, &r);
	buf_free(&arena);
	return ok;
}

bool spool_query_counters(struct spool_db *db,
	spool_visit_counter *visit, void *ctx)
{
	sqlite3_stmt *st;
	int rc;

	if (!spool_sql_prepare(db, "SELECT endpoint, code, secret, n, last_at FROM counter ORDER BY endpoint, code, secret", &st))
		return false;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		visit(ctx, spool_sql_text(st, 0), spool_sql_text(st, 1), sqlite3_column_int64(st, 2), spool_sql_count(st, 3),
			spool_sql_time(st, 4));
	sqlite3_finalize(st);
	return rc == SQLITE_DONE || spool_sql_fail(db);
}

bool spool_query_totals(struct spool_db *db, struct spool_totals *t)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "SELECT (SELECT count(*) FROM event), (SELECT received_at FROM event ORDER BY id LIMIT 1),"
			" (SELECT received_at FROM event ORDER BY id DESC LIMIT 1)", &st))
		return false;
	ok = sqlite3_step(st) == SQLITE_ROW;
	*t = (struct spool_totals){spool_sql_count(st, 0), spool_sql_time(st, 1), spool_sql_time(st, 2)};
	sqlite3_finalize(st);
	return ok || spool_sql_fail(db);
}

void spool_query_snapshot(struct spool_db *db, bool on)
{
	sqlite3_exec(db->sql, on ? "BEGIN" : "COMMIT", NULL, NULL, NULL);
}

bool spool_query_ahead(struct spool_db *db, int64_t now, int64_t *events, int64_t *latest)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "SELECT count(*), ifnull(max(received_at), 0) FROM"
			" (SELECT received_at FROM event ORDER BY id DESC LIMIT 1000) WHERE received_at > ?1", &st))
		return false;
	sqlite3_bind_int64(st, 1, now);
	ok = sqlite3_step(st) == SQLITE_ROW || spool_sql_fail(db);
	*events = sqlite3_column_int64(st, 0);
	*latest = sqlite3_column_int64(st, 1);
	sqlite3_finalize(st);
	return ok;
}

bool spool_query_newest(struct spool_db *db, int64_t *id)
{
	int64_t oldest;

	return id_range(db, &oldest, id);
}

bool spool_query_cut_rejects(struct spool_db *db, const struct reject_limits *limits, int64_t now)
{
	bool ok, low;

	if (!spool_delete_begin(db, &low))
		return false;
	ok = (spool_stats_cut(db->sql, limits, now) || spool_sql_fail(db)) && spool_db_commit(db);
	spool_delete_end(db, low);
	return ok;
}
