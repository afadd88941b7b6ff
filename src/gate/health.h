/* SPDX-License-Identifier: ISC */
/*
 * Health: could an event be stored now? For load balancers, which any client may be.
 *
 * The spool is tried by a write that is taken back. All processes of a spool together try at most once a second, and answer from the last
 * result until then: a stranger can't keep the spool busy.
 */
#ifndef HEALTH_H
#define HEALTH_H

#include <stdbool.h>

#include "conf/conf.h"
#include "core/buf.h"
#include "hook/request.h"
#include "spool/spool.h"

/* True for a request to the path that the option `health` names. */
bool health_asked(const struct request *r, const struct conf *c);

/* The receiver's answer, as CGI text: 200 or 503, with nothing else in it. */
bool health_answer(struct spool *s, struct buf *out);

#endif
