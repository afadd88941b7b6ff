/* SPDX-License-Identifier: ISC */
/* The text of a configuration without its comments. */
#ifndef UNCOMMENT_H
#define UNCOMMENT_H

#include <stddef.h>

/*
 * Puts blanks in the place of comments: from # or // to the end of the line, and between the marks of C; but not in quotes,
 * and as libconfuse reads it, not where the slashes are in a word: http://x. Every line stays where it is: libconfuse 3.3
 * counts those with a comment more than once.
 *
 * Returns 0; or the line on which something begins whose end is missing, with *missing that end, static text: of quotes,
 * or of a comment, which is then left there with what follows, or a "}".
 */
int uncomment(char *text, size_t n, const char **missing);

/*
 * The length of what libconfuse's lexer.l reads as one at p, and no comment: quotes, a variable, a word or a mark. More than n for
 * quotes without an end.
 */
size_t uncomment_token(const char *p, size_t n);

/* For a text that has all ends: the line on which the quotes begin that end on this line. Of several: the first. */
int uncomment_first_line(const char *text, size_t n, int line);

/* The same for the line on which the section's brace stands that is closed on this line. Of several: the first. */
int uncomment_section_line(const char *text, size_t n, int line);

/*
 * The same for the first ${NAME}, where libconfuse looks for one, that the environment doesn't have; name gets its name, cut
 * to that size. 0: it has all.
 */
int uncomment_unset_line(const char *text, size_t n, char *name, size_t name_size);

/* The same for the first one whose text has white space or invisible characters around it. 0: none has. */
int uncomment_blank_line(const char *text, size_t n, char *name, size_t name_size);

#endif
