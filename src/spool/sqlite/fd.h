/* SPDX-License-Identifier: ISC */
/* Opens an SQLite database by a file descriptor: a backup, whose file another user may have opened. */
#ifndef SPOOL_FD_H
#define SPOOL_FD_H

#include <sqlite3.h>

/*
 * Opens the database without a journal: no other process may use the file. The caller keeps fd open until the connection is closed.
 * Returns SQLite's code. The caller closes *sql, also after an error.
 */
int spool_fd_open(int fd, sqlite3 **sql);

#endif
