/* SPDX-License-Identifier: ISC */
/* The table program, inside a transaction of the receiver's. */
#ifndef SPOOL_SQLITE_PROGRAM_H
#define SPOOL_SQLITE_PROGRAM_H

#include <sqlite3.h>
#include <stdbool.h>

#include "spool/program.h"

/* Writes the row in the caller's transaction, and removes those it replaces. False: the transaction must be rolled back. */
bool spool_program_write(sqlite3 *sql, const struct spool_program *p);

/*
 * Writes some pages inside the caller's transaction, lets the disk have them, and takes them back. Returns SQLITE_OK, or SQLite's
 * code where the database can't be written; spool_db_end() must follow then without a commit.
 */
int spool_program_try(sqlite3 *sql);

#endif
