/* SPDX-License-Identifier: ISC */
/* Reads deliveries back, and counts them. */
#include "spool/deliveries.h"

#include <stdio.h>

#include "spool/query/rows.h"
#include "spool/stmt.h"

const char *const spool_deliveries_states[] = {[SPOOL_RELAY_PENDING] = "pending", [SPOOL_RELAY_DONE] = "delivered", [SPOOL_RELAY_DEAD] = "dead"};

/* Returns the condition for a filter. An id is found by the table's key, an event by its index. */
static const char *matches(const struct spool_delivery_filter *f)
{
	return f->id ? "(sink = ?1 OR ?1 IS NULL) AND id = ?2 AND (?3 < 0 OR state = ?3)"
		: f->event ? "(sink = ?1 OR ?1 IS NULL) AND event = ?9 AND (?3 < 0 OR state = ?3)"
		: "(sink = ?1 OR ?1 IS NULL) AND ?2 = 0 AND (?3 < 0 OR state = ?3)";
}

static void bind_filter(struct spool_stmt *st, const struct spool_delivery_filter *f)
{
	spool_stmt_bind_text(st, 1, f->sink);
	spool_stmt_bind_int(st, 2, f->id);
	spool_stmt_bind_int(st, 3, f->state);
	if (f->event)
		spool_stmt_bind_int(st, 9, f->event);
}

/* Reads a state. An unknown one, of a forged spool, counts as dead. */
static enum spool_relay_state read_state(struct spool_stmt *st, int column)
{
	int64_t state = spool_stmt_int64(st, column);

	return state < SPOOL_RELAY_PENDING || state > SPOOL_RELAY_DEAD ? SPOOL_RELAY_DEAD : (enum spool_relay_state)state;
}

bool spool_deliveries_exist(struct spool_db *db, const struct spool_delivery_filter *f, bool *found)
{
	char sql[512];
	struct spool_stmt *st;
	enum spool_step rc;

	snprintf(sql, sizeof sql, "SELECT 1 FROM relay WHERE %s LIMIT 1", matches(f));
	if (!spool_stmt_prepare(db, sql, &st))
		return false;
	bind_filter(st, f);
	rc = spool_stmt_step(st);
	*found = rc == SPOOL_ROW;
	spool_stmt_free(st);
	return *found || rc == SPOOL_DONE || spool_stmt_fail(db);
}

/*
 * The deliveries of one state, as far as ?4 of them; the index of a state is small, or has the order. A sink without delivered ones, which
 * ended tells, must not cost a look at all deliveries.
 */
struct kind_of_delivery {
	enum spool_relay_state state;
	bool failing_first; /* of a list in that order; else of the other one */
	const char *ids, *ids_of_sink;
};

#define NEWEST(where) "SELECT id FROM relay " where " ORDER BY id DESC LIMIT "
#define OF_SINK " AND sink = ?1"

static const struct kind_of_delivery listed_kinds[] = {
	{SPOOL_RELAY_PENDING, true, NEWEST("INDEXED BY relay_tried WHERE state = 0 AND attempts > 0") "?4",
		NEWEST("INDEXED BY relay_tried WHERE state = 0 AND attempts > 0" OF_SINK) "?4"},
	{SPOOL_RELAY_DEAD, true, NEWEST("INDEXED BY relay_dead WHERE state = 2") "?4", NEWEST("INDEXED BY relay_died WHERE state = 2" OF_SINK) "?4"},
	{SPOOL_RELAY_PENDING, true, NEWEST("INDEXED BY relay_due WHERE state = 0 AND attempts = 0") "?4",
		NEWEST("INDEXED BY relay_due WHERE state = 0 AND attempts = 0" OF_SINK) "?4"},
	{SPOOL_RELAY_DONE, true, NEWEST("WHERE state = 1") "?4", NEWEST("WHERE state = 1" OF_SINK)
		"(SELECT CASE WHEN coalesce(sum(n), 0) < ?4 THEN CAST(coalesce(sum(n), 0) AS BIGINT) ELSE ?4 END FROM ended WHERE sink = ?1 AND state = 1)"},
	{SPOOL_RELAY_PENDING, false, NEWEST("INDEXED BY relay_due WHERE state = 0") "?4", NEWEST("INDEXED BY relay_due WHERE state = 0" OF_SINK) "?4"},
};

