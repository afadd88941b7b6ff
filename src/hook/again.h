/* SPDX-License-Identifier: ISC */
/* A refused delivery that was kept whole, checked again by the configuration as it is now: for `hookspool rejects` and the page. */
#ifndef AGAIN_H
#define AGAIN_H

#include "hook/handle.h"
#include "hook/stored.h"
#include "spool/rejects.h"

enum again { AGAIN_NO_ENDPOINT, AGAIN_NOT_KEPT, AGAIN_NO_MEMORY, AGAIN_REFUSED, AGAIN_PASSES };

/* The endpoint that it was for; NULL: the configuration has none now. */
const struct endpoint *again_endpoint(const struct conf *c, const struct spool_reject_row *r);

/*
 * Checks it, as of the time when it came. After AGAIN_PASSES the caller may store it: d->stored.reject = r->id, then handle_store().
 * `stored` is what d borrows from; both are freed by the caller.
 */
enum again again_check(const struct conf *c, const struct spool_reject_row *r, struct stored *stored, struct delivery *d);

/* Why it does not pass: static text, or text in d. */
const char *again_reason(enum again a, const struct delivery *d);

/*
 * Takes headers and body from the row of a handshake that brought a secret: `hookspool rejects` alone shows them, and no page or
 * assistant does.
 */
void again_hide_secret(struct spool_reject_row *r);

#endif
