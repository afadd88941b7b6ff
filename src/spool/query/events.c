/* SPDX-License-Identifier: ISC */
/* Reads events back, also from a damaged database. */
#include "spool/events.h"

#include <stdio.h>
#include <stdlib.h>

#include "spool/query/rows.h"
#include "spool/search.h"
#include "spool/stmt.h"

enum { PAGE = 1000 }; /* ids looked through in one transaction, at most */

const struct spool_filter spool_filter_all = {.since = INT64_MIN, .until = INT64_MAX, .last = INT64_MAX};

#define COLUMNS(BODY) \
	"id, received_at, secret, endpoint, event, key, account, sender_id, sender_name, conversation, sent_at," \
	" remote_addr, headers, " BODY "(body, segment, id), note, text, source, (SELECT again FROM came WHERE came.event = event.id)," \
	" (SELECT last_at FROM came WHERE came.event = event.id)"

/* Reads one page of ids after the other. The ids from first to last of the current page are still to be read. */
struct spool_events_iter {
	struct spool_db *db;
	struct spool_stmt *st; /* ?1 and ?2: the first and the last id */
	struct spool_filter filter;
	int64_t min, max; /* the ids of the pages that are still to be read; none where min > max */
	int64_t first, last;
	bool by_one; /* the page has damage, and is read event by event */
	int left;    /* rows that the statement may still give; 0: it is not running */
	bool failed;
	struct buf arena;
};

static bool copy_stored(struct spool_stmt *st, struct spool_row *r, struct buf *arena)
{
	struct slice *const always[] = {&r->endpoint, &r->event, &r->headers, &r->body};
	struct slice *const to[] = {&r->endpoint, &r->event, &r->key, &r->account, &r->sender_id, &r->sender_name,
		&r->conversation, &r->sent_at, &r->remote_addr, &r->headers, &r->body, &r->note, &r->text};

	*r = (struct spool_row){0};
	r->id = spool_stmt_int64(st, 0);
	r->received_at = spool_stmt_time(st, 1);
	r->secret = spool_stmt_int(st, 2);
	r->source = spool_stmt_source(st, 16);
	r->came = (int64_t)spool_stmt_int(st, 17) + (r->source == SPOOL_SOURCE_WEBHOOK);
	r->came_at = spool_stmt_time(st, 18);
	if (!spool_rows_copy(st, 3, to, sizeof to / sizeof *to, arena))
		return false;
	r->body_lost = spool_stmt_is_null(st, 13);
	for (size_t i = 0; i < sizeof always / sizeof *always; i++)
		if (!always[i]->p)
			*always[i] = (struct slice){"", 0}; /* a forged spool may lack the schema's NOT NULL */
	return true;
}

/*
 * Copies the next row of the ids from first to last. SQLite's gives one row, so that its transaction ends: the caller may block on a
 * pager, and an open read keeps the WAL from being reset. With journal = "delete" it would keep out any commit.
 */
static bool take_event_row(struct spool_events_iter *it, int64_t first, int64_t last, struct spool_row *row, bool *found)
{
	bool ok;
	enum spool_step rc;

	if (!it->left) {
		spool_stmt_bind_int(it->st, 1, first);
		spool_stmt_bind_int(it->st, 2, last);
		it->left = it->db->engine->rows;
	}
	rc = spool_stmt_step(it->st);
	ok = rc == SPOOL_ROW || rc == SPOOL_DONE || spool_stmt_fail(it->db);
	*found = rc == SPOOL_ROW;
	if (*found && !copy_stored(it->st, row, &it->arena))
		ok = spool_db_fail(it->db, SPOOL_ERROR_OTHER, "spool: memory is short");
	it->left = *found ? it->left - 1 : 0;
	if (!it->left)
		spool_stmt_reset(it->st);
	return ok;
}

static bool is_damage(struct spool_db *db)
{
	return db->kind == SPOOL_ERROR_DAMAGED || db->kind == SPOOL_ERROR_DISK;
}

static bool number_or_none(struct spool_db *db, const char *sql, int64_t *value)
{
	struct spool_stmt *st;
	bool ok = spool_stmt_prepare(db, sql, &st) && spool_stmt_step(st) == SPOOL_ROW;

	if (ok)
		*value = spool_stmt_int64(st, 0);
	spool_stmt_free(st);
	return ok;
}

/* Finds the range of ids in the indexes, when the table's first or last page is damaged. */
static bool salvage_range(struct spool_db *db, int64_t *min, int64_t *max)
{
	int64_t by_relay = 0, by_key = 0;
	bool ok;

	if (!number_or_none(db, "SELECT min(id) FROM event", min))
		*min = 1;
	if (number_or_none(db, "SELECT max(id) FROM event", max))
		return true;
	ok = number_or_none(db, "SELECT max(id) FROM event INDEXED BY event_key WHERE key IS NOT NULL", &by_key);
	ok = number_or_none(db, "SELECT max(event) FROM relay", &by_relay) || ok;
	*max = by_key > by_relay ? by_key : by_relay;
	return ok || spool_stmt_fail(db);
}

static bool id_range(struct spool_db *db, int64_t *min, int64_t *max)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, "SELECT (SELECT min(id) FROM event), (SELECT max(id) FROM event)", &st))
		return false;
	ok = spool_stmt_step(st) == SPOOL_ROW;
	*min = spool_stmt_int64(st, 0);
	*max = spool_stmt_int64(st, 1);
	spool_stmt_free(st);
	return ok || spool_stmt_fail(db);
}

