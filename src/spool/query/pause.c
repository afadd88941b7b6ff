/* SPDX-License-Identifier: ISC */
/* Pauses of sinks: table pause. */
#include "spool/query/pause.h"

#include <string.h>

#include "spool/query/rows.h"
#include "spool/stmt.h"

struct spool_rows *spool_pause_list(struct spool_db *db, int64_t now)
{
	struct spool_rows *rows = spool_rows_begin(db, "SELECT sink, until, failures FROM pause WHERE until > ?1 ORDER BY sink");

	if (rows)
		spool_stmt_bind_int(rows->st, 1, now);
	return rows;
}

bool spool_pause_next(struct spool_rows *rows, struct spool_pause *pause)
{
	if (!spool_rows_step(rows))
		return false;
	*pause = (struct spool_pause){spool_stmt_text(rows->st, 0), spool_stmt_time(rows->st, 1), spool_stmt_int(rows->st, 2)};
	return true;
}

static bool find_pause(struct spool_db *db, const char *sink, int64_t now, bool *found)
{
	struct spool_rows *rows = spool_pause_list(db, now);
	struct spool_pause pause;

	*found = false;
	while (spool_pause_next(rows, &pause))
		*found = *found || strcmp(pause.sink, sink) == 0;
	return spool_rows_end(rows);
}

bool spool_pause_write(struct spool_db *db, const char *sink, int64_t until, int failures)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, until ? "INSERT INTO pause(sink, until, failures) VALUES(?1, ?2, ?3)"
			" ON CONFLICT(sink) DO UPDATE SET until = excluded.until, failures = excluded.failures"
			: "DELETE FROM pause WHERE sink = ?1", &st))
		return false;
	spool_stmt_bind_text(st, 1, sink);
	if (until) {
		spool_stmt_bind_int(st, 2, until);
		spool_stmt_bind_int(st, 3, failures);
	}
	ok = spool_stmt_step(st) == SPOOL_DONE || spool_stmt_fail(db);
	spool_stmt_free(st);
	return ok;
}

bool spool_pause_note(struct spool_db *db, const char *sink, int64_t until, int failures)
{
	bool ok;

	if (!spool_db_begin(db, true))
		return false;
	ok = spool_pause_write(db, sink, until, failures) && spool_db_commit(db);
	spool_db_end(db);
	return ok;
}

bool spool_pause_end(struct spool_db *db, const char *sink, int64_t now, bool *ended)
{
	bool ok, found;

	*ended = false;
	if (!find_pause(db, sink, now, &found))
		return false;
	if (!found)
		return true;
	if (!spool_db_begin(db, true))
		return false;
	ok = spool_pause_write(db, sink, 0, 0) && spool_db_commit(db);
	spool_db_end(db);
	*ended = ok;
	return ok;
}
