/* SPDX-License-Identifier: ISC */
/*
 * The values of a delivery that its scheme names as parts of the proof: in the body, or in the query.
 *
 * They are read before anything has proven the delivery. The reading is bounded: one pass over the body by paths.h or form.h, which
 * keeps these values alone.
 */
#ifndef VALUE_H
#define VALUE_H

#include "conf/scheme.h"
#include "core/buf.h"
#include "hook/form.h"
#include "hook/request.h"

/* Zero-initialised is valid and empty, and may be read into again and again. The slices borrow from it, the request and the scheme. */
struct values {
	struct value {
		enum source_kind kind;
		struct slice name, text; /* text.n == 0: there is none, or several different ones */
	} item[SCHEME_VALUES];
	size_t n;
	struct buf names, arena;
	struct form form, query;
	const char *reason; /* static text, with VALUES_MALFORMED */
};

enum values_result {
	VALUES_OK,
	VALUES_MALFORMED, /* the body cannot be read, and a value is in it */
	VALUES_UNAVAILABLE, /* memory is short */
};

/* Reads all that the scheme names: the places of the signature, the time, and the values in the signed string. */
enum values_result values_read(const struct request *r, const struct scheme *s, struct values *out);

/* The text of one of them; p == NULL: none. */
struct slice values_find(const struct values *v, enum source_kind kind, struct slice name);

void values_free(struct values *v);

#endif
