/* SPDX-License-Identifier: ISC */
/* Backups of a spool: a consistent copy of a database in use, and what a copy needs before it is a spool again. */
#ifndef SPOOL_BACKUP_H
#define SPOOL_BACKUP_H

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

/* What becomes of a restored spool's pending deliveries: the sinks may have got them after the backup was made. */
enum spool_pending {
	SPOOL_PENDING_HOLD, /* dead letters: retry sends them */
	SPOOL_PENDING_SEND, /* they stay pending */
	SPOOL_PENDING_DROP, /* forgotten: replay sends their events */
};

struct spool_restored {
	int64_t events, pending, newest; /* newest: received_at of the newest event; 0: there is none */
	int64_t next_id;
};

/*
 * Reads all of the copy in the file of that descriptor, and marks it as without a write-ahead log. False, with the fault in why, when
 * it is damaged, or is no spool of this or an older version.
 */
bool spool_backup_check(int fd, char *why, size_t why_size);

/*
 * Makes the checked copy ready to be a spool: pending deliveries as told; and ids of new events go on 10 million further on, as
 * sinks may have seen the next ones already: they would take new events for those. False with the reason in why.
 */
bool spool_backup_prepare(int fd, enum spool_pending pending, int64_t now, struct spool_restored *r, char *why, size_t why_size);

#endif
