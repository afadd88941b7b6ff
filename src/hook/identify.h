/* SPDX-License-Identifier: ISC */
/* Which provider's delivery a request looks like, by the data of the built-in schemes alone. */
#ifndef IDENTIFY_H
#define IDENTIFY_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/endpoint.h"
#include "conf/scheme.h"
#include "hook/request.h"

enum { IDENTIFY_MAX = 5, IDENTIFY_BODY_MAX = 1 << 20 };

/* A built-in scheme that the request fits. */
struct likeness {
	const struct scheme *scheme;
	unsigned points; /* the more of the scheme is found in the request, the more */
	bool proven;     /* one of the secrets made the signature, or is the secret in the request */
};

/*
 * Compares the request with each built-in scheme: the place and form of its proof, the headers that it reads, the event's name, and the fields in the body. A
 * scheme whose proof is not there does not count; one without a proof never counts. Tries the endpoint's secrets (NULL: none), with its
 * url; the time is not checked. The best come first: those that are proven, then those with the most points. Returns how many are in out.
 *
 * Work: each scheme whose proof is there hashes the body once for each secret, and reads it once, where it has at most IDENTIFY_BODY_MAX
 * bytes. The fields of a longer one do not count.
 */
size_t identify(const struct request *r, const struct endpoint *secrets, struct likeness out[IDENTIFY_MAX]);

/* How many of them fit as well as the first. */
size_t identify_best(const struct likeness *found, size_t n);

#endif
