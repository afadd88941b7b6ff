/* SPDX-License-Identifier: ISC */
/* Checks before a spool is trusted: its files are plain files, and its schema is the one that this program makes. */
#ifndef SPOOL_TRUST_H
#define SPOOL_TRUST_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Checks the files of a spool before one of them is opened: each must be a plain file. Where root runs in a directory of root's, each
 * must be root's too. False with the reason in why.
 */
bool spool_trust_files(int dir_fd, char *why, size_t why_size);

/* Forbids the file's schema to call functions with side effects, and views. Call it before the first statement. False: SQLite's reason. */
bool spool_trust_nothing(sqlite3 *sql);

/*
 * Compares the schema with that of model, a database that this program has made. Each table, index and trigger must exist with the
 * same text, and there must be no others. False with the reason in why.
 */
bool spool_trust_schema(sqlite3 *sql, sqlite3 *model, char *why, size_t why_size);

#endif
