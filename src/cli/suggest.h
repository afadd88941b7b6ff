/* SPDX-License-Identifier: ISC */
/* "Did you mean": the known word that is nearest to a mistyped one. */
#ifndef SUGGEST_H
#define SUGGEST_H

/* Returns the word (NULL behind the last) that takes the fewest edits; NULL when none is close enough. */
const char *suggest(const char *typed, const char *const *words);

#endif
