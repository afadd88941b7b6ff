/* SPDX-License-Identifier: ISC */
/* Whether the signature of a stored event still holds. */
#ifndef VERDICT_H
#define VERDICT_H

#include "conf/conf.h"
#include "spool/events.h"

/* Appends the verdict by the configured secrets, for people, such as "signature ok, secret 1 (file linkedin.secret)". */
void verdict_describe(const struct conf *conf, const struct spool_row *r, struct buf *out);

#endif
