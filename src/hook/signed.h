/* SPDX-License-Identifier: ISC */
/* The signed string: what a provider signs, put together from the parts of a delivery. */
#ifndef SIGNED_H
#define SIGNED_H

#include "conf/scheme.h"
#include "core/buf.h"
#include "hook/form.h"
#include "hook/value.h"

/* All borrowed; p == NULL where a delivery has no such part. */
struct signed_parts {
	struct slice body, timestamp, id, method;
	const char *url;   /* the endpoint's, without a query; NULL: none */
	const char *query; /* "" when there is none */
	const struct values *values; /* those that the scheme reads; NULL: none */
};

/* Memory for the signed string, kept from delivery to delivery. Zero-initialised is valid. */
struct signed_scratch {
	struct buf text;
	struct form form; /* the body's parameters, sorted, or the query's */
};

enum signed_result {
	SIGNED_OK,
	SIGNED_MALFORMED, /* a form, or the hash of a body in the query, that can't be right */
	SIGNED_UNAVAILABLE, /* memory is short, or OpenSSL failed */
};

/*
 * Sets *out to the bytes that the scheme signs: the body itself where it signs nothing else, otherwise a text in the
 * scratch until the next call.
 */
enum signed_result signed_string(const struct scheme *s, const struct signed_parts *parts, struct signed_scratch *scratch,
	struct slice *out);

/* The same for any text with placeholders, always in the scratch. */
enum signed_result signed_text(const char *text, const struct scheme *s, const struct signed_parts *parts, struct signed_scratch *scratch,
	struct slice *out);

/*
 * For a scheme that signs the URL. OK when this query has a hash of the body, right or wrong. MALFORMED when it has none, or
 * cannot be read. `scratch` becomes the query's parameters.
 */
enum signed_result signed_by_hash(const struct scheme *s, const char *query, struct form *scratch);

void signed_free(struct signed_scratch *scratch);

#endif
