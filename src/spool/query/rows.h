/* SPDX-License-Identifier: ISC */
/* Reads rows of a statement. */
#ifndef SPOOL_QUERY_ROWS_H
#define SPOOL_QUERY_ROWS_H

#include "core/buf.h"
#include "spool/rows.h"
#include "spool/engine.h"

struct spool_rows {
	struct spool_db *db;
	struct spool_stmt *st;
	struct buf arena;    /* copies of what a row has */
	int64_t first, last; /* ids that are still to be read, where each row is a statement of its own */
	const char *at_end;  /* statements; NULL: none */
	bool failed;
};

/* Begins to read what the statement gives; its parameters are still to be bound. NULL when memory is short, which the connection has then. */
struct spool_rows *spool_rows_begin(struct spool_db *db, const char *sql);

/* Makes the statement's next row the current one. False when there is none, and on an error; NULL is allowed. */
bool spool_rows_step(struct spool_rows *rows);

/*
 * Copies columns of the statement's current row, from the number `first` on, into slices that the arena holds. A column without a
 * value becomes a slice whose p is NULL. False when memory is short.
 */
bool spool_rows_copy(struct spool_stmt *st, int first, struct slice *const *to, int n, struct buf *arena);

#endif
