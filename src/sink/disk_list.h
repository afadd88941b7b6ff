/* SPDX-License-Identifier: ISC */
/* Lists of what a thread writes to a disk. */
#ifndef DISK_LIST_H
#define DISK_LIST_H

#include "sink/disk.h"

struct disk_list {
	struct disk_item *first, **last;
};

/* Makes it empty, whatever it was. */
void disk_list_empty(struct disk_list *l);

/* Adds an item behind the others. */
void disk_list_add(struct disk_list *l, struct disk_item *i);

/* Moves all of `from` behind those of `to`. */
void disk_list_move(struct disk_list *to, struct disk_list *from);

/* Moves the first ones: `most` items, and so many bytes, without the last item. */
void disk_list_take(struct disk_list *to, struct disk_list *from, size_t most, size_t bytes);

/* Takes those whose deadline has come. */
struct disk_item *disk_list_take_late(struct disk_list *l, int64_t now);

/* Those that are not reported and whose deadline has come, linked by next_late. They stay in their list. */
struct disk_item *disk_items_late(struct disk_item *i, int64_t now);

/* The first deadline of those that are not reported, and of `first`. */
int64_t disk_items_deadline(const struct disk_item *i, int64_t first);

/* Frees one, or all of a list. */
void disk_item_free(struct disk_item *i);
void disk_items_free(struct disk_item *i);

#endif
