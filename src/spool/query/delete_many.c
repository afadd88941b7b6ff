/* SPDX-License-Identifier: ISC */
/* Deletes many events by one statement for each table, where a statement is a round trip to a server. The keys are in a ledger there. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "spool/query/delete.h"
#include "spool/stmt.h"

#define IDS "ANY(CAST(CAST(?1 AS text) AS bigint[]))"

static bool add_id(struct buf *ids, int64_t id)
{
	char text[24];

	snprintf(text, sizeof text, "%s%" PRId64, ids->len ? "," : "{", id);
	return buf_add_text(ids, text);
}

/* Whether the id is one of those, which are in order. */
static bool is_in(const int64_t *id, size_t n, int64_t wanted)
{
	for (size_t i = 0; i < n && id[i] <= wanted; i++)
		if (id[i] == wanted)
			return true;
	return false;
}

static bool fill_ids(struct buf *ids, const struct spool_doomed *order, size_t count, const int64_t *spared, size_t n_spared)
{
	bool ok = true;

	ids->len = 0;
	for (size_t i = 0; ok && i < count; i++)
		ok = is_in(spared, n_spared, order[i].id) || add_id(ids, order[i].id);
	return ok && buf_add_text(ids, ids->len ? "}" : "{}");
}

/* *pending becomes the number of pending deliveries; event, for `count` ids, those that have one. */
static bool find_many_pending(struct spool_db *db, const struct buf *ids, int64_t *event, size_t count, size_t *n, int64_t *pending)
{
	struct spool_stmt *st;
	enum spool_step rc;

	*n = 0;
	*pending = 0;
	if (!spool_stmt_prepare(db, "SELECT event, count(*) FROM relay WHERE event = " IDS " AND state = 0 GROUP BY event ORDER BY event", &st))
		return false;
	spool_stmt_bind_slice(st, 1, (struct slice){ids->data, ids->len});
	while ((rc = spool_stmt_step(st)) == SPOOL_ROW && *n < count) {
		event[(*n)++] = spool_stmt_int64(st, 0);
		*pending += spool_stmt_int64(st, 1);
	}
	spool_stmt_free(st);
	return rc == SPOOL_DONE || spool_stmt_fail(db);
}

enum { KEYS_OF, ATTEMPTS_OF, RELAYS_OF, CAME_OF, EVENTS_OF, TABLES };

/* Each deletes, or with a dry run counts. */
static const char *const many[TABLES][2] = {
	[KEYS_OF] = {"WITH old AS (DELETE FROM event_key WHERE event = " IDS " AND received_at < ?2)"
		" UPDATE event_key SET purged = true WHERE event = " IDS " AND received_at >= ?2"},
	[ATTEMPTS_OF] = {"DELETE FROM attempt WHERE relay IN (SELECT id FROM relay WHERE event = " IDS ")",
		"SELECT count(*) FROM attempt WHERE relay IN (SELECT id FROM relay WHERE event = " IDS ")"},
	[RELAYS_OF] = {"DELETE FROM relay WHERE event = " IDS, "SELECT count(*) FROM relay WHERE event = " IDS},
	[CAME_OF] = {"DELETE FROM came WHERE event = " IDS},
	[EVENTS_OF] = {"DELETE FROM event WHERE id = " IDS, "SELECT count(*) FROM event WHERE id = " IDS},
};

/* *n becomes how many rows a statement deleted or counted. */
static bool run_many(struct spool_db *db, const char *sql, const struct buf *ids, const int64_t *second, int64_t *n)
{
	struct spool_stmt *st;
	enum spool_step rc;

	if (!spool_stmt_prepare(db, sql, &st))
		return false;
	spool_stmt_bind_slice(st, 1, (struct slice){ids->data, ids->len});
	if (second)
		spool_stmt_bind_int(st, 2, *second);
	rc = spool_stmt_step(st);
	*n = rc == SPOOL_ROW ? spool_stmt_int64(st, 0) : spool_stmt_changes(db);
	spool_stmt_free(st);
	return rc != SPOOL_ERROR || spool_stmt_fail(db);
}

static bool delete_many_rows(struct spool_db *db, const struct buf *ids, int64_t keys_since, bool dry_run, struct spool_deleted *sum)
{
	int64_t n[TABLES] = {0};
	bool ok = true;

	for (int i = 0; ok && i < TABLES; i++)
		ok = !many[i][dry_run] || run_many(db, many[i][dry_run], ids, i == KEYS_OF ? &keys_since : NULL, &n[i]);
	if (!ok)
		return false;
	sum->attempts += n[ATTEMPTS_OF];
	sum->deliveries += n[RELAYS_OF];
	sum->events += n[EVENTS_OF];
	return true;
}

bool spool_delete_many(struct spool_db *db, const struct spool_doomed *order, size_t count, int64_t keys_since, bool spare, bool dry_run,
	struct spool_deleted *sum)
{
	int64_t *waiting = calloc(count + 1, sizeof *waiting), pending = 0;
	struct buf ids = {0};
	size_t n = 0;
	bool ok = waiting && fill_ids(&ids, order, count, NULL, 0);

	if (!ok)
		spool_db_fail(db, SPOOL_ERROR_OTHER, "memory is short");
	ok = ok && find_many_pending(db, &ids, waiting, count, &n, &pending);
	if (ok && spare && n)
		ok = fill_ids(&ids, order, count, waiting, n) || spool_db_fail(db, SPOOL_ERROR_OTHER, "memory is short");
	ok = ok && delete_many_rows(db, &ids, keys_since, dry_run, sum);
	if (ok && spare)
		sum->spared += (int64_t)n;
	else if (ok)
		sum->pending += pending;
	buf_free(&ids);
	free(waiting);
	return ok;
}
