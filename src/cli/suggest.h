/* SPDX-License-Identifier: ISC */
/* "Did you mean": the known word that is nearest to a mistyped one. */
#ifndef SUGGEST_H
#define SUGGEST_H

/* The one of the words (NULL behind the last) that the fewest edits lead to, when that is close enough; NULL: none is. */
const char *suggest(const char *typed, const char *const *words);

#endif
