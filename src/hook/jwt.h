/* SPDX-License-Identifier: ISC */
/*
 * Deliveries that a JSON Web Token proves (RFC 7519, RFC 7515): signed under a configured key, by a configured algorithm.
 *
 * No key is fetched, and no header of the token chooses anything: "alg" must be the scheme's, and a "crit" extension is refused.
 */
#ifndef JWT_H
#define JWT_H

#include "hook/verify.h"

/* The same as verify_delivery(), for a scheme with a token. */
enum verify_result jwt_verify(const struct request *r, const struct endpoint *e, int64_t now, struct verify *v);

/* The value of "alg" of such a scheme's tokens: RFC 7518 section 3.1. */
const char *jwt_algorithm(const struct scheme *s);

/* Appends the text of a token's header, or of its claims, from v->message. False: memory is short, or there is none. */
bool jwt_show(const struct verify *v, bool claims, struct buf *out);

#endif
