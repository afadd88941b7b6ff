/* SPDX-License-Identifier: ISC */
/* Printing what strangers wrote: on one line, with nothing in it that steers a terminal. */
#ifndef PLAIN_H
#define PLAIN_H

#include <stdio.h>

#include "core/buf.h"

/*
 * Prints text on one line in at most `columns` columns of a terminal (0: any number), "…" at the
 * end when there was more: white space as one blank, control characters, bidirectional controls
 * and what isn't UTF-8 as "?". Returns the columns used; wide characters have two.
 */
size_t plain_print(FILE *to, struct slice text, size_t columns);

/* The same, filled up with blanks to that many columns; one line's column of a table. */
void plain_cell(FILE *to, struct slice text, size_t columns);

/* Prints a line with the name and the value on standard output; nothing where the value is absent (p == NULL). */
void plain_field(const char *name, struct slice value);

/* Prints each of the lines "Name: value\n" as a field "header". */
void plain_headers(struct slice headers);

/* Prints JSON text as it is, but for characters that steer a terminal, which become their \u escapes. */
void plain_json(FILE *to, struct slice json);

/*
 * For printing a sink's URL without the userinfo, in which a password may be (RFC 3986 section 3.2.1): returns what comes after
 * it, and *before becomes the length of what comes before it.
 */
const char *plain_url(const char *url, int *before);

/* The columns of the terminal that standard output is; 0 when it is none. */
size_t plain_width(void);

#endif
