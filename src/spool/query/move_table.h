/* SPDX-License-Identifier: ISC */
/* Copying rows of a table from one spool to another, whose engine may have other types. */
#ifndef SPOOL_MOVE_TABLE_H
#define SPOOL_MOVE_TABLE_H

#include "spool/stmt.h"

/* A table whose columns are alike in all engines. */
struct move_table {
	const char *name, *columns;
	const char *kinds; /* for each column: 'i' a number, 't' text, 'b' bytes, 'x' the column text of an event */
};

extern const struct move_table move_event_read; /* move_event as it is read: an engine may have bodies in files */
extern const struct move_table move_event, move_relay, move_attempt;
extern const struct move_table move_small[]; /* all others; the last has no name */

/* Prepares "SELECT columns FROM table" and then `where`. */
bool move_select(struct spool_db *db, const struct move_table *t, const char *where, struct spool_stmt **st);

/* Prepares an INSERT of a row of the table, with `more` at its end. */
bool move_insert(struct spool_db *db, const struct move_table *t, const char *more, struct spool_stmt **st);

/* Binds the columns of the row that st has, and runs the other statement. */
bool move_row(const struct move_table *t, struct spool_stmt *st, struct spool_stmt *insert);

/* Binds one column's value, of that kind, as a parameter. Borrowed until the row's end. */
void move_value(char kind, struct spool_stmt *st, int column, struct spool_stmt *to, int parameter);

/* Copies all rows that are not there. Inside the transaction of the caller. False with the reason in `to`. */
bool move_all(const struct move_table *t, struct spool_db *from, struct spool_db *to);

#endif
