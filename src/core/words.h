/* Lists of words in the configuration. */
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

struct words {
	char **item;
	size_t n;
};

/* True when the text is one of the words, byte for byte; of an empty list everything is. */
bool words_match(const struct words *w, struct slice text);

void words_free(struct words *w);

#endif
