/* SPDX-License-Identifier: ISC */
/* JSON for other programs: an object on one line. No text in it can break the line or steer a terminal. */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"

/* An object being written; lives on the stack, from json_begin() to json_finish(). The process ends where memory is short. */
struct json {
	struct yajl_gen_t *gen;
};

/* One call a member, between json_begin() and json_finish(). */
void json_begin(struct json *j);
void json_text(struct json *j, const char *name, struct slice value); /* null where p is NULL; invalid UTF-8 is replaced */
void json_string(struct json *j, const char *name, const char *value);
void json_number(struct json *j, const char *name, int64_t value);
void json_bool(struct json *j, const char *name, bool value);
void json_time(struct json *j, const char *name, int64_t ms); /* RFC 3339 */
void json_strings(struct json *j, const char *name, const char *const *texts); /* a list of texts, which ends with NULL */

/* A member that is an object: json_object(), its members, json_object_end(). */
void json_object(struct json *j, const char *name);
void json_object_end(struct json *j);

/* A member that is a list of objects: json_list(), for each json_item() .. members .. json_item_end(), json_list_end(). */
void json_list(struct json *j, const char *name);
void json_item(struct json *j);
void json_item_end(struct json *j);
void json_list_end(struct json *j);

/* Elements of a list of numbers, in place of the items. A decimal has three digits behind the point. */
void json_element_number(struct json *j, int64_t value);
void json_element_decimal(struct json *j, double value);
void json_element_null(struct json *j);

/* The bytes written so far. */
size_t json_size(const struct json *j);

/* The body as it is: "body" when it is UTF-8, else "body_base64" (RFC 4648 section 4). */
void json_body(struct json *j, struct slice body);

/*
 * Appends the object, without a line feed, and frees it. Characters that steer a terminal are \u escapes. False when memory is
 * short; out then has a part of it.
 */
bool json_finish(struct json *j, struct buf *out);

/* Frees the object, which is not finished. */
void json_drop(struct json *j);

/* Appends JSON text as it is, but for characters that steer a terminal, which become their \u escapes. False when memory is short. */
bool json_escape(struct slice json, struct buf *out);

/*
 * True for one whole value of strict JSON in UTF-8. Else *at becomes the place of the first fault, in bytes: the text's length where
 * it ends too early.
 */
bool json_check(struct slice text, size_t *at);

/* True for one whole value of JSON (RFC 8259), white space around it included. False also when memory is short. */
bool json_is_valid(struct slice text);

#endif
