/* Lists of words in the configuration. */
#include "core/words.h"

#include <stdlib.h>
#include <string.h>

bool words_match(const struct words *w, struct slice text)
{
	for (size_t i = 0; i < w->n; i++)
		if (text.p && strlen(w->item[i]) == text.n && memcmp(w->item[i], text.p, text.n) == 0)
			return true;
	return w->n == 0;
}

void words_free(struct words *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->item[i]);
	free(w->item);
}
