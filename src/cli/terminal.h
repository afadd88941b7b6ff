/* SPDX-License-Identifier: ISC */
/* What only a terminal gets: times in local time, and colours. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdint.h>

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
 * What makes a terminal write in that colour from here on (ECMA-48, SGR); "" where standard output is no terminal, where
 * NO_COLOR is set and not empty (no-color.org), and on a "dumb" terminal. Static text.
 */
const char *terminal_colour(enum terminal_colour c);

#endif
