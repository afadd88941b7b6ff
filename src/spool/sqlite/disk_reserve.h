/* SPDX-License-Identifier: ISC */
/* The reserve for a full disk: a file of a few MiB. purge and erase remove it, as they need room before they give any back. */
#ifndef SPOOL_DISK_RESERVE_H
#define SPOOL_DISK_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#define SPOOL_DISK_RESERVE "reserve" /* in the spool's directory */

enum {
	SPOOL_DISK_RESERVE_MOST = 8 << 20, /* more than the write-ahead log has, all of which a checkpoint may add to the database */
	SPOOL_DISK_RESERVE_LEAST = 256 << 10, /* enough to delete one event of usual size */
};

/*
 * Makes the file where it is missing. Its size is a third of the free room, within those bounds. A failure is no error: the spool works
 * without a reserve. The directory is not synced: after a power cut the file is made again.
 */
void spool_disk_reserve_make(int dir_fd);

/* Removes the file when less than SPOOL_DISK_RESERVE_MOST is free on the disk. True when so little is free, also without a file. */
bool spool_disk_reserve_release(int dir_fd);

/* True when there is room for the database file to grow to that size. */
bool spool_disk_reserve_fits(int dir_fd, int64_t size);

#endif
