/* SPDX-License-Identifier: ISC */
/* Strict UTF-8 (RFC 3629): what yajl's own check lets through is refused here. */
#ifndef UTF8_H
#define UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

/* True when the n bytes are UTF-8: no overlong form, no surrogate, nothing above U+10FFFF. */
bool utf8_valid(const char *s, size_t n);

/* The bytes of the character at s, and the character; 0 when what is there isn't UTF-8. n is at least 1. */
size_t utf8_next(const char *s, size_t n, uint32_t *c);

/* Writes a character's UTF-8 to out and returns its length. c is at most U+10FFFF; a surrogate gets the three bytes of its number. */
size_t utf8_encode(uint32_t c, char out[4]);

/*
 * True for characters that steer a terminal: C0 and C1 controls, DEL, line and paragraph separators. Also for the marks,
 * embeddings, overrides and isolates that reorder the text beside them (Unicode Standard Annex 9).
 */
bool utf8_steers(uint32_t c);

/* Appends the text with each byte that isn't part of a character as U+FFFD. False when memory is short. */
bool utf8_replace_invalid(struct slice in, struct buf *out);

/* The bytes of the first `characters` of valid UTF-8, or n when it has fewer. */
size_t utf8_cut(const char *s, size_t n, size_t characters);

/* The most bytes of the text's beginning, and no more than that many, that end where a character does; at least one. */
size_t utf8_fit(const char *s, size_t n, size_t bytes);

/* The first character in lower case, by the locale's LC_CTYPE, and its length in bytes. A byte that isn't UTF-8 is one of its own. */
uint32_t utf8_lower(struct slice s, size_t *len);

/* True when the part is in the text, letters of either case; letters are those of the locale's LC_CTYPE. */
bool utf8_contains(struct slice text, struct slice part);

#endif
