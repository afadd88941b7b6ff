/* SPDX-License-Identifier: ISC */
/* Invisible characters in the text of a configuration. */
#ifndef UNSEEN_H
#define UNSEEN_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

/* True when people read the values of the option: a non-breaking space or a joined emoji is meant there. */
typedef bool unseen_filter(struct slice option);

/* The line of the first invisible character in a text without comments, and its name. A value that people read may have them. 0: none. */
int unseen_line(const char *text, size_t n, unseen_filter *is_free_text, const char **name);

#endif
