/* SPDX-License-Identifier: ISC */
/* The answer to a delivery. */
#ifndef RESPOND_H
#define RESPOND_H

#include "core/buf.h"
#include "hook/handle.h"

/*
 * Appends the answer as a CGI response (RFC 3875 section 6), and notes the time. False, with nothing appended, when memory is
 * short: the sender gets no answer then, and tries again.
 */
bool respond(struct delivery *d, struct buf *out);

#endif
