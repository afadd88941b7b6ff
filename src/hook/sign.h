/* SPDX-License-Identifier: ISC */
/* The other side of verify.h: the headers that a provider would send. */
#ifndef SIGN_H
#define SIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/buf.h"
#include "hook/signed.h"

/* All borrowed for the length of the call. */
struct sign {
	const struct scheme *scheme;
	const struct secret *secret; /* its key is one that signs; NULL: no signature */
	const char *event;           /* the event's name, where that goes into a header */
	const char *url;             /* the endpoint's; NULL where the scheme doesn't sign it */
	const char *query;           /* of the URL that is sent to */
	const char *type;            /* Content-Type */
	struct slice body;
	int64_t now; /* ms since the epoch */
};

/* False for a scheme whose proof is not in headers, or is a token. */
bool sign_is_possible(const struct scheme *s);

/*
 * Appends "Name: value\n" lines to out: the signature, and the id, timestamp, event and key where the scheme has them in
 * headers. The id comes from the body: a delivery that is sent again has the same. False when memory is short or OpenSSL failed.
 */
bool sign_headers(const struct sign *in, struct signed_scratch *scratch, struct buf *out);

#endif