/* Writes the ids of the deliveries, each with the rank of its kind. */
static bool write_ids(struct buf *sql, const struct spool_delivery_filter *f)
{
	const char *join = "";
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof listed_kinds / sizeof *listed_kinds; i++) {
		if ((f->state >= 0 && listed_kinds[i].state != (unsigned)f->state) || (listed_kinds[i].state == SPOOL_RELAY_PENDING && listed_kinds[i].failing_first != f->failing_first))
			continue;
		ok = buf_printf(sql, "%sSELECT id, %d AS k FROM (%s) AS k%zu", join, f->failing_first ? (int)i : 0, f->sink ? listed_kinds[i].ids_of_sink : listed_kinds[i].ids, i);
		join = " UNION ALL ";
	}
	return ok;
}

/* Writes the statement that reads the deliveries, as they are at one moment. An id or an event has few of them. */
static bool write_list_sql(struct buf *sql, const char *into, const struct spool_delivery_filter *f)
{
	bool ok = buf_printf(sql, "%sSELECT l.id, l.event, l.state, l.due, l.attempts, a.at, a.ms, a.status, l.sink, e.endpoint, a.error, a.answer, p.until"
		" FROM (SELECT id, k FROM (", into);
	if (f->id || f->event)
		ok = ok && buf_printf(sql, "SELECT id, %s AS k FROM relay WHERE %s", f->failing_first
			? "CASE WHEN state = 0 AND attempts > 0 THEN 0 WHEN state = 2 THEN 1 WHEN state = 0 THEN 2 ELSE 3 END" : "0", matches(f));
	else
		ok = ok && write_ids(sql, f);
	return ok && buf_printf(sql, ") AS found ORDER BY k, id DESC LIMIT ?4) AS o JOIN relay AS l ON l.id = o.id"
		" LEFT JOIN event AS e ON e.id = l.event"
		" LEFT JOIN attempt AS a ON a.id = (SELECT max(id) FROM attempt WHERE relay = l.id)"
		" LEFT JOIN pause AS p ON p.sink = l.sink AND l.state = 0 ORDER BY %s", f->failing_first ? "o.k, l.id DESC" : "l.id");
}

static void bind_list(struct spool_stmt *st, const struct spool_delivery_filter *f, int64_t limit)
{
	bind_filter(st, f);
	spool_stmt_bind_int(st, 4, limit > 0 ? limit : INT64_MAX);
}

/*
 * Copies the deliveries into a temporary table of this connection. The caller may block, and an open read of the spool's tables would
 * delay the receiver's checkpoints.
 */
static bool take_snapshot(struct spool_db *db, const struct spool_delivery_filter *f, int64_t limit)
{
	struct buf sql = {0};
	struct spool_stmt *st = NULL;
	bool ok;

	ok = (write_list_sql(&sql, "CREATE TEMP TABLE shown AS ", f) || spool_db_fail(db, SPOOL_ERROR_OTHER, "spool: memory is short")) &&
		spool_stmt_prepare(db, buf_str(&sql), &st);
	if (ok) {
		bind_list(st, f, limit);
		ok = spool_stmt_step(st) == SPOOL_DONE || spool_stmt_fail(db);
	}
	spool_stmt_free(st);
	buf_free(&sql);
	return ok;
}

static struct spool_rows *list_copied(struct spool_db *db, const struct spool_delivery_filter *f, int64_t limit)
{
	struct spool_rows *rows = NULL;
	struct buf sql = {0};

