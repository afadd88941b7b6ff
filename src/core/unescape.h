/* The text of a JSON string with escapes, where its surrogates are no pairs. */
#ifndef UNESCAPE_H
#define UNESCAPE_H

#include <stdbool.h>

#include "core/buf.h"

/*
 * True when the n bytes at p, which yajl made of a string, may have come from surrogate escapes (\ud800 to \udfff) or have a
 * backslash. yajl makes "?" of a high surrogate alone, joins it with any escape behind it, and makes bytes that are not UTF-8
 * of a low one.
 */
bool unescape_wanted(const char *p, size_t n);

/* The inside of the string whose closing quote is json[end - 1]; p == NULL when it has no escape of a surrogate. */
struct slice unescape_inside(const char *json, size_t end);

/*
 * Appends the text of a string's inside, which a JSON parser took. A surrogate without its other half is "?". With `exact`
 * it is its escape, in lower case; a text that has one, or that looks as if, has each other backslash twice. Thus different
 * strings (RFC 8259 section 8.3 compares code units) stay different. False when memory is short.
 */
bool unescape_add(struct buf *b, struct slice inside, bool exact);

#endif
