/* SPDX-License-Identifier: ISC */
/* Lists of texts in the configuration. */
#ifndef STRLIST_H
#define STRLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

struct strlist {
	char **item;
	size_t n;
};

/* True when the text is in the list, byte for byte; an empty list has every text. */
bool strlist_match(const struct strlist *w, struct slice text);

/* Appends a copy of the text. False when memory is short. */
bool strlist_add(struct strlist *w, struct slice text);

void strlist_free(struct strlist *w);

#endif
