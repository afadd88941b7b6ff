/* SPDX-License-Identifier: ISC */
/* The parts of a path in JSON; paths.h has the syntax. */
#ifndef PATH_PART_H
#define PATH_PART_H

#include <stdbool.h>
#include <stddef.h>

enum { PATH_PARTS_MAX = 12 };

/* The length of the part that begins there: up to a dot or the end. */
size_t path_part_size(const char *part);

/* True when the part leads to the element with that index. */
bool path_part_is_index(const char *part, size_t index);

/* True when the key, n bytes at s, is one of the names in a part "!a!b" of that size. */
bool path_part_excludes(const char *part, size_t size, const unsigned char *s, size_t n);

/* True when the text is a path: no empty part, at most PATH_PARTS_MAX. With `member`, its last part is one of "!...". */
bool paths_valid(const char *text, bool member);

#endif
