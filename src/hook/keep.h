/* SPDX-License-Identifier: ISC */
/* What is kept of a delivery: its event, with the headers that prove it; or what `hookspool rejects` shows of a refused one. */
#ifndef KEEP_H
#define KEEP_H

#include "hook/handle.h"

/*
 * Puts into d->headers what proves the signature and what fields were taken from, but never a header that is itself the secret.
 * False when memory is short.
 */
bool keep_headers(const struct request *r, struct delivery *d);

/* Fills d->stored, which borrows from the delivery and the request. */
void keep_event(const struct request *r, struct delivery *d);

/* Copies what `hookspool rejects` tells of a refused delivery: the request may be gone by then. */
void keep_refused(const struct request *r, struct delivery *d);

#endif
