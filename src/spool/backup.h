/* SPDX-License-Identifier: ISC */
/* Backups of a spool: a consistent copy of a database in use. */
#ifndef SPOOL_BACKUP_H
#define SPOOL_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/db.h"

/*
 * Copies the database, as it is at one moment, to the empty file of that descriptor, and syncs it. Receiving goes on: the
 * write-ahead log grows by what is received. Without such a log the copy begins anew with each commit; after 30 s it holds
 * deliveries up until it is whole. progress: called with pages.
 */
bool spool_backup(struct spool_db *db, int fd, void (*progress)(uint64_t done, uint64_t total));

/*
 * Whether the file of that descriptor is a backup. spool_backup() marks its files with an application id, which no spool has:
 * fileformat2.html, section 1.3.
 */
bool spool_backup_is_one(int fd);

#endif
