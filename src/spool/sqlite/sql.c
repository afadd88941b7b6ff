/* SPDX-License-Identifier: ISC */
/* Helpers for statements of SQLite alone. */
#include "spool/sqlite/sql.h"

bool spool_sql_fail(struct spool_db *db)
{
	return spool_db_fail_code(db, sqlite3_errcode(db->sql), "spool: %s", sqlite3_errmsg(db->sql));
}

void spool_sql_bind_slice(sqlite3_stmt *st, int i, struct slice v)
{
	sqlite3_bind_text64(st, i, v.p, v.n, SQLITE_STATIC, SQLITE_UTF8);
}

void spool_sql_bind_body(sqlite3_stmt *st, int i, struct slice body)
{
	if (body.n)
		sqlite3_bind_blob64(st, i, body.p, body.n, SQLITE_STATIC);
	else
		sqlite3_bind_zeroblob(st, i, 0); /* not NULL */
}
