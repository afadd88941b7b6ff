/* SPDX-License-Identifier: ISC */
/* Invisible characters in the text of a configuration. */
#ifndef UNSEEN_H
#define UNSEEN_H

#include <stddef.h>

/* The line of the first invisible character in a text without comments, and its name. A value that people read may have them. 0: none. */
int unseen_line(const char *text, size_t n, const char **name);

#endif
