/* SPDX-License-Identifier: ISC */
/* The sinks that the relay pauses for: it writes them down, and the administrator ends a pause by taking it away. */
#include "spool/pause.h"

#include <string.h>

#include "spool/sqlite/sql.h"

bool spool_pause_list(struct spool_db *db, int64_t now, spool_pause_visit *visit, void *ctx)
{
	sqlite3_stmt *st;
	int rc;

	if (!spool_sql_prepare(db, "SELECT sink, until, failures FROM pause WHERE until > ?1 ORDER BY sink", &st))
		return false;
	sqlite3_bind_int64(st, 1, now);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		visit(ctx, spool_sql_text(st, 0), spool_sql_time(st, 1), spool_sql_int(st, 2));
	sqlite3_finalize(st);
	return rc == SQLITE_DONE || spool_sql_fail(db);
}

struct search {
	const char *sink;
	bool found;
};

static void on_pause(void *ctx, const char *sink, int64_t until, int failures)
{
	struct search *s = ctx;

	(void)until;
	(void)failures;
	s->found = s->found || strcmp(sink, s->sink) == 0;
}

static bool delete(struct spool_db *db, const char *sink)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "DELETE FROM pause WHERE sink = ?1", &st))
		return false;
	sqlite3_bind_text(st, 1, sink, -1, SQLITE_STATIC);
	ok = sqlite3_step(st) == SQLITE_DONE || spool_sql_fail(db);
	sqlite3_finalize(st);
	return ok;
}

static bool insert(struct spool_db *db, const char *sink, int64_t until, int failures)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "INSERT OR REPLACE INTO pause(sink, until, failures) VALUES(?1, ?2, ?3)", &st))
		return false;
	sqlite3_bind_text(st, 1, sink, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, until);
	sqlite3_bind_int(st, 3, failures);
	ok = sqlite3_step(st) == SQLITE_DONE || spool_sql_fail(db);
	sqlite3_finalize(st);
	return ok;
}

bool spool_pause_note(struct spool_db *db, const char *sink, int64_t until, int failures)
{
	bool ok;

	if (!spool_db_begin(db, true))
		return false;
	ok = insert(db, sink, until, failures) && spool_db_commit(db);
	spool_db_end(db);
	return ok;
}

bool spool_pause_end(struct spool_db *db, const char *sink, int64_t now, bool *ended)
{
	struct search search = {sink, false};
	bool ok;

	*ended = false;
	if (!spool_pause_list(db, now, on_pause, &search))
		return false;
	if (!search.found)
		return true;
	if (!spool_db_begin(db, true))
		return false;
	ok = delete(db, sink) && spool_db_commit(db);
	spool_db_end(db);
	*ended = ok;
	return ok;
}
