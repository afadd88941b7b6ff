/* SPDX-License-Identifier: ISC */
/* Lists of what a thread writes to a disk, and the results of that. */
#include "sink/disk_list.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void disk_list_empty(struct disk_list *l)
{
	l->first = NULL;
	l->last = &l->first;
}

void disk_list_add(struct disk_list *l, struct disk_item *i)
{
	*l->last = i;
	l->last = &i->next;
	i->next = NULL;
}

void disk_list_move(struct disk_list *to, struct disk_list *from)
{
	if (!from->first)
		return;
	*to->last = from->first;
	to->last = from->last;
	disk_list_empty(from);
}

void disk_list_take(struct disk_list *to, struct disk_list *from, size_t most, size_t bytes)
{
	struct disk_item *i;
	size_t n = 0, sum = 0;

	while ((i = from->first) && n < most && sum < bytes) {
		from->first = i->next;
		n++;
		sum += i->data.len;
		disk_list_add(to, i);
	}
	if (!i)
		disk_list_empty(from);
}

struct disk_item *disk_list_take_late(struct disk_list *l, int64_t now)
{
	struct disk_list left, late;

	disk_list_empty(&left);
	disk_list_empty(&late);
	for (struct disk_item *i = l->first, *next; i; i = next) {
		next = i->next;
		disk_list_add(i->deadline > now ? &left : &late, i);
	}
	disk_list_empty(l);
	disk_list_move(l, &left);
	return late.first;
}

struct disk_item *disk_items_late(struct disk_item *i, int64_t now)
{
	struct disk_item *late = NULL, **last = &late;

	for (; i; i = i->next) {
		if (!i->message || i->deadline > now)
			continue;
		i->next_late = NULL;
		*last = i;
		last = &i->next_late;
	}
	return late;
}

int64_t disk_items_deadline(const struct disk_item *i, int64_t first)
{
	for (; i; i = i->next)
		if (i->message && i->deadline < first)
			first = i->deadline;
	return first;
}

void disk_item_free(struct disk_item *i)
{
	buf_free(&i->data);
	free(i);
}

void disk_items_free(struct disk_item *i)
{
	struct disk_item *next;

	for (; i; i = next) {
		next = i->next;
		disk_item_free(i);
	}
}

/* ---- for the thread's work */

void disk_deliver(struct disk_item *i, const char *place, ...)
{
	va_list ap;

	va_start(ap, place);
	vsnprintf(i->place, sizeof i->place, place, ap);
	va_end(ap);
	i->result = (struct sink_result){.verdict = SINK_DELIVERED, .place = i->place};
}

void disk_retry(struct disk_item *i, bool in_doubt, bool target_failed, const char *error)
{
	snprintf(i->error, sizeof i->error, "%s", error);
	i->result = (struct sink_result){.verdict = SINK_RETRY, .in_doubt = in_doubt, .target_failed = target_failed, .error = i->error};
}
