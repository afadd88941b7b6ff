/* SPDX-License-Identifier: ISC */
/* The text of a configuration without its comments. */
#ifndef UNCOMMENT_H
#define UNCOMMENT_H

#include <stddef.h>

/*
 * Replaces comments by blanks: from # or // to the end of the line, and between the marks of C. In quotes there are no comments, and,
 * as libconfuse reads it, none in a word: http://x. Lines stay where they are: libconfuse 3.3 counts a line with a comment twice.
 *
 * Returns 0, or the line on which quotes, a comment or a section begin that do not end. *missing is then the end that is missing,
 * static text. Such a comment is left as it is, with the text behind it.
 */
int uncomment(char *text, size_t n, const char **missing);

/* The length of the token at p that libconfuse's lexer.l reads there: quotes, a variable, a word or a mark. More than n for quotes without an end. */
size_t uncomment_token(const char *p, size_t n);

/* For a text in which all quotes end: the line on which the quotes begin that end on this line; of several, the first. */
int uncomment_first_line(const char *text, size_t n, int line);

/* The same for the brace of the section that ends on this line. */
int uncomment_section_line(const char *text, size_t n, int line);

/* The line of the first ${NAME} that the environment does not have; name gets its name, cut to that size. 0: the environment has all. */
int uncomment_unset_line(const char *text, size_t n, char *name, size_t name_size);

/* The same for the first ${NAME} whose text has white space or invisible characters around it. 0: none has. */
int uncomment_blank_line(const char *text, size_t n, char *name, size_t name_size);

#endif
