/* SPDX-License-Identifier: ISC */
/* Lists of texts in the configuration. */
#include "core/strlist.h"

#include <stdlib.h>
#include <string.h>

bool strlist_match(const struct strlist *w, struct slice text)
{
	for (size_t i = 0; i < w->n; i++)
		if (text.p && strlen(w->item[i]) == text.n && memcmp(w->item[i], text.p, text.n) == 0)
			return true;
	return w->n == 0;
}

void strlist_free(struct strlist *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->item[i]);
	free(w->item);
}

bool strlist_add(struct strlist *w, struct slice text)
{
	char **longer = realloc(w->item, (w->n + 1) * sizeof *longer);

	if (!longer)
		return false;
	w->item = longer;
	w->item[w->n] = strndup(text.p, text.n);
	if (!w->item[w->n])
		return false;
	w->n++;
	return true;
}
