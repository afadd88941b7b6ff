/* SPDX-License-Identifier: ISC */
/* Reads rows of a statement. */
#include "spool/sqlite/rows.h"

#include <stdlib.h>

#include "spool/sqlite/sql.h"

struct spool_rows *spool_rows_begin(struct spool_db *db, const char *sql)
{
	struct spool_rows *rows = calloc(1, sizeof *rows);

	if (!rows) {
		spool_db_fail(db, SQLITE_NOMEM, "spool: memory is short");
		return NULL;
	}
	rows->db = db;
	rows->failed = !spool_sql_prepare(db, sql, &rows->st);
	return rows;
}

bool spool_rows_step(struct spool_rows *rows)
{
	int rc;

	if (!rows || rows->failed)
		return false;
	rc = sqlite3_step(rows->st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		rows->failed = !spool_sql_fail(rows->db);
	return rc == SQLITE_ROW;
}

bool spool_rows_copy(sqlite3_stmt *st, int first, struct slice *const *to, int n, struct buf *arena)
{
	size_t sum = 1; /* an empty value must have an address too */

	for (int i = 0; i < n; i++)
		sum += (size_t)sqlite3_column_bytes(st, first + i);
	arena->len = 0;
	if (!buf_reserve(arena, sum))
		return false;
	for (int i = 0; i < n; i++) {
		struct slice from = spool_sql_slice(st, first + i);

		*to[i] = (struct slice){0};
		if (sqlite3_column_type(st, first + i) == SQLITE_NULL)
			continue;
		*to[i] = (struct slice){arena->data + arena->len, from.n};
		if (from.n)
			buf_add(arena, from.p, from.n);
	}
	return true;
}

bool spool_rows_end(struct spool_rows *rows)
{
	bool ok = rows && !rows->failed;

	if (!rows)
		return false;
	sqlite3_finalize(rows->st);
	if (rows->at_end)
		sqlite3_exec(rows->db->sql, rows->at_end, NULL, NULL, NULL);
	buf_free(&rows->arena);
	free(rows);
	return ok;
}
