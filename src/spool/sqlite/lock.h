/* SPDX-License-Identifier: ISC */
/* The lock between processes: flock(2) on the file "lock" in the spool's directory. */
#ifndef SPOOL_LOCK_H
#define SPOOL_LOCK_H

#include "spool/sqlite/db.h"

/* Opens the lock's file, and makes it where it is missing. Returns its descriptor, which the caller closes; -1 with errno set. */
int spool_lock_open(int dir_fd);

/*
 * Takes the lock, and reads the dirty flag (repair.c). Waits 8 s for events and commands (urgent): less where db->wait_until comes
 * earlier, but at least 1 s. Waits 1 s for housekeeping, and 1 s for anything after a wait of 8 s of this process timed out. False with
 * the reason in db: the lock is not held.
 */
bool spool_lock_take(struct spool_db *db, bool urgent);

/* Clears the dirty flag unless an fsync failed, and releases the lock. */
void spool_lock_release(struct spool_db *db);

#endif
