/* SPDX-License-Identifier: ISC */
/* A sentence about the provider that a delivery looks like: for identify, rejects and verify. */
#ifndef LOOKS_LIKE_H
#define LOOKS_LIKE_H

#include "hook/identify.h"

/*
 * Appends such as "this is signed as Calendly signs (scheme = "calendly")", or "this looks like a delivery of Calendly (...)", with other
 * schemes that fit as well. Nothing where n is 0. False when memory is short.
 */
bool looks_like_add(const struct likeness *found, size_t n, struct buf *out);

/*
 * The same for a request to an endpoint (NULL: to none), with its secrets: nothing where the endpoint has the scheme that fits best, or
 * one that fits as well.
 */
bool looks_like_other(const struct request *r, const struct endpoint *e, struct buf *out);

#endif
