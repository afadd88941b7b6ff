/* SPDX-License-Identifier: ISC */
/* "Did you mean": the known word that is nearest to a mistyped one. */
#include "cli/suggest.h"

#include <stddef.h>
#include <string.h>

enum { WORD_MAX = 32 };

static size_t fewer(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Counts the letters to insert, remove, replace or swap with the next (Damerau 1964). */
static size_t edits(const char *a, size_t n, const char *b, size_t m)
{
	size_t row[WORD_MAX + 1][WORD_MAX + 1];

	for (size_t i = 0; i <= n; i++) {
		for (size_t j = 0; j <= m; j++) {
			if (i == 0 || j == 0) {
				row[i][j] = i + j;
				continue;
			}
			row[i][j] = fewer(fewer(row[i - 1][j], row[i][j - 1]) + 1, row[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[i][j] = fewer(row[i][j], row[i - 2][j - 2] + 1);
		}
	}
	return row[n][m];
}

const char *suggest(const char *typed, const char *const *words)
{
	size_t n = strlen(typed), best = n / 3 + 2, found;
	const char *nearest = NULL;

	if (n > WORD_MAX)
		return NULL;
	for (; *words; words++) {
		found = edits(typed, n, *words, strlen(*words));
		if (found < best) {
			best = found;
			nearest = *words;
		}
	}
	return nearest;
}
