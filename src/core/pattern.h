/* SPDX-License-Identifier: ISC */
/* Extended regular expressions of POSIX, letters of either case, for texts that strangers write. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stddef.h>

#include "core/buf.h"

enum {
	PATTERN_MAX = 1000, /* bytes of a pattern's text */
	/* Bytes that are searched of a stranger's text. The time of a search grows with its square; LinkedIn takes 8,000 characters. */
	PATTERN_TEXT_MAX = 8 * 1024,
};

struct pattern;

/* From now on pattern_new() compiles nothing: for a program that reads a configuration and searches no texts. */
void pattern_defer(void);

/*
 * Freed by the caller. NULL with the reason, and the fix, in why. A reference to what a group matched is refused: with one, a
 * stranger's text can take any time (regex(7), BUGS). Refused before it is compiled is what would take gigabytes: a pattern that has
 * more than 1000 characters when its bounds are written out.
 */
struct pattern *pattern_new(const char *text, char *why, size_t why_size);
void pattern_free(struct pattern *p);

enum pattern_result { PATTERN_FOUND, PATTERN_NOT_FOUND, PATTERN_NO_MEMORY };

/* Copies the beginning of a text as pattern_find() takes it, with spaces for NULs and a NUL behind it. Returns its length. */
size_t pattern_text(struct slice text, char copy[PATTERN_TEXT_MAX + 1]);

/* The time grows with the square of the text's length. Not thread-safe. */
enum pattern_result pattern_find(struct pattern *p, const char *text);

#endif