	if (write_list_sql(&sql, "", f))
		rows = spool_rows_begin(db, buf_str(&sql));
	else
		spool_db_fail(db, SPOOL_ERROR_OTHER, "spool: memory is short");
	if (rows)
		bind_list(rows->st, f, limit);
	buf_free(&sql);
	return rows;
}

struct spool_rows *spool_deliveries_list(struct spool_db *db, const struct spool_delivery_filter *f, int64_t limit)
{
	struct spool_rows *rows;

	if (db->engine->copies)
		return list_copied(db, f, limit);
	if (!take_snapshot(db, f, limit))
		return NULL;
	rows = spool_rows_begin(db, "SELECT * FROM temp.shown ORDER BY rowid");
	if (rows)
		rows->at_end = "DROP TABLE IF EXISTS temp.shown";
	return rows;
}

bool spool_deliveries_next(struct spool_rows *rows, struct spool_delivery *d)
{
	struct slice *const to[] = {&d->sink, &d->endpoint, &d->error, &d->answer};

	if (!spool_rows_step(rows))
		return false;
	*d = (struct spool_delivery){
		.id = spool_stmt_int64(rows->st, 0),
		.event = spool_stmt_int64(rows->st, 1),
		.state = read_state(rows->st, 2),
		.due = spool_stmt_time(rows->st, 3),
		.attempts = spool_stmt_int(rows->st, 4),
		.last_at = spool_stmt_time(rows->st, 5),
		.ms = spool_stmt_count(rows->st, 6),
		.status = spool_stmt_int(rows->st, 7),
		.paused_until = spool_stmt_time(rows->st, 12),
	};
	if (!spool_rows_copy(rows->st, 8, to, 4, &rows->arena))
		rows->failed = !spool_db_fail(rows->db, SPOOL_ERROR_OTHER, "spool: memory is short");
	return !rows->failed;
}

/* No copy: there are at most 10 attempts of a delivery. */
struct spool_rows *spool_deliveries_attempts(struct spool_db *db, int64_t id)
{
	struct spool_rows *rows = spool_rows_begin(db, "SELECT at, ms, status, error, answer FROM attempt WHERE relay = ?1 ORDER BY id");

	if (rows)
		spool_stmt_bind_int(rows->st, 1, id);
	return rows;
}

bool spool_deliveries_next_attempt(struct spool_rows *rows, struct spool_delivery_attempt *a)
{
	if (!spool_rows_step(rows))
		return false;
	*a = (struct spool_delivery_attempt){
		.at = spool_stmt_time(rows->st, 0),
		.ms = spool_stmt_count(rows->st, 1),
		.status = spool_stmt_int(rows->st, 2),
		.error = spool_stmt_slice(rows->st, 3),
		.answer = spool_stmt_slice(rows->st, 4),
	};
	return true;
}

/* All counts have these columns: sink, count, state, age, since. */
bool spool_deliveries_next_count(struct spool_rows *rows, struct spool_delivery_count *c)
{
	if (!spool_rows_step(rows))
		return false;
	*c = (struct spool_delivery_count){
		.sink = spool_stmt_text(rows->st, 0),
		.n = spool_stmt_count(rows->st, 1),
		.state = read_state(rows->st, 2),
		.age = (int)spool_stmt_number(rows->st, 3, 0, SPOOL_AGES - 1),
		.since = spool_stmt_time(rows->st, 4),
	};
	return true;
}

/* An engine may have several rows for a sink and a state. */
#define ENDED "SELECT sink, CAST(sum(n) AS BIGINT), state, 0, 0 FROM ended GROUP BY sink, state HAVING sum(n) > 0"

struct spool_rows *spool_deliveries_counts(struct spool_db *db)
{
	return spool_rows_begin(db, "SELECT sink, count(*), 0 AS state, 0, 0 FROM relay WHERE state = 0 GROUP BY sink"
		" UNION ALL " ENDED " ORDER BY 1, 3");
}

