/* SPDX-License-Identifier: ISC */
/* Lists of words in the configuration. */
#ifndef STRLIST_H
#define STRLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

struct strlist {
	char **item;
	size_t n;
};

/* True when the text is one of the words, byte for byte; of an empty list everything is. */
bool strlist_match(const struct strlist *w, struct slice text);

void strlist_free(struct strlist *w);

#endif
