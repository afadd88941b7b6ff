/* SPDX-License-Identifier: ISC */
/* What an erasure has found: the sender's events and conversations, in memory. */
#include "spool/query/erase_list.h"

#include <stdlib.h>
#include <string.h>

bool erase_list_event(struct erase_list *l, int64_t id, int64_t bytes)
{
	const struct spool_doomed event = {id, bytes};

	return buf_add(&l->events, &event, sizeof event);
}

bool erase_list_conversation(struct erase_list *l, struct slice endpoint, struct slice conversation)
{
	struct erase_conversation **more, *c = malloc(sizeof *c + endpoint.n + conversation.n);

	if (!c)
		return false;
	if ((l->n_conversations & (l->n_conversations - 1)) == 0) { /* each time the number is a power of two, or 0 */
		more = realloc(l->conversations, (l->n_conversations ? 2 * l->n_conversations : 1) * sizeof *more);
		if (!more) {
			free(c);
			return false;
		}
		l->conversations = more;
	}
	*c = (struct erase_conversation){.endpoint_n = endpoint.n, .n = conversation.n};
	if (endpoint.n)
		memcpy(c->text, endpoint.p, endpoint.n);
	if (conversation.n)
		memcpy(c->text + endpoint.n, conversation.p, conversation.n);
	l->conversations[l->n_conversations++] = c;
	return true;
}

struct slice erase_list_endpoint(const struct erase_conversation *c)
{
	return (struct slice){c->text, c->endpoint_n};
}

struct slice erase_list_id(const struct erase_conversation *c)
{
	return (struct slice){c->text + c->endpoint_n, c->n};
}

static int compare_parts(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int d = n ? memcmp(a.p, b.p, n) : 0;

	return d ? d : (a.n > b.n) - (a.n < b.n);
}

static int compare_conversations(const void *left, const void *right)
{
	const struct erase_conversation *a = *(const struct erase_conversation *const *)left, *b = *(const struct erase_conversation *const *)right;
	int d = compare_parts(erase_list_endpoint(a), erase_list_endpoint(b));

	return d ? d : compare_parts(erase_list_id(a), erase_list_id(b));
}

void erase_list_sort(struct erase_list *l)
{
	size_t kept = 0;

	if (l->n_conversations)
		qsort(l->conversations, l->n_conversations, sizeof *l->conversations, compare_conversations);
	for (size_t i = 0; i < l->n_conversations; i++) {
		if (kept && compare_conversations(&l->conversations[kept - 1], &l->conversations[i]) == 0)
			free(l->conversations[i]);
		else
			l->conversations[kept++] = l->conversations[i];
	}
	l->n_conversations = kept;
}

struct erase_conversation *erase_list_find(const struct erase_list *l, struct slice endpoint, struct slice conversation)
{
	size_t low = 0, high = l->n_conversations, middle;
	int d;

	while (low < high) {
		middle = low + (high - low) / 2;
		d = compare_parts(endpoint, erase_list_endpoint(l->conversations[middle]));
		d = d ? d : compare_parts(conversation, erase_list_id(l->conversations[middle]));
		if (d == 0)
			return l->conversations[middle];
		if (d < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static int compare_events(const void *left, const void *right)
{
	int64_t a = ((const struct spool_doomed *)left)->id, b = ((const struct spool_doomed *)right)->id;

	return (a > b) - (a < b);
}

bool erase_list_has(const struct erase_list *l, int64_t event)
{
	const struct spool_doomed key = {.id = event};

	return l->events.len && bsearch(&key, l->events.data, l->events.len / sizeof key, sizeof key, compare_events);
}

void erase_list_free(struct erase_list *l)
{
	for (size_t i = 0; i < l->n_conversations; i++)
		free(l->conversations[i]);
	free(l->conversations);
	buf_free(&l->events);
	*l = (struct erase_list){0};
}
