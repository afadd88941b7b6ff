/* SPDX-License-Identifier: ISC */
/* JSON for other programs: one object a line, on standard output. */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "spool/events.h"

/* An object being written; lives on the stack, from json_begin() to json_end(). */
struct json {
	struct yajl_gen_t *gen;
};

/*
 * One call a member, between json_begin() and json_end(). json_end() writes the object and a line feed, and frees. Characters that
 * steer a terminal are written as \u escapes.
 */
void json_begin(struct json *j);
void json_text(struct json *j, const char *name, struct slice value); /* null where p is NULL; invalid UTF-8 is replaced */
void json_string(struct json *j, const char *name, const char *value);
void json_number(struct json *j, const char *name, int64_t value);
void json_time(struct json *j, const char *name, int64_t ms); /* RFC 3339 */
void json_strings(struct json *j, const char *name, const char *const *texts); /* a list of texts, which ends with NULL */
void json_end(struct json *j);

/* A member that is a list of objects: json_list(), for each json_item() .. members .. json_item_end(), json_list_end(). */
void json_list(struct json *j, const char *name);
void json_item(struct json *j);
void json_item_end(struct json *j);
void json_list_end(struct json *j);

/* The fields of an event without its text and its body: id, endpoint, event, key, account, ... */
void json_row(struct json *j, const struct spool_row *r);

/* The body as it is: "body" when it is UTF-8, else "body_base64" (RFC 4648 section 4). */
void json_body(struct json *j, struct slice body);

/*
 * Prints the JSON text indented, and safe for a terminal; its numbers and the order of its members
 * stay. False when it is no JSON.
 */
bool json_pretty(struct slice text);

#endif
