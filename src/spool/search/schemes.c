/* SPDX-License-Identifier: ISC */
/* How the texts of endpoints are read, as the search index compares it. */
#include "spool/search.h"

#include <stdlib.h>

uint64_t search_endpoint(struct slice path)
{
	return search_hash(0, path.p, path.n);
}

static int compare_schemes(const void *a, const void *b)
{
	const struct search_scheme *x = a, *y = b;

	return x->endpoint < y->endpoint ? -1 : x->endpoint > y->endpoint;
}

uint64_t search_scheme_of(const struct search_schemes *s, uint64_t endpoint)
{
	const struct search_scheme key = {.endpoint = endpoint}, *found = s->n ? bsearch(&key, s->of, s->n, sizeof key, compare_schemes) : NULL;

	return found ? found->reads : s->others;
}

void search_schemes_sort(struct search_schemes *s)
{
	if (s->n)
		qsort(s->of, s->n, sizeof *s->of, compare_schemes);
}
