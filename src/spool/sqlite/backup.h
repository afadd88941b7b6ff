/* SPDX-License-Identifier: ISC */
/* The file of a backup, as restore needs it. */
#ifndef SPOOL_SQLITE_BACKUP_H
#define SPOOL_SQLITE_BACKUP_H

#include "spool/backup.h"

/* True when the file is an SQLite database. */
bool spool_backup_is_database(int fd);

/* Marks the file as one without a write-ahead log. False with errno set. */
bool spool_backup_unlog(int fd);

/* Takes the mark of a backup off the file, and syncs it. False with errno set. */
bool spool_backup_unmark(int fd);

#endif
