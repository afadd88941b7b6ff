/* SPDX-License-Identifier: ISC */
/* Explains why a signature does not match: tries changes one at a time until it matches. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "conf/conf.h"
#include "core/buf.h"
#include "hook/request.h"
#include "hook/verify.h"

/*
 * Appends the likely cause to out after verify_delivery() refused the delivery: a sentence without its full stop, or nothing when
 * no cause is found. False when memory is short.
 */
bool explain_cause(const struct request *r, const struct endpoint *e, const struct verify *v, struct buf *out);

#endif
