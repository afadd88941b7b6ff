/* Extended regular expressions of POSIX, letters of either case, for texts that strangers write. */
#ifndef PATTERN_H
#define PATTERN_H

#include <stddef.h>

struct pattern;

/*
 * Freed by the caller. NULL with the reason, and the fix, in why. A reference to what a group matched is refused: with one, a
 * stranger's text can take any time (regex(7), BUGS).
 */
struct pattern *pattern_new(const char *text, char *why, size_t why_size);
void pattern_free(struct pattern *p);

enum pattern_result { PATTERN_FOUND, PATTERN_NOT_FOUND, PATTERN_NO_MEMORY };

/* The time grows with the square of the text's length. Not thread-safe. */
enum pattern_result pattern_find(struct pattern *p, const char *text);

#endif
