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

#define VERIFY_ANY_TIME INT64_C(-1)

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
	struct slice value;     /* of it; of several the first */
	struct slice timestamp; /* as written */
	struct slice id;
	struct slice message; /* the signed string; p == NULL when it wasn't put together */
	int64_t at;           /* the timestamp, ms since the epoch; 0: none */
	enum algorithm algorithm; /* of the signatures: the scheme's, or the other one that it takes */
	struct slice signature[VERIFY_SIGNATURES_MAX]; /* those that have a right length; in `decoded` */
	size_t n_signatures;
	unsigned char decoded[VERIFY_HEADER_MAX];
	size_t n_decoded;
	struct values values; /* that the scheme reads from body and query */
	bool values_read;
	struct signed_scratch scratch;
	struct buf url; /* the endpoint's, with its port or without */
	struct buf token; /* values of a token */
	char why[96]; /* storage for reason */
};

/*
 * Checks the signature of a delivery whose body was read, by the endpoint's scheme, at the time `now` in ms since the
 * epoch; VERIFY_ANY_TIME: no time is checked. Where the scheme's secret stands in the body (ALGORITHM_CLIENT_STATE), all is OK until verify_secret() is asked.
 */
enum verify_result verify_delivery(const struct request *r, const struct endpoint *e, int64_t now, struct verify *v);

/*
 * The number of the secret that the value is, from 1; 0: none. The time that it takes may reveal the secrets' lengths, and
 * nothing else of them.
 */
int verify_secret(const struct secrets *secrets, struct slice value);

/*
 * True when a body that cannot be read proves nothing, although its signature is right. Either nothing in the signed string separates
 * an id from its neighbour, and bytes could be moved from the id into the body. Or a stranger can lengthen what is signed by
 * ALGORITHM_SHA256: with bytes that are neither JSON nor a form.
 */
bool verify_needs_reading(const struct scheme *s);

/*
 * Finds the endpoint's secret that one of v's signatures of v's message is made with. WRONG with the reason "wrong signature"
 * where there is none.
 */
enum verify_result verify_match(const struct endpoint *e, struct verify *v);

/* Sets the reason. Returns VERIFY_UNAVAILABLE. */
enum verify_result verify_unavailable(struct verify *v);

/* Checks v's time, which is signed, by the scheme's tolerance. */
enum verify_result verify_time(const struct scheme *s, int64_t now, struct verify *v);

/*
 * The first signature of the last delivery that was checked, in bytes; p == NULL: it has none, or its algorithm makes another one for
 * the same message.
 */
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
