/* SPDX-License-Identifier: ISC */
/* Retention: finds the events that are older than the option `keep` says, and deletes them. */
#include "spool/retention.h"

#include <stdlib.h>
#include <string.h>

#include "spool/conversation.h"
#include "spool/query/purged.h"
#include "spool/stmt.h"

/* Events that one look takes: many where the last look found old ones alone, so that their keys can be sorted. */
enum { PAGE = 1000, PAGE_MOST = 50000 };

static const int64_t YEAR_2000_MS = INT64_C(946684800000);

int64_t spool_retention_shortest(const struct conf *conf)
{
	int64_t shortest = conf->keep;

	for (const struct endpoint *e = conf->endpoints; e < conf->endpoints + conf->n_endpoints; e++)
		if (e->keep > 0 && (!shortest || e->keep < shortest))
			shortest = e->keep;
	return shortest;
}

static int64_t before_of(int64_t keep, int64_t now)
{
	return keep > 0 ? now - keep : INT64_MIN;
}

bool spool_retention_init(struct spool_retention *r, const struct conf *conf, int64_t now)
{
	*r = (struct spool_retention){
		.keep = calloc(conf->n_endpoints + 1, sizeof *r->keep),
		.before = before_of(conf->keep, now),
		.now = now,
		.keys_since = now - conf->dedupe_window,
		.spare = true,
		.distrust = true,
	};
	for (const struct endpoint *e = conf->endpoints; r->keep && e < conf->endpoints + conf->n_endpoints; e++) {
		if (e->keep < 0)
			continue;
		r->keep[r->n_keep].before = before_of(e->keep, now);
		r->keep[r->n_keep].endpoint = strdup(e->path);
		if (!r->keep[r->n_keep++].endpoint)
			return false;
	}
	return r->keep != NULL;
}

void spool_retention_free(struct spool_retention *r)
{
	for (size_t i = 0; i < r->n_keep; i++)
		free(r->keep[i].endpoint);
	free(r->keep);
	*r = (struct spool_retention){0};
}

void spool_retention_move(struct spool_retention *r, int64_t now)
{
	int64_t by = now - r->now;

	for (size_t i = 0; i < r->n_keep; i++)
		if (r->keep[i].before != INT64_MIN)
			r->keep[i].before += by;
	if (r->before != INT64_MIN)
		r->before += by;
	r->keys_since += by;
	r->now = now;
}

static int64_t rule_for(const struct spool_retention *r, struct slice endpoint)
{
	for (size_t i = 0; i < r->n_keep; i++)
		if (strlen(r->keep[i].endpoint) == endpoint.n && memcmp(r->keep[i].endpoint, endpoint.p, endpoint.n) == 0)
			return r->keep[i].before;
	return r->before;
}

/* An event younger than this is not old by any rule. */
static int64_t youngest_rule(const struct spool_retention *r)
{
	int64_t before = r->before;

	for (size_t i = 0; i < r->n_keep; i++)
		before = r->keep[i].before > before ? r->keep[i].before : before;
	return before;
}

static bool is_possible(const struct spool_retention *r, int64_t at)
{
	return at <= r->now && (!r->distrust || at >= YEAR_2000_MS);
}

struct looked_at {
	struct spool_doomed event;
	int64_t at, before;
};

/* The next events of the pass, up to `most`. Returns how many, or -1. */
static int read_page(struct spool_db *db, const struct spool_retention *r, const struct spool_retention_cursor *c, struct looked_at *page, int most)
{
	struct spool_stmt *st;
	int rc, count = 0;

	if (!spool_stmt_prepare(db, "SELECT id, received_at, endpoint, event_size(body, segment) + length(headers) FROM event WHERE id > ?1 AND id <= ?2"
			" ORDER BY id LIMIT ?3", &st))
		return -1;
	spool_stmt_bind_int(st, 1, c->after);
	spool_stmt_bind_int(st, 2, c->last);
	spool_stmt_bind_int(st, 3, most);
	while (count < most && (rc = spool_stmt_step(st)) == SPOOL_ROW)
		page[count++] = (struct looked_at){
			.event = {spool_stmt_int64(st, 0), spool_stmt_int64(st, 3)},
			.at = spool_stmt_int64(st, 1),
			.before = rule_for(r, spool_stmt_slice(st, 2)),
		};
	if (count < most && rc != SPOOL_DONE) {
		spool_stmt_fail(db);
		count = -1;
	}
	spool_stmt_free(st);
	return count;
}

/* Looks for an event with a possible time among the next PAGE_MOST. Sets *id to the last one that was looked at, to c->last behind all. */
static bool look_for_time(struct spool_db *db, const struct spool_retention *r, struct spool_retention_cursor *c, int64_t *id, bool *found)
{
	struct spool_stmt *st;
	enum spool_step rc;
	int count = 0;

	*found = false;
	if (!spool_stmt_prepare(db, "SELECT id, received_at FROM event WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?3", &st))
		return false;
	spool_stmt_bind_int(st, 1, *id);
	spool_stmt_bind_int(st, 2, c->last);
	spool_stmt_bind_int(st, 3, PAGE_MOST);
	while (!*found && (rc = spool_stmt_step(st)) == SPOOL_ROW) {
		count++;
		*id = spool_stmt_int64(st, 0);
		c->time = spool_stmt_int64(st, 1);
		*found = is_possible(r, c->time);
	}
	if (!*found && count < PAGE_MOST)
		*id = c->last;
	spool_stmt_free(st);
	return *found || rc == SPOOL_DONE || spool_stmt_fail(db);
}

