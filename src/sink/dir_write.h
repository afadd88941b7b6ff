/* SPDX-License-Identifier: ISC */
/*
 * The directory of a dir sink. A file is written to tmp/NAME, flushed, and renamed to NAME: a file that has its name is whole. The
 * directory is flushed once a batch. An event that is sent again replaces its own file.
 */
#ifndef DIR_WRITE_H
#define DIR_WRITE_H

#include "sink/dir.h"
#include "sink/disk.h"

enum { DIR_WRITE_MOST = 100 }; /* items of a batch; each has a descriptor */

struct dir_write {
	struct dir_options options;
	int fd, tmp; /* -1: not open */
};

/* Writes a batch, and sets the result of each item: each fails alone, but for the flush of the directory. */
void dir_write_items(struct dir_write *d, struct disk_item *items);

void dir_write_close(struct dir_write *d);

#endif
