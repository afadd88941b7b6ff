/* SPDX-License-Identifier: ISC */
/* Reads rows of a statement. */
#include "spool/query/rows.h"

#include <stdlib.h>

#include "spool/stmt.h"

struct spool_rows *spool_rows_begin(struct spool_db *db, const char *sql)
{
	struct spool_rows *rows = calloc(1, sizeof *rows);

	if (!rows) {
		spool_db_fail(db, SPOOL_ERROR_OTHER, "spool: memory is short");
		return NULL;
	}
	rows->db = db;
	rows->failed = !spool_stmt_prepare(db, sql, &rows->st);
	return rows;
}

bool spool_rows_step(struct spool_rows *rows)
{
	enum spool_step rc;

	if (!rows || rows->failed)
		return false;
	rc = spool_stmt_step(rows->st);
	if (rc != SPOOL_ROW && rc != SPOOL_DONE)
		rows->failed = !spool_stmt_fail(rows->db);
	return rc == SPOOL_ROW;
}

bool spool_rows_copy(struct spool_stmt *st, int first, struct slice *const *to, int n, struct buf *arena)
{
	size_t sum = 1; /* an empty value must have an address too */

	for (int i = 0; i < n; i++)
		sum += spool_stmt_slice(st, first + i).n;
	arena->len = 0;
	if (!buf_reserve(arena, sum))
		return false;
	for (int i = 0; i < n; i++) {
		struct slice from = spool_stmt_slice(st, first + i);

		*to[i] = (struct slice){0};
		if (spool_stmt_is_null(st, first + i))
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
	spool_stmt_free(rows->st);
	if (rows->at_end)
		spool_stmt_exec(rows->db, rows->at_end);
	buf_free(&rows->arena);
	free(rows);
	return ok;
}
