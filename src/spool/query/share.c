/* SPDX-License-Identifier: ISC */
/* Equal shares of a bounded room for nested classes: what a class does not use is shared by the others. */
#include "spool/query/share.h"

#include <stdlib.h>
#include <string.h>

enum { UNSIGNED_COST = 7 }; /* an unsigned delivery, but for the first one, counts as so many signed ones */

enum level { LEVEL_ALL, LEVEL_SIGNED, LEVEL_ENDPOINT, LEVEL_CODE, LEVEL_NET };

static int compare_level(const struct share_class *a, const struct share_class *b, enum level level)
{
	switch (level) {
	case LEVEL_SIGNED:
		return a->is_signed - b->is_signed;
	case LEVEL_ENDPOINT:
		return strcmp(a->endpoint, b->endpoint);
	case LEVEL_CODE:
		return strcmp(a->code, b->code);
	case LEVEL_NET:
		return strcmp(a->net, b->net);
	default:
		return 0;
	}
}

int spool_share_compare(const struct share_class *a, const struct share_class *b)
{
	int d = 0;

	for (int level = LEVEL_ALL; d == 0 && level < SHARE_LEVELS; level++)
		d = compare_level(a, b, (enum level)level);
	return d;
}

void spool_share_number(struct share *s, const struct share_class *class, const struct share *before,
	const struct share_class *before_class)
{
	bool other = false;

	for (int level = LEVEL_ALL; level < SHARE_LEVELS; level++) {
		other = other || (before && compare_level(class, before_class, (enum level)level) != 0);
		s->class[level] = before ? before->class[level] + other : 0;
	}
	s->is_signed = class->is_signed;
}

/* The level that this thread sorts by: no two systems have the same qsort_r(3). */
static _Thread_local enum level sorted_level;

static int compare_places(const void *left, const void *right)
{
	const struct share *a = left, *b = right;
	uint32_t of_a = a->class[sorted_level], of_b = b->class[sorted_level];

	if (of_a != of_b)
		return of_a < of_b ? -1 : 1;
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	return (a->id < b->id) - (a->id > b->id);
}

/* Ranks one level, from the innermost outwards: the sum up to a delivery inside its class is its place in the class above. */
static void rank_level(struct share *s, size_t n, enum level level)
{
	uint64_t sum = 0;

	sorted_level = level;
	qsort(s, n, sizeof *s, compare_places);
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && s[i - 1].class[level] != s[i].class[level])
			sum = 0;
		sum += s[i].room;
		s[i].at = level == LEVEL_SIGNED && !s[i].is_signed ? sum * UNSIGNED_COST - s[i].room * (UNSIGNED_COST - 1) : sum;
	}
}

void spool_share_rank(struct share *s, size_t n)
{
	for (int level = LEVEL_NET; level >= LEVEL_ALL; level--)
		rank_level(s, n, (enum level)level);
}
