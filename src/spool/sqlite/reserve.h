/* SPDX-License-Identifier: ISC */
/* The reserve: a file that keeps a few MiB of the disk for purge, which needs room before it gives any back. */
#ifndef SPOOL_RESERVE_H
#define SPOOL_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#define SPOOL_RESERVE "reserve" /* in the spool's directory */

enum {
	SPOOL_RESERVE_MOST = 8 << 20, /* more than the write-ahead log has, all of which a checkpoint may add to the database */
	SPOOL_RESERVE_LEAST = 256 << 10, /* enough to delete one event of usual size */
};

/*
 * Makes the file where it is missing, of a third of the room that the disk has, between those bounds. A failure is no error: the
 * spool works without. The directory is not synced, as a reserve that a power cut takes back is made again.
 */
void spool_reserve_make(int dir_fd);

/* Removes the file where less than SPOOL_RESERVE_MOST is free on the disk. True when the disk is that full, with or without a file. */
bool spool_reserve_release(int dir_fd);

/* True when the spool's database file may grow to that size with the room that is free. */
bool spool_reserve_fits(int dir_fd, int64_t size);

#endif