/*
 * Finds the time of the first event after that id with a possible time; now where there is none. Each event is looked at once in a
 * pass, and no statement runs long: SQLite's log grows as long as one reads.
 */
static bool find_time(struct spool_db *db, const struct spool_retention *r, struct spool_retention_cursor *c, int64_t after)
{
	bool found = c->time_of > after, ok = true;
	int64_t id = after;

	while (ok && !found && id < c->last) {
		ok = look_for_time(db, r, c, &id, &found);
		c->time_of = id;
	}
	if (!found) {
		c->time_of = INT64_MAX;
		c->time = r->now;
	}
	return ok;
}

/* An event with an impossible time gets the time of the next event with a possible one: it was not received later. */
static bool correct_event_times(struct spool_db *db, const struct spool_retention *r, struct spool_retention_cursor *c, struct looked_at *page, int count)
{
	int64_t at = r->now;

	if (!is_possible(r, page[count - 1].at)) {
		if (!find_time(db, r, c, page[count - 1].event.id))
			return false;
		at = c->time;
	}
	for (int i = count - 1; i >= 0; i--) {
		if (is_possible(r, page[i].at))
			at = page[i].at;
		else
			page[i].at = at;
	}
	return true;
}

static bool find_last(struct spool_db *db, struct spool_retention_cursor *c)
{
	struct spool_stmt *st;
	bool ok;

	if (c->last)
		return true;
	if (!spool_stmt_prepare(db, "SELECT coalesce(max(id), 0) FROM event", &st))
		return false;
	ok = spool_stmt_step(st) == SPOOL_ROW;
	c->last = ok ? spool_stmt_int64(st, 0) : 0;
	spool_stmt_free(st);
	return ok || spool_stmt_fail(db);
}

static bool delete_old(struct spool_db *db, const struct spool_retention *r, const struct looked_at *page, int count,
	struct spool_deleted *sum)
{
	struct spool_doomed *order = calloc((size_t)count, sizeof *order);
	size_t old = 0;
	bool ok;

	if (!order)
		return spool_db_fail(db, SPOOL_ERROR_OTHER, "memory is short");
	for (int i = 0; i < count; i++)
		if (page[i].at < page[i].before)
			order[old++] = page[i].event;
	ok = spool_delete(db, order, old, r->keys_since, r->spare, r->dry_run, sum);
	free(order);
	return ok;
}

bool spool_retention_page(struct spool_db *db, const struct spool_retention *r, struct spool_retention_cursor *c)
{
	int64_t youngest = youngest_rule(r);
	int count, most = c->all_old ? PAGE_MOST : PAGE;
	struct looked_at *page = calloc((size_t)most, sizeof *page);
	bool ok;

	if (!page)
		return spool_db_fail(db, SPOOL_ERROR_OTHER, "memory is short");
	count = find_last(db, c) ? read_page(db, r, c, page, most) : -1;
	ok = count >= 0;
	c->done = count < most;
	c->all_young = c->all_old = true;
	if (ok && count > 0) {
		ok = correct_event_times(db, r, c, page, count) && delete_old(db, r, page, count, &c->sum);
		for (int i = 0; i < count; i++) {
			c->all_young = c->all_young && page[i].at >= youngest;
			c->all_old = c->all_old && page[i].at < youngest;
		}
		c->after = page[count - 1].event.id;
	}
	free(page);
	return ok;
}

/* Finds the next endpoint that has conversations; each endpoint has its own rule. "" is before every path. */
static bool next_endpoint(struct spool_db *db, char *endpoint, size_t size, bool *found)
{
	struct spool_stmt *st;
	enum spool_step rc;

	if (!spool_stmt_prepare(db, "SELECT min(endpoint) FROM conversation WHERE endpoint > ?1", &st))
		return false;
	spool_stmt_bind_text(st, 1, endpoint);
	rc = spool_stmt_step(st);
	*found = rc == SPOOL_ROW && !spool_stmt_is_null(st, 0) && spool_stmt_slice(st, 0).n < size;
	if (*found)
		strcpy(endpoint, spool_stmt_text(st, 0));
	spool_stmt_free(st);
	return rc == SPOOL_ROW || spool_stmt_fail(db);
}

bool spool_retention_forget(struct spool_db *db, const struct spool_retention *r)
{
	char endpoint[4096] = "";
	bool found = true, ok = spool_purged_forget(db, r->keys_since);
	int64_t before;

	while (ok && found) {
		ok = next_endpoint(db, endpoint, sizeof endpoint, &found);
		before = found ? rule_for(r, slice_text(endpoint)) : INT64_MIN;
		if (ok && found && before != INT64_MIN)
			ok = spool_conversation_purge(db, endpoint, before);
	}
	return ok;
}
