/* SPDX-License-Identifier: ISC */
/*
 * Statements of SQL that every engine understands. Included by src/spool/ alone.
 *
 * Parameters are ?1, ?2 and so on; each is bound before the first step. A text is compared by its bytes. What one engine says in other
 * words is written so that all understand it: CASE and not iif(), coalesce() and not ifnull(), ON CONFLICT(columns) and not INSERT OR,
 * a condition and not a number, BIGINT in a CAST, and (column = ?1 OR ?1 IS NULL) in that order. INDEXED BY is for SQLite alone; other
 * engines leave it out. An event's body is event_body(body, segment, id) and its length event_size(body, segment): SQLite may have it in
 * a file. Other engines read the column.
 */
#ifndef SPOOL_STMT_H
#define SPOOL_STMT_H

#include "core/buf.h"
#include "spool/engine.h"
#include "spool/events.h"

/*
 * Stands before a column or parameter that may be too long for an index of another engine, which then compares hashes. SQLite, whose
 * indexes have no bound, sees a comment.
 */
#define SPOOL_STMT_HASHED "/*hashed*/"

/* Keeps the engine's reason in the connection. Returns false. */
bool spool_stmt_fail(struct spool_db *db);

/* Prepares a statement, which the caller frees. *st becomes NULL on a failure; all functions take that, and do nothing. */
bool spool_stmt_prepare(struct spool_db *db, const char *sql, struct spool_stmt **st);

/*
 * A statement that the connection keeps until it is closed: it is prepared once. The address of sql, a literal, is its name. The caller
 * binds all parameters, and resets it after use. One use at a time.
 */
bool spool_stmt_keep(struct spool_db *db, const char *sql, struct spool_stmt **st);

/* Runs a statement with one or two numbers. */
bool spool_stmt_run(struct spool_db *db, const char *sql, int64_t one, int64_t two);

/* Runs statements without parameters and results. No reason is kept: spool_stmt_fail() does that. */
bool spool_stmt_exec(struct spool_db *db, const char *sql);

/* Bind a value, NULL where it is missing (NULL, or p == NULL). Borrowed until the statement is reset, as a body, which is never NULL. */
void spool_stmt_bind_int(struct spool_stmt *st, int parameter, int64_t value);
void spool_stmt_bind_text(struct spool_stmt *st, int parameter, const char *text);
void spool_stmt_bind_slice(struct spool_stmt *st, int parameter, struct slice text);
void spool_stmt_bind_blob(struct spool_stmt *st, int parameter, struct slice bytes);

/* Takes the next row. SPOOL_DONE: there is none, and the statement ran. Without a row, columns have no value. */
enum spool_step spool_stmt_step(struct spool_stmt *st);

/* Makes the statement ready to be run again; what it borrows and lends ends. */
void spool_stmt_reset(struct spool_stmt *st);
void spool_stmt_free(struct spool_stmt *st);

/* The rows that the last INSERT, UPDATE or DELETE of the connection changed. */
int64_t spool_stmt_changes(struct spool_db *db);

/* A column of the row, borrowed until the next step; p == NULL: it has no value. */
struct slice spool_stmt_slice(struct spool_stmt *st, int column);
int64_t spool_stmt_int64(struct spool_stmt *st, int column); /* no value: 0 */
bool spool_stmt_is_null(struct spool_stmt *st, int column);

/* The column text of an event: a value that is no text tells that the event has none. */
struct slice spool_stmt_stored_text(struct spool_stmt *st, int column);

/*
 * Columns that must have a value of that kind. A spool may be damaged, or forged by another user, and the schema does not bind a
 * forger. A value that is missing or out of range becomes the nearest valid one.
 */
const char *spool_stmt_text(struct spool_stmt *st, int column); /* NULL: "" */
struct slice spool_stmt_present(struct spool_stmt *st, int column); /* a slice whose p isn't NULL */
int64_t spool_stmt_number(struct spool_stmt *st, int column, int64_t min, int64_t max);
int64_t spool_stmt_time(struct spool_stmt *st, int column); /* ms; the years 1 to 9999, so that differences fit */
int64_t spool_stmt_count(struct spool_stmt *st, int column); /* of things, bytes or ms: sums of many fit */
int spool_stmt_int(struct spool_stmt *st, int column); /* 0 to a million */
enum spool_source spool_stmt_source(struct spool_stmt *st, int column);

#endif
