/* SPDX-License-Identifier: ISC */
/*
 * The parts of a JSON text as they are written: what a provider sends is kept byte by byte, whatever is in it.
 *
 * All functions are for text that paths_find() has accepted: strict UTF-8, one JSON text (RFC 8259), not deeper than 64. A raw value
 * begins with its first character and ends with its last one.
 */
#ifndef RAW_H
#define RAW_H

#include <stdbool.h>

#include "core/buf.h"

/* The raw value of the whole text. */
struct slice raw_whole(struct slice text);

bool raw_is_object(struct slice value);
bool raw_is_array(struct slice value);
bool raw_is_string(struct slice value);
bool raw_is_null(struct slice value);
bool raw_is(struct slice value, const char *literal);

/*
 * Takes the next member of an object, or element of an array; *rest begins as the whole value, and *name, of a member, has its escapes
 * as they are. False behind the last.
 */
bool raw_next_member(struct slice *rest, struct slice *name, struct slice *value);
bool raw_next_element(struct slice *rest, struct slice *value);

/* The member of that name, the first of several; p == NULL: there is none, or the value is no object. */
struct slice raw_member(struct slice object, const char *name);

/*
 * The text of a string, or the digits of a number; a string with escapes is written to scratch, which must not move while the text is
 * used. p == NULL: it is another value, or memory is short.
 */
struct slice raw_text(struct slice value, struct buf *scratch);

#endif
