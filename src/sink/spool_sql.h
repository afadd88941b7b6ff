/* What every reader and writer of the spool's tables does with SQLite. */
#ifndef SPOOL_SQL_H
#define SPOOL_SQL_H

#include "core/buf.h"
#include "sink/spool_db.h"

/* Writes SQLite's reason to why. Returns false. */
bool spool_sql_fail(struct spool_db *db, char *why, size_t why_size);

/* False with the reason in why; a statement is finalised by the caller. */
bool spool_sql_prepare(struct spool_db *db, const char *sql, sqlite3_stmt **st, char *why, size_t why_size);

/* Runs a statement with one or two numbers. False with the reason in why. */
bool spool_sql_run(struct spool_db *db, const char *sql, int64_t one, int64_t two, char *why, size_t why_size);

/* A column of the row, borrowed until the next step; p == NULL: it has no value. */
struct slice spool_sql_slice(sqlite3_stmt *st, int column);

#endif
