/* SPDX-License-Identifier: ISC */
/*
 * Rows that are being read from the spool. One function of a header begins a reading, another takes the next row until it returns
 * false. spool_rows_end() tells whether an error was the reason:
 *
 *	rows = spool_pause_list(db, now);
 *	while (spool_pause_next(rows, &pause))
 *		...
 *	ok = spool_rows_end(rows);
 *
 * What a row borrows lives until the next one, or the end. Between two rows the connection may read something else.
 */
#ifndef SPOOL_ROWS_H
#define SPOOL_ROWS_H

#include <stdbool.h>

struct spool_rows;

/* Ends a reading, and frees it. False when an error ended it: spool_db_error() tells which. NULL, of one that could not begin, is false. */
bool spool_rows_end(struct spool_rows *rows);

#endif