struct spool_rows *spool_deliveries_ended(struct spool_db *db)
{
	return spool_rows_begin(db, ENDED " ORDER BY 1, 3");
}

struct spool_rows *spool_deliveries_sinks(struct spool_db *db)
{
	return spool_rows_begin(db, "WITH RECURSIVE s(sink) AS (SELECT min(sink) FROM relay INDEXED BY relay_due WHERE state = 0"
		" UNION ALL SELECT (SELECT min(sink) FROM relay INDEXED BY relay_due WHERE state = 0 AND sink > s.sink) FROM s WHERE s.sink IS NOT NULL)"
		" SELECT sink, 0, 0, 0, 0 FROM s WHERE sink IS NOT NULL");
}

bool spool_deliveries_pending(struct spool_db *db, const char *sink, int64_t most, struct spool_pending *p)
{
	struct spool_stmt *st;
	int64_t tried, first;
	bool ok = spool_stmt_prepare(db, "SELECT (SELECT count(*) FROM (SELECT 1 FROM relay INDEXED BY relay_due WHERE sink = ?1 AND state = 0 LIMIT ?2) AS counted),"
		" (SELECT min(since) FROM relay INDEXED BY relay_tried WHERE sink = ?1 AND state = 0 AND attempts > 0),"
		" (SELECT since FROM relay INDEXED BY relay_due WHERE sink = ?1 AND state = 0 ORDER BY due LIMIT 1)", &st);

	*p = (struct spool_pending){0};
	if (!ok)
		return false;
	spool_stmt_bind_text(st, 1, sink);
	spool_stmt_bind_int(st, 2, most);
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	p->n = spool_stmt_count(st, 0);
	tried = spool_stmt_time(st, 1);
	first = spool_stmt_time(st, 2);
	p->since = tried && tried < first ? tried : first;
	spool_stmt_free(st);
	return ok;
}

/* The same ages as in Postfix's qshape(1). */
const int spool_deliveries_bounds[SPOOL_AGES - 1] = {5, 10, 20, 40, 80, 160, 320, 640, 1280};

struct spool_rows *spool_deliveries_shape(struct spool_db *db, int64_t now)
{
	struct spool_rows *rows;
	char sql[1024];
	int at;

	at = snprintf(sql, sizeof sql, "SELECT sink, count(*), 0, CASE");
	for (int i = 0; i < SPOOL_AGES - 1; i++)
		at += snprintf(sql + at, sizeof sql - (size_t)at, " WHEN ?1 - since < %d * 60000 THEN %d", spool_deliveries_bounds[i], i);
	snprintf(sql + at, sizeof sql - (size_t)at, " ELSE %d END AS age, 0 FROM relay WHERE state = 0 GROUP BY sink, age ORDER BY sink, age",
		SPOOL_AGES - 1);
	rows = spool_rows_begin(db, sql);
	if (rows)
		spool_stmt_bind_int(rows->st, 1, now);
	return rows;
}

struct spool_rows *spool_deliveries_late(struct spool_db *db, int64_t before)
{
	struct spool_rows *rows = spool_rows_begin(db, "SELECT sink, count(*), 0, 0, min(due) FROM relay AS r WHERE state = 0 AND due < ?1"
		" AND coalesce((SELECT at FROM attempt ORDER BY id DESC LIMIT 1), 0) < ?1"
		" AND NOT EXISTS(SELECT 1 FROM relay AS o WHERE o.sink = r.sink AND " SPOOL_STMT_HASHED "o.conversation = " SPOOL_STMT_HASHED "r.conversation AND o.state = 0"
		" AND o.id < r.id) GROUP BY sink");

	if (rows)
		spool_stmt_bind_int(rows->st, 1, before);
	return rows;
}

struct spool_rows *spool_deliveries_ages(struct spool_db *db)
{
	return spool_rows_begin(db, "SELECT sink, count(*), 0, 0, min(since) FROM relay WHERE state = 0 GROUP BY sink");
}
