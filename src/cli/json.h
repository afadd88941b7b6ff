/* SPDX-License-Identifier: ISC */
/* JSON for other programs: one object a line, on standard output. */
#ifndef JSON_LINE_H
#define JSON_LINE_H

#include <stdbool.h>

#include "core/json.h"
#include "spool/events.h"

/* The fields of an event without its text and its body: id, endpoint, event, key, account, ... */
void json_row(struct json *j, const struct spool_row *r);

/* Writes the object and a line feed to standard output, and frees it. The process ends where memory is short. */
void json_end(struct json *j);

/*
 * Prints the JSON text indented, and safe for a terminal; its numbers and the order of its members
 * stay. False when it is no JSON.
 */
bool json_pretty(struct slice text);

#endif
