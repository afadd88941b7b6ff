/* SPDX-License-Identifier: ISC */
/* The manual page hookspool-schemes(5), from the files of the built-in schemes. */
#ifndef SCHEME_PAGE_H
#define SCHEME_PAGE_H

#include <stdbool.h>

/* Prints the page's source, in mdoc(7), to standard output. False when memory is short. */
bool scheme_page_print(void);

#endif
