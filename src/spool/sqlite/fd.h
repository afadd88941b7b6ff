/* SPDX-License-Identifier: ISC */
/* An SQLite database in a file that is open already: a backup, which another user may have opened. */
#ifndef SPOOL_FD_H
#define SPOOL_FD_H

#include <sqlite3.h>

/*
 * Opens the database in the file of that descriptor, without a journal: for a file that no other process uses. fd stays the
 * caller's, and outlives the connection. Returns SQLite's code; *sql is closed by the caller also after an error.
 */
int spool_fd_open(int fd, sqlite3 **sql);

#endif
