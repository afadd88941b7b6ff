/* SPDX-License-Identifier: ISC */
/* Grams of texts: runs of 2 to 5 characters in lower case, hashed. A text that has a part has all grams of the part. */
#ifndef SEARCH_GRAMS_H
#define SEARCH_GRAMS_H

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

enum { GRAMS_SHORTEST = 2, GRAMS_LONGEST = 5 /* characters */ };

/*
 * Calls for each gram of the text. Characters are those that utf8_contains() compares. The seed tells fields and spools apart. `rows` is
 * the number of bits that the index sets for the gram: few for long grams, which are many.
 */
void grams_each(struct slice text, uint64_t seed, void (*call)(void *ctx, uint64_t hash, unsigned rows), void *ctx);

/* The rows of grams of that length; no two lengths have the same number. */
unsigned grams_rows(size_t length);

/* A hash over the letters that utf8_contains() takes for the same: another locale, or another C library, may have others. */
uint64_t grams_letters(void);

#endif
