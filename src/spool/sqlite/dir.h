/* SPDX-License-Identifier: ISC */
/* The spool's directory: made durably, closed to other users, its files looked at before one of them is opened. */
#ifndef SPOOL_DIR_H
#define SPOOL_DIR_H

#include "spool/sqlite/db.h"

/*
 * Opens the directory. The receiver makes it where it is missing, and closes it to other users. Returns a descriptor, which the
 * caller closes; -1 with the reason in db.
 */
int spool_dir_open(struct spool_db *db, const char *dir, enum spool_access access);

/*
 * Makes an empty file with the mode and owner that the directory asks for, before SQLite makes it with others. *made becomes true
 * where there was none, else it stays. False with errno set.
 */
bool spool_dir_make_file(int dir_fd, const char *name, bool *made);

#endif
