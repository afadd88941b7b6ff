/* SPDX-License-Identifier: ISC */
/* The keys of one JSON object; a duplicate is an error. */
#ifndef KEYSET_H
#define KEYSET_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

enum { KEYSET_FEW = 32 };

/* A key in the arena; an offset, because the arena moves as it grows. */
struct keyset_span {
	size_t at, n;
};

/* The caller has room for KEYSET_FEW spans in `few`. All else is zero at first. */
struct keyset {
	struct keyset_span *few;
	struct buf more; /* further ones */
	size_t n;
};

/* Adds a key, and its n bytes to the arena. False when memory is short. */
bool keyset_add(struct keyset *k, struct buf *arena, const void *key, size_t n);

enum keyset_result { KEYSET_DIFFERENT, KEYSET_TWICE, KEYSET_NO_MEMORY };

/* Looks for a duplicate key, in O(n log n) for any keys. */
enum keyset_result keyset_check(const struct keyset *k, const char *arena);

void keyset_free(struct keyset *k);

#endif
