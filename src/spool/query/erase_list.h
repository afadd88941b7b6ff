/* SPDX-License-Identifier: ISC */
/* What an erasure has found: the sender's events and conversations, in memory. */
#ifndef SPOOL_ERASE_LIST_H
#define SPOOL_ERASE_LIST_H

#include "core/buf.h"
#include "spool/query/delete.h"

struct erase_conversation {
	size_t endpoint_n, n;
	bool stays;  /* it has an event of another sender */
	char text[]; /* the endpoint, then the conversation's id */
};

/* Empty when zero-initialised. */
struct erase_list {
	struct buf events; /* struct spool_doomed, by id */
	struct erase_conversation **conversations;
	size_t n_conversations;
};

/* Add one; events by ascending ids. False when memory is short. */
bool erase_list_event(struct erase_list *l, int64_t id, int64_t bytes);
bool erase_list_conversation(struct erase_list *l, struct slice endpoint, struct slice conversation);

/* Sorts the conversations, and drops doubles. To be called before they are looked for. */
void erase_list_sort(struct erase_list *l);

/* NULL: it is not in the list. */
struct erase_conversation *erase_list_find(const struct erase_list *l, struct slice endpoint, struct slice conversation);
bool erase_list_has(const struct erase_list *l, int64_t event);

struct slice erase_list_endpoint(const struct erase_conversation *c);
struct slice erase_list_id(const struct erase_conversation *c);

void erase_list_free(struct erase_list *l);

#endif
