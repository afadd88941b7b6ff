/* SPDX-License-Identifier: ISC */
/* Search for an id in a text of any encoding: plain, with JSON's escapes, or percent-encoded. */
#ifndef MENTION_H
#define MENTION_H

#include <stdbool.h>

#include "core/buf.h"

/*
 * True when the id stands in the text as a whole word: no letter, digit, "_" or "-" is beside it. The text is searched three times:
 * as it is, without percent-encoding (RFC 3986 section 2.1), and without JSON's escapes (RFC 8259 section 7) as well. Linear in the
 * text's length, but for an id that the text nearly repeats. *failed is set when memory is short.
 */
bool mention_find(struct slice text, struct slice id, bool *failed);

#endif
