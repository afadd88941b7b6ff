/* SPDX-License-Identifier: ISC */
/* Why a signature does not match: what else would have made it match is tried, one thing at a time. */
#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "conf/conf.h"
#include "core/buf.h"
#include "hook/request.h"
#include "hook/verify.h"

/*
 * Appends the likely cause to out, a sentence without its full stop, after verify_delivery() found the delivery wrong;
 * nothing when no cause is found. False when memory is short.
 */
bool explain_cause(const struct request *r, const struct endpoint *e, const struct verify *v, struct buf *out);

#endif
