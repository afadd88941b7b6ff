/* SPDX-License-Identifier: ISC */
/* Output that is safe for a terminal, and what only a terminal gets: local times, colours, a width. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdint.h>
#include <stdio.h>

#include "core/buf.h"

/*
 * Prints text on one line in at most `columns` columns of a terminal (0: any number), "…" at the
 * end when there was more: white space as one blank, control characters, bidirectional controls
 * and what isn't UTF-8 as "?". Returns the columns used; wide characters have two.
 */
size_t terminal_print(FILE *to, struct slice text, size_t columns);

/* The same, padded with blanks to that many columns: a cell of a table. */
void terminal_cell(FILE *to, struct slice text, size_t columns);

/* Prints a line with the name and the value on standard output; nothing where the value is absent (p == NULL). */
void terminal_field(const char *name, struct slice value);

/* Prints each of the lines "Name: value\n" as a field "header". */
void terminal_headers(struct slice headers);

/* Prints JSON text as it is, but for characters that steer a terminal, which become their \u escapes. */
void terminal_json(FILE *to, struct slice json);

/*
 * For printing a sink's URL without the userinfo, in which a password may be (RFC 3986 section 3.2.1): returns what comes after
 * it, and *before becomes the length of what comes before it.
 */
const char *terminal_url(const char *url, int *before);

/* The columns of the terminal that standard output is; 0 when it is none. */
size_t terminal_width(void);

enum { TERMINAL_TIME = 40 };

/*
 * Writes ms since the epoch to out: in local time, "2026-05-12 16:33:21+02:00", where standard output is a terminal, and as
 * clock_format() does elsewhere. clock_parse() reads both. Returns out.
 */
const char *terminal_time(int64_t ms, char out[TERMINAL_TIME]);

/* The columns that terminal_time() fills. */
int terminal_time_width(void);

enum terminal_colour { TERMINAL_PLAIN, TERMINAL_GREEN, TERMINAL_YELLOW, TERMINAL_RED };

/*
 * Returns the escape sequence that switches to a colour (ECMA-48, SGR). "" where standard output is no terminal, where NO_COLOR is
 * set and not empty (no-color.org), and on a "dumb" terminal. Static text.
 */
const char *terminal_colour(enum terminal_colour c);

#endif
