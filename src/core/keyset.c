/* SPDX-License-Identifier: ISC */
/* The keys of one JSON object; a duplicate is an error. */
#include "core/keyset.h"

#include <stdlib.h>
#include <string.h>

bool keyset_add(struct keyset *k, struct buf *arena, const void *key, size_t n)
{
	struct keyset_span span = {arena->len, n};

	if (!buf_add(arena, key, n))
		return false;
	if (k->n < KEYSET_FEW)
		k->few[k->n] = span;
	else if (!buf_add(&k->more, &span, sizeof span))
		return false;
	k->n++;
	return true;
}

static int compare_keys(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

	return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* Many keys are sorted: to compare each with each would take quadratic time, which a stranger could use. */
static enum keyset_result check_many(const struct keyset *k, const char *arena)
{
	struct slice *sorted = calloc(k->n, sizeof *sorted);
	const struct keyset_span *more = (const void *)k->more.data, *span;
	enum keyset_result result = KEYSET_DIFFERENT;

	if (!sorted)
		return KEYSET_NO_MEMORY;
	for (size_t i = 0; i < k->n; i++) {
		span = i < KEYSET_FEW ? &k->few[i] : &more[i - KEYSET_FEW];
		sorted[i] = (struct slice){arena + span->at, span->n};
	}
	qsort(sorted, k->n, sizeof *sorted, compare_keys);
	for (size_t i = 1; i < k->n && result == KEYSET_DIFFERENT; i++)
		if (compare_keys(&sorted[i - 1], &sorted[i]) == 0)
			result = KEYSET_TWICE;
	free(sorted);
	return result;
}

enum keyset_result keyset_check(const struct keyset *k, const char *arena)
{
	const struct keyset_span *few = k->few;

	if (k->n > KEYSET_FEW)
		return check_many(k, arena);
	for (size_t i = 1; i < k->n; i++)
		for (size_t j = 0; j < i; j++)
			if (few[i].n == few[j].n && memcmp(arena + few[i].at, arena + few[j].at, few[i].n) == 0)
				return KEYSET_TWICE;
	return KEYSET_DIFFERENT;
}

void keyset_free(struct keyset *k)
{
	buf_free(&k->more);
	k->n = 0;
}
