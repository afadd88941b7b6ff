/* SPDX-License-Identifier: ISC */
/*
 * The text of a JSON string with escapes, where its surrogates (\ud800 to \udfff) are no pairs: yajl makes "?" of a high one
 * alone, joins it with any escape behind it, and makes bytes that are not UTF-8 of a low one.
 */
#ifndef UNESCAPE_H
#define UNESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

/*
 * The inside of the string whose closing quote is json[end - 1], and of which yajl made n bytes; p == NULL when it has no
 * escape of a surrogate.
 */
struct slice unescape_inside(const char *json, size_t end, size_t n);

/*
 * Appends the text of a string's inside, which a JSON parser took. A surrogate without its other half is "?". With `exact`
 * it is its escape, in lower case; a text that has one, or that looks as if, has each other backslash twice. Thus different
 * strings (RFC 8259 section 8.3 compares code units) stay different. False when memory is short.
 */
bool unescape_add(struct buf *b, struct slice inside, bool exact);

#endif
