/* SPDX-License-Identifier: ISC */
/* Characters that cannot be seen: they come with copied text, and make names and secrets wrong without a trace. */
#ifndef INVISIBLE_H
#define INVISIBLE_H

#include <stddef.h>

/*
 * The length in bytes of the invisible character of UTF-8 text that begins at p, and its name; 0 when none begins there. These are
 * the characters of Unicode 15's general categories Zs and Cf, other than U+0020: blanks, zero-width characters, soft hyphens, byte
 * order marks and bidirectional controls. ASCII's controls are not among them.
 */
size_t invisible_at(const char *p, size_t n, const char **name);

/* The length of the white space or invisible character that ends the n bytes; 0: none does. */
size_t invisible_end(const char *p, size_t n);

/* The same for the one that begins them. */
size_t invisible_begin(const char *p, size_t n);

/*
 * The name of the encoding that the first bytes show, where that is not UTF-8: "UTF-16" or "UTF-32", by byte order mark or by
 * NUL bytes. NULL when nothing shows one.
 */
const char *invisible_encoding(const char *p, size_t n);

#endif
