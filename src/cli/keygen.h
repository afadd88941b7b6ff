/* SPDX-License-Identifier: ISC */
/* Random secrets. */
#ifndef KEYGEN_H
#define KEYGEN_H

#include <stdbool.h>

enum { KEYGEN_BYTES = 32, KEYGEN_TEXT = 2 * KEYGEN_BYTES + 2 };

/* Makes a secret: hexadecimal digits, a line feed and a NUL. False with errno set. */
bool keygen_text(char out[KEYGEN_TEXT]);

#endif