/* Finds the range of ids that the filter allows. */
static bool find_range(struct spool_events_iter *it)
{
	const struct spool_filter *f = &it->filter;
	int64_t settled = INT64_MAX;

	if (!id_range(it->db, &it->min, &it->max) && (!f->lost || !is_damage(it->db) || !salvage_range(it->db, &it->min, &it->max)))
		return false;
	if (f->after > 0 && !spool_db_settled(it->db, &settled))
		return false;
	if (it->max > settled)
		it->max = settled;
	if (it->min <= f->after)
		it->min = f->after + 1;
	if (it->max > f->last)
		it->max = f->last;
	if (it->max == INT64_MAX) /* no event has that id; id + 1 must fit */
		it->max--;
	return true;
}

static bool prepare_filter(struct spool_db *db, const struct spool_filter *f, struct spool_stmt **st)
{
	static const char where[] =
		" FROM event WHERE id BETWEEN ?1 AND ?2"
		" AND (endpoint = ?3 OR ?3 IS NULL) AND (event = ?4 OR ?4 IS NULL) AND (account = ?5 OR ?5 IS NULL)"
		" AND received_at >= ?6 AND received_at < ?7";
	static const char all[] = "SELECT " COLUMNS("event_body"), those[] = "SELECT " COLUMNS("event_body_if");
	char sql[sizeof those + sizeof where + 32];

	snprintf(sql, sizeof sql, "%s%s ORDER BY id%s LIMIT %d", f->without_bodies ? those : all, where, f->newest_first ? " DESC" : "", db->engine->rows);
	if (!spool_stmt_prepare(db, sql, st))
		return false;
	spool_stmt_bind_text(*st, 3, f->endpoint);
	spool_stmt_bind_text(*st, 4, f->event);
	spool_stmt_bind_text(*st, 5, f->account);
	spool_stmt_bind_int(*st, 6, f->since);
	spool_stmt_bind_int(*st, 7, f->until);
	return true;
}

static struct spool_events_iter *events_new(struct spool_db *db, const struct spool_filter *f)
{
	struct spool_events_iter *it = calloc(1, sizeof *it);

	if (!it) {
		spool_db_fail(db, SPOOL_ERROR_OTHER, "spool: memory is short");
		return NULL;
	}
	it->db = db;
	it->filter = *f;
	it->first = 1; /* behind last: the first page is still to come */
	return it;
}

struct spool_events_iter *spool_events_find(struct spool_db *db, const struct spool_filter *f)
{
	struct spool_events_iter *it = events_new(db, f);

	if (it)
		it->failed = !find_range(it) || !prepare_filter(db, &it->filter, &it->st);
	return it;
}

struct spool_events_iter *spool_events_get(struct spool_db *db, int64_t id)
{
	struct spool_events_iter *it = events_new(db, &spool_filter_all);

	if (!it)
		return NULL;
	it->min = INT64_MAX; /* no pages */
	if (id < INT64_MAX)
		it->first = it->last = id;
	it->failed = !prepare_filter(db, &it->filter, &it->st);
	return it;
}

/* False when all pages are read. */
static bool next_page(struct spool_events_iter *it)
{
	int64_t first, last;

	if (it->min > it->max)
		return false;
	spool_search_next(it->filter.search, it->filter.newest_first, it->min, it->max, &first, &last);
	if (first > last)
		return false;
	spool_stmt_reset(it->st); /* it may have rows left to give, of the page before */
	it->left = 0;
	it->by_one = false;
	it->first = first;
	it->last = last;
	if (it->filter.newest_first) {
		if (last - first >= PAGE)
			it->first = last - PAGE + 1;
		it->max = it->first - 1;
	} else {
		if (last - first >= PAGE)
			it->last = first + PAGE - 1;
		it->min = it->last + 1;
	}
	return true;
}

/* After a failed read: reads the page event by event from then on, and skips the event that fails. False when the error is no damage. */
static bool pass_damage(struct spool_events_iter *it)
{
	struct spool_lost *lost = it->filter.lost;

	if (!lost || !is_damage(it->db))
		return false;
	if (!it->by_one) {
		it->by_one = true;
		return true;
	}
	if (lost->events++ == 0)
		lost->first = it->first;
	lost->last = it->first++;
	return true;
}

bool spool_events_next(struct spool_events_iter *it, struct spool_row *row)
{
	bool found = false;

	while (it && !it->failed && !found && (it->first <= it->last || next_page(it))) {
		if (!take_event_row(it, it->first, it->by_one ? it->first : it->last, row, &found))
			it->failed = !pass_damage(it);
		else if (found && it->filter.newest_first)
			it->last = row->id - 1;
		else
			it->first = found ? row->id + 1 : it->by_one ? it->first + 1 : it->last + 1;
	}
	return found && !it->failed;
}

bool spool_events_end(struct spool_events_iter *it)
{
	bool ok = it && !it->failed;

	if (!it)
		return false;
	spool_stmt_free(it->st);
	buf_free(&it->arena);
	free(it);
	return ok;
}

bool spool_events_newest(struct spool_db *db, int64_t *id)
{
	int64_t oldest, settled;

	if (!id_range(db, &oldest, id) || !spool_db_settled(db, &settled))
		return false;
	*id = *id < settled ? *id : settled;
	return true;
}
