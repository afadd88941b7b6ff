/* SPDX-License-Identifier: ISC */
/* Corrects times that a wrong clock wrote, and replies that an earlier relay was sending when it ended. */
#include "spool/relaying.h"

#include "spool/query/ended.h"
#include "spool/stmt.h"

static bool any_after(struct spool_db *db, const char *sink, int64_t latest, bool *any)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_keep(db, "SELECT max(due) FROM relay WHERE sink = ?1 AND state = 0", &st))
		return false;
	spool_stmt_bind_text(st, 1, sink);
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	*any = ok && spool_stmt_int64(st, 0) > latest;
	spool_stmt_reset(st);
	return ok;
}

static bool write_due(struct spool_db *db, const char *sink, int64_t now, int64_t latest)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, "UPDATE relay SET due = ?2, since = CASE WHEN since > ?2 THEN ?2 ELSE since END WHERE sink = ?1 AND state = 0 AND due > ?3", &st))
		return false;
	spool_stmt_bind_text(st, 1, sink);
	spool_stmt_bind_int(st, 2, now);
	spool_stmt_bind_int(st, 3, latest);
	ok = spool_stmt_step(st) == SPOOL_DONE || spool_stmt_fail(db);
	spool_stmt_free(st);
	return ok;
}

bool spool_relay_unwait(struct spool_db *db, const char *sink, int64_t now, int64_t latest, int64_t *n)
{
	bool any, ok;

	*n = 0;
	if (!any_after(db, sink, latest, &any))
		return false;
	if (!any)
		return true;
	if (!spool_db_begin(db, false))
		return false;
	ok = write_due(db, sink, now, latest);
	if (ok)
		*n = spool_stmt_changes(db);
	ok = ok && spool_db_commit(db);
	spool_db_end(db);
	return ok;
}

bool spool_query_doubt(struct spool_db *db, int64_t *count)
{
	bool ok;

	if (!spool_ended_begin(db) || !spool_db_begin(db, true))
		return false;
	ok = spool_stmt_exec(db, "INSERT INTO attempt(relay, at, ms, status, error) SELECT id, sending, 0, 0,"
		" '" SPOOL_RELAY_ERROR_GONE "' FROM relay WHERE sending <> 0") &&
		(!db->counts_ended || spool_stmt_exec(db, "INSERT INTO ended(sink, state, n) SELECT sink, state, -count(*) FROM relay WHERE sending <> 0 AND state <> 0 GROUP BY sink, state"
		" UNION ALL SELECT sink, 2, count(*) FROM relay WHERE sending <> 0 GROUP BY sink ON CONFLICT(sink, state) DO UPDATE SET n = ended.n + excluded.n")) &&
		spool_stmt_exec(db, "UPDATE relay SET state = 2, due = sending, attempts = attempts + 1, sending = 0, was_state = 0 WHERE sending <> 0");
	ok = ok || spool_stmt_fail(db);
	*count = spool_stmt_changes(db);
	ok = ok && spool_db_commit(db);
	spool_db_end(db);
	return ok;
}

/* A minute of tolerance: an event is stored after it is received, and the relay reads its clock before the spool. */
#define AHEAD "state = 0 AND due > ?1 + 60000 AND (attempts = 0 OR ?2 > 0)"

static bool find_times(struct spool_db *db, int64_t now, int64_t back, int64_t *last_attempt, bool *wrong)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, "SELECT coalesce((SELECT at + ms FROM attempt ORDER BY id DESC LIMIT 1), 0),"
			" EXISTS(SELECT 1 FROM relay WHERE " AHEAD "), EXISTS(SELECT 1 FROM pause)", &st))
		return false;
	spool_stmt_bind_int(st, 1, now);
	spool_stmt_bind_int(st, 2, back);
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	*last_attempt = spool_stmt_int64(st, 0);
	*wrong = (int)spool_stmt_int64(st, 1) || (int)spool_stmt_int64(st, 2);
	spool_stmt_free(st);
	return ok;
}

static bool correct_due_times(struct spool_db *db, int64_t now, int64_t back, int64_t *changed)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, "UPDATE relay SET due = CASE WHEN attempts = 0 OR due - ?2 < ?1 THEN ?1 ELSE due - ?2 END,"
			" since = CASE WHEN since - ?2 < ?1 THEN since - ?2 ELSE ?1 END WHERE " AHEAD, &st))
		return false;
	spool_stmt_bind_int(st, 1, now);
	spool_stmt_bind_int(st, 2, back);
	ok = spool_stmt_step(st) == SPOOL_DONE;
	*changed = spool_stmt_changes(db);
	spool_stmt_free(st);
	return (ok && spool_stmt_exec(db, "DELETE FROM pause")) || spool_stmt_fail(db);
}

bool spool_relay_begin(struct spool_db *db, int64_t now, int64_t back, int64_t *last_attempt, int64_t *changed)
{
	bool ok, wrong;

	*changed = 0;
	if (!find_times(db, now, back, last_attempt, &wrong))
		return false;
	if (!wrong)
		return true;
	if (!spool_db_begin(db, true))
		return false;
	ok = correct_due_times(db, now, back, changed) && spool_db_commit(db);
	spool_db_end(db);
	return ok;
}
