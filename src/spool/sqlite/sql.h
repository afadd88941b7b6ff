/* SPDX-License-Identifier: ISC */
/* Helpers for all that reads and writes the spool's tables. */
#ifndef SPOOL_SQL_H
#define SPOOL_SQL_H

#include "core/buf.h"
#include "spool/events.h"
#include "spool/sqlite/db.h"

/* Keeps SQLite's reason in the connection. Returns false. */
bool spool_sql_fail(struct spool_db *db);

/* A statement is finalised by the caller. */
bool spool_sql_prepare(struct spool_db *db, const char *sql, sqlite3_stmt **st);

/*
 * A statement that the connection keeps until it is closed: it is prepared once. The address of sql, a literal, is its name. The caller
 * binds all parameters, and resets it after use. One use at a time.
 */
bool spool_sql_keep(struct spool_db *db, const char *sql, sqlite3_stmt **st);

/* Runs a statement with one or two numbers. */
bool spool_sql_run(struct spool_db *db, const char *sql, int64_t one, int64_t two);

/* Bind text, NULL where p == NULL, and a body, which is never NULL. Both are borrowed until the statement is reset. */
void spool_sql_bind_slice(sqlite3_stmt *st, int parameter, struct slice text);
void spool_sql_bind_body(sqlite3_stmt *st, int parameter, struct slice body);

/* A column of the row, borrowed until the next step; p == NULL: it has no value. */
struct slice spool_sql_slice(sqlite3_stmt *st, int column);

/* The column text of an event: an empty BLOB tells that the event has no text. */
struct slice spool_sql_stored_text(sqlite3_stmt *st, int column);

/*
 * Columns that must have a value of that kind. A spool may be damaged, or forged by another user, and the schema does not bind a
 * forger. A value that is missing or out of range becomes the nearest valid one.
 */
const char *spool_sql_text(sqlite3_stmt *st, int column); /* NULL: "" */
struct slice spool_sql_present(sqlite3_stmt *st, int column); /* a slice whose p isn't NULL */
int64_t spool_sql_number(sqlite3_stmt *st, int column, int64_t min, int64_t max);
int64_t spool_sql_time(sqlite3_stmt *st, int column); /* ms; the years 1 to 9999, so that differences fit */
int64_t spool_sql_count(sqlite3_stmt *st, int column); /* of things, bytes or ms: sums of many fit */
int spool_sql_int(sqlite3_stmt *st, int column); /* 0 to a million */
enum spool_source spool_sql_source(sqlite3_stmt *st, int column);

#endif
