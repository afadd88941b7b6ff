/* SPDX-License-Identifier: ISC */
/* Counts what the spool has. */
#include "spool/totals.h"

#include "spool/query/rows.h"
#include "spool/stmt.h"

int64_t spool_totals_bytes(struct spool_db *db)
{
	int64_t bytes, free_bytes;

	db->engine->disk(db, &bytes, &free_bytes);
	return bytes;
}

bool spool_totals_read(struct spool_db *db, struct spool_totals *t)
{
	struct spool_stmt *st;
	int64_t ids;
	bool ok;

	if (!spool_stmt_prepare(db, "SELECT (SELECT count(*) FROM (SELECT 1 FROM event LIMIT ?1) AS counted),"
			" (SELECT received_at FROM event ORDER BY id LIMIT 1), (SELECT received_at FROM event ORDER BY id DESC LIMIT 1),"
			" (SELECT max(id) FROM event) - (SELECT min(id) FROM event) + 1", &st))
		return false;
	spool_stmt_bind_int(st, 1, SPOOL_TOTALS_COUNTED + 1);
	ok = spool_stmt_step(st) == SPOOL_ROW;
	*t = (struct spool_totals){.events = spool_stmt_count(st, 0), .oldest = spool_stmt_time(st, 1), .newest = spool_stmt_time(st, 2),
		.bytes = spool_totals_bytes(db)};
	ids = spool_stmt_count(st, 3);
	t->at_most = t->events > SPOOL_TOTALS_COUNTED;
	if (t->at_most && ids > t->events)
		t->events = ids;
	spool_stmt_free(st);
	return ok || spool_stmt_fail(db);
}

bool spool_totals_ahead(struct spool_db *db, int64_t now, int64_t *events, int64_t *latest)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, "SELECT count(*), coalesce(max(received_at), 0) FROM"
			" (SELECT received_at FROM event ORDER BY id DESC LIMIT 1000) AS newest WHERE received_at > ?1", &st))
		return false;
	spool_stmt_bind_int(st, 1, now);
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	*events = spool_stmt_int64(st, 0);
	*latest = spool_stmt_int64(st, 1);
	spool_stmt_free(st);
	return ok;
}

bool spool_totals_last(struct spool_db *db, const char *endpoint, int64_t *at)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, "SELECT max(last_at) FROM counter WHERE endpoint = ?1 AND code IN ('stored', 'duplicate', 'altered', 'ignored')", &st))
		return false;
	spool_stmt_bind_text(st, 1, endpoint);
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	*at = spool_stmt_time(st, 0);
	spool_stmt_free(st);
	return ok;
}

struct spool_rows *spool_totals_counters(struct spool_db *db)
{
	return spool_rows_begin(db, "SELECT endpoint, code, secret, n, last_at, bytes FROM counter ORDER BY endpoint, code, secret");
}

bool spool_totals_next(struct spool_rows *rows, struct spool_counter *c)
{
	if (!spool_rows_step(rows))
		return false;
	*c = (struct spool_counter){
		.endpoint = spool_stmt_text(rows->st, 0),
		.code = spool_stmt_text(rows->st, 1),
		.secret = spool_stmt_int64(rows->st, 2),
		.n = spool_stmt_count(rows->st, 3),
		.last_at = spool_stmt_time(rows->st, 4),
		.bytes = spool_stmt_count(rows->st, 5),
	};
	return true;
}
