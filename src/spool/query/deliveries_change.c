/* SPDX-License-Identifier: ISC */
/* Changes deliveries for the administrator: retry, drop, replay. */
#include "spool/deliveries.h"

#include <stdio.h>

#include "spool/stmt.h"

enum { BATCH = 10000 }; /* ids changed in one transaction */

static bool last_id(struct spool_db *db, int64_t *id)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, "SELECT max(id) FROM relay", &st))
		return false;
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	*id = spool_stmt_int64(st, 0);
	spool_stmt_free(st);
	return ok;
}

/* A change of relays: columns to set, a condition, and with `note` an attempt with that error. */
struct change {
	const char *set, *which;
	const char *note, *noted; /* the condition for the attempt, beside `which` */
};

/* Runs a statement on relays of the filter with ids in a range. */
static bool run_on(struct spool_db *db, const char *start, const char *which, const struct spool_delivery_filter *f, int64_t from, int64_t to,
	int64_t now, const char *note)
{
	struct spool_stmt *st = NULL;
	char sql[512];
	bool ok;

	snprintf(sql, sizeof sql, "%s WHERE id BETWEEN ?2 AND ?5 AND (sink = ?1 OR ?1 IS NULL) AND %s", start, which);
	if (!spool_stmt_prepare(db, sql, &st))
		return false;
	spool_stmt_bind_text(st, 1, f->sink);
	spool_stmt_bind_int(st, 2, from);
	spool_stmt_bind_int(st, 4, now);
	spool_stmt_bind_int(st, 5, to);
	spool_stmt_bind_text(st, 6, note);
	ok = spool_stmt_step(st) == SPOOL_DONE || spool_stmt_fail(db);
	spool_stmt_free(st);
	return ok;
}

/* Changes a range in a transaction of its own, as receiving waits for it. */
static bool update_range(struct spool_db *db, const struct change *c, const struct spool_delivery_filter *f, int64_t from, int64_t to,
	int64_t now, int64_t *changed)
{
	static const char take_note[] = "INSERT INTO attempt(relay, at, ms, status, error) SELECT id, ?4, 0, 0, ?6 FROM relay";
	char set[256], noted[256];
	int64_t here;
	bool ok;

	snprintf(set, sizeof set, "UPDATE relay SET %s", c->set);
	snprintf(noted, sizeof noted, "%s AND %s", c->which, c->noted ? c->noted : "1 = 1");
	if (!spool_db_begin(db, true))
		return false;
	ok = (!c->note || run_on(db, take_note, noted, f, from, to, now, c->note)) &&
		run_on(db, set, c->which, f, from, to, now, NULL);
	here = spool_stmt_changes(db);
	ok = ok && spool_db_commit(db);
	*changed += ok ? here : 0;
	spool_db_end(db);
	return ok;
}

static bool update(struct spool_db *db, const struct change *c, const struct spool_delivery_filter *f, int64_t now, int64_t *changed)
{
	int64_t last;
	bool ok;

	*changed = 0;
	if (f->id)
		return update_range(db, c, f, f->id, f->id, now, changed);
	ok = last_id(db, &last);
	for (int64_t from = 1; ok && from <= last; from += BATCH)
		ok = update_range(db, c, f, from, from + BATCH - 1, now, changed);
	return ok;
}

bool spool_deliveries_retry(struct spool_db *db, const struct spool_delivery_filter *f, int64_t now, int64_t *changed)
{
	static const struct change retried = {
		.set = "since = CASE WHEN state = 2 THEN ?4 ELSE since END, attempts = CASE WHEN state = 2 THEN 0 ELSE attempts END, due = ?4, state = 0",
		.which = "(state = 2 OR (state = 0 AND due > ?4))",
	};

	return update(db, &retried, f, now, changed);
}

bool spool_deliveries_replayed(struct spool_db *db, const struct spool_delivery_filter *f, int64_t *count)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, "SELECT count(*) FROM relay WHERE state = 0 AND was_state <> 0 AND (sink = ?1 OR ?1 IS NULL)"
			" AND (?2 = 0 OR id = ?2)", &st))
		return false;
	spool_stmt_bind_text(st, 1, f->sink);
	spool_stmt_bind_int(st, 2, f->id);
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	*count = spool_stmt_int64(st, 0);
	spool_stmt_free(st);
	return ok;
}

bool spool_deliveries_drop(struct spool_db *db, const struct spool_delivery_filter *f, int64_t now, int64_t *changed)
{
	/* a delivery that is pending because of a replay becomes again what it was */
	static const struct change dropped = {
		.set = "due = 0, state = CASE WHEN was_state <> 0 THEN was_state ELSE 2 END, attempts = attempts + was_attempts, was_state = 0, was_attempts = 0",
		.which = "state = 0",
		.note = "dropped by hand",
		.noted = "was_state = 0",
	};

	return update(db, &dropped, f, now, changed);
}

static bool replay_one(struct spool_db *db, struct spool_stmt *again, struct spool_stmt *first, const struct sink *sink, int64_t event, int64_t now,
	int64_t *changed)
{
	struct spool_stmt *const both[] = {again, first};
	bool ok = true, done = false;

	for (int i = 0; ok && !done && i < 2; i++) {
		spool_stmt_bind_int(both[i], 1, event);
		spool_stmt_bind_text(both[i], 2, sink->name);
		spool_stmt_bind_int(both[i], 3, now);
		spool_stmt_bind_int(both[i], 4, sink->ordered);
		ok = spool_stmt_step(both[i]) == SPOOL_DONE;
		spool_stmt_reset(both[i]);
		done = ok && spool_stmt_changes(db) > 0;
	}
	*changed += done;
	return ok;
}

bool spool_deliveries_replay(struct spool_db *db, const struct sink *sink, const int64_t *events, size_t count, int64_t now, int64_t *changed)
{
	struct spool_stmt *again = NULL, *first = NULL;
	bool ok;

	*changed = 0;
	if (!spool_db_begin(db, true))
		return false;
	ok = spool_stmt_prepare(db, "UPDATE relay SET was_state = state, was_attempts = attempts, state = 0, since = ?3, due = ?3, attempts = 0, judge = 0"
			" WHERE event = ?1 AND sink = ?2 AND state <> 0",
			&again) &&
		spool_stmt_prepare(db, "INSERT INTO relay(event, sink, state, since, due, attempts, conversation)"
			" SELECT id, ?2, 0, ?3, ?3, 0, CASE WHEN ?4 <> 0 THEN conversation END FROM event"
			" WHERE id = ?1 AND NOT EXISTS(SELECT 1 FROM relay WHERE event = ?1 AND sink = ?2)", &first);
	for (size_t i = 0; ok && i < count; i++)
		ok = replay_one(db, again, first, sink, events[i], now, changed) || spool_stmt_fail(db);
	spool_stmt_free(again);
	spool_stmt_free(first);
	ok = ok && spool_db_commit(db);
	if (!ok)
		*changed = 0;
	spool_db_end(db);
	return ok;
}
