/* SPDX-License-Identifier: ISC */
/* Grams of texts: runs of 2 to 5 characters in lower case, hashed. */
#include "spool/search/grams.h"

#include <string.h>

#include "core/utf8.h"
#include "spool/search.h"

enum { LETTERS_END = 0x20000 /* no character above has another case */ };

/* By the length of a gram. Measured with English texts of 40 to 400 characters: doc/PERFORMANCE.md. */
static const unsigned rows_of[GRAMS_LONGEST + 1] = {0, 0, 1, 5, 3, 2};

/* Multiplies by an odd number near 2^64 divided by the golden ratio, and folds the upper half, which is mixed best, into the lower. */
static uint64_t mix(uint64_t h)
{
	h *= UINT64_C(0x9E3779B97F4A7C15);
	return h ^ h >> 32;
}

uint64_t search_hash(uint64_t seed, const void *p, size_t n)
{
	const unsigned char *from = p;
	uint64_t word, h = mix(seed ^ n);

	for (; n >= sizeof word; from += sizeof word, n -= sizeof word) {
		memcpy(&word, from, sizeof word);
		h = mix(h ^ word);
	}
	word = 0;
	if (n)
		memcpy(&word, from, n);
	return mix(h ^ word);
}

void grams_each(struct slice text, uint64_t seed, void (*call)(void *ctx, uint64_t hash, unsigned rows), void *ctx)
{
	uint64_t open[GRAMS_LONGEST] = {0}; /* hashes of the runs that end with the last character: open[i] has i + 1 of them */
	size_t len;

	for (size_t n = 0; text.n > 0; text.p += len, text.n -= len, n++) {
		uint32_t c = utf8_lower(text, &len);
		size_t most = n + 1 < GRAMS_LONGEST ? n + 1 : GRAMS_LONGEST;

		for (size_t i = most - 1; i > 0; i--) {
			open[i] = mix(open[i - 1] ^ c);
			if (i + 1 >= GRAMS_SHORTEST)
				call(ctx, mix(open[i] + i), rows_of[i + 1]);
		}
		open[0] = mix(seed ^ c);
	}
}

unsigned grams_rows(size_t length)
{
	return rows_of[length];
}

uint64_t grams_letters(void)
{
	uint64_t h = 0;
	char bytes[4];
	size_t len;

	for (uint32_t c = 0; c < LETTERS_END; c++)
		if (c < 0xD800 || c > 0xDFFF)
			h = mix(h ^ utf8_lower((struct slice){bytes, utf8_encode(c, bytes)}, &len));
	return h;
}
