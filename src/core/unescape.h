/* SPDX-License-Identifier: ISC */
/*
 * The text of a JSON string with escapes of lone surrogates (\ud800 to \udfff). yajl decodes these wrongly: a high one alone
 * becomes "?", or is joined with any escape behind it. A low one becomes bytes that are not UTF-8.
 */
#ifndef UNESCAPE_H
#define UNESCAPE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

/*
 * The inside of the string whose closing quote is json[end - 1], and which yajl decoded to n bytes. p == NULL: it has no
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
