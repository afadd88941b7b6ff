/* SPDX-License-Identifier: ISC */
/* Verifies that a delivery comes from its provider: the signature over the raw bytes, Authorization; in constant time. */
#ifndef VERIFY_H
#define VERIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "core/key.h"
#include "hook/request.h"
#include "hook/signed.h"

/*
 * A signature header is at most 4 KiB. That bounds the signatures in it: the shortest, HMAC-SHA1 in base64, takes
 * 29 bytes with its separator.
 */
enum { VERIFY_HEADER_MAX = 4096, VERIFY_SIGNATURES_MAX = VERIFY_HEADER_MAX / 29 };

enum verify_result {
	VERIFY_OK,
	VERIFY_WRONG,
	VERIFY_UNAVAILABLE, /* the sender should try again */
};

/*
 * What was found in checking a delivery. Zero-initialised before the first check, then used again and
 * again; the slices borrow from the request and the scratch.
 */
struct verify {
	int secret;         /* which matched, from 1; 0: none */
	const char *reason; /* unless OK */
	const char *header;     /* the signature's, of the names that the delivery has */
	struct slice value;     /* of it */
	struct slice timestamp; /* as written */
	struct slice id;
	struct slice message; /* the signed string; p == NULL when it wasn't put together */
	int64_t at;           /* the timestamp, ms since the epoch; 0: none */
	enum algorithm algorithm; /* of the signatures: the scheme's, or the other one that it takes */
	unsigned char signature[VERIFY_SIGNATURES_MAX][KEY_SIGNATURE_MAX]; /* those that have the right length */
	size_t n_signatures;
	struct signed_scratch scratch;
	struct buf url; /* the endpoint's, with its port or without */
	char why[96]; /* storage for reason */
};

/*
 * Checks the signature of a delivery whose body was read, by the endpoint's scheme, at the time `now` in ms since the
 * epoch. Where the scheme's secret stands in the body (ALGORITHM_CLIENT_STATE), all is OK until verify_secret() is asked.
 */
enum verify_result verify_delivery(const struct request *r, const struct endpoint *e, int64_t now, struct verify *v);

/*
 * The number of the secret that the value is, from 1; 0: none. The time that it takes may reveal the secrets' lengths, and
 * nothing else of them.
 */
int verify_secret(const struct secrets *secrets, struct slice value);

/*
 * True when nothing in the signed string separates an id from its neighbour. Bytes could then be moved from the id into a body
 * that cannot be read, under the same signature.
 */
bool verify_id_touches_body(const struct scheme *s);

/* The first signature of the last delivery that was checked, in bytes; p == NULL: it has none. */
struct slice verify_first_signature(const struct verify *v);

/*
 * The headers, other than the Content-Type, that a scheme may need to verify a delivery: the i-th, or NULL behind the last.
 * Those under the scheme's other names come last.
 */
const char *verify_header(const struct scheme *s, size_t i);

/* Sets the reason, static text or v->why. Returns VERIFY_WRONG. */
enum verify_result verify_wrong(struct verify *v, const char *reason);

void verify_free(struct verify *v);

#endif
