/* SPDX-License-Identifier: ISC */
/* Helpers for statements of SQLite alone. */
#ifndef SPOOL_SQL_H
#define SPOOL_SQL_H

#include "core/buf.h"
#include "spool/sqlite/db.h"

/* Keeps SQLite's reason in the connection. Returns false. */
bool spool_sql_fail(struct spool_db *db);

/* Bind text, NULL where p == NULL, and a body, which is never NULL. Both are borrowed until the statement is reset. */
void spool_sql_bind_slice(sqlite3_stmt *st, int parameter, struct slice text);
void spool_sql_bind_body(sqlite3_stmt *st, int parameter, struct slice body);

#endif
