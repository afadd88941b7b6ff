/* SPDX-License-Identifier: ISC */
/* Forms: application/x-www-form-urlencoded (WHATWG URL Standard, section 5.1), in bodies and queries. */
#ifndef FORM_H
#define FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

struct form_param {
	struct slice name, value;
};

/* Zero-initialised is valid and empty, and may be parsed into again and again. */
struct form {
	struct form_param *param;
	size_t n, cap;
	struct buf arena; /* the slices borrow from it until the next form_parse() or form_free() */
};

enum form_result { FORM_OK, FORM_MALFORMED, FORM_NO_MEMORY };

/*
 * For a reader of another format: empties the form, and makes room for that many bytes of names and values in all. form_add()
 * appends copies of a name and a value. False when memory is short.
 */
bool form_begin(struct form *f, size_t bytes);
bool form_add(struct form *f, struct slice name, struct slice value);

/* Decodes the n bytes at p. MALFORMED: a % without two hexadecimal digits, or a NUL. */
enum form_result form_parse(struct form *f, const char *p, size_t n);

/* The first value of that name; p == NULL when there is none. */
struct slice form_value(const struct form *f, const char *name);

/* The value of that name, where all parameters of the name have the same one; otherwise p == NULL. */
struct slice form_only_value(const struct form *f, const char *name);

/* The order by name, then by value, in bytes: below, above or equal to 0. */
int form_compare(const struct form_param *a, const struct form_param *b);

/* Sorts in that order. */
void form_sort(struct form *f);

void form_free(struct form *f);

#endif
