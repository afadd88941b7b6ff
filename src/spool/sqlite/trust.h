/* SPDX-License-Identifier: ISC */
/* What a spool may hold: its files are plain files, and its schema is the one that this program makes. */
#ifndef SPOOL_TRUST_H
#define SPOOL_TRUST_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Looks at the files of a spool before one of them is opened. A link, a directory or a device in their place is refused. Root,
 * in a directory of root's, refuses the files of other users too. False with the reason in why.
 */
bool spool_trust_files(int dir_fd, char *why, size_t why_size);

/* Before the first statement: what the file's schema says may call no function that has effects, and views aren't used. */
bool spool_trust_nothing(sqlite3 *sql);

/*
 * Compares the schema with that of model, a database that this program has made. Each table, index and trigger must be there
 * with the same text, and the file must have no other. False with the reason in why.
 */
bool spool_trust_schema(sqlite3 *sql, sqlite3 *model, char *why, size_t why_size);

#endif
