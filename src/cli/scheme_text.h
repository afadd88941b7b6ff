/* SPDX-License-Identifier: ISC */
/* What a scheme is, in words: for hookspool schemes and hookspool identify. */
#ifndef SCHEME_TEXT_H
#define SCHEME_TEXT_H

#include "conf/provider.h"
#include "conf/scheme.h"
#include "core/buf.h"

/* Each appends to out, and is false when memory is short. */

/* The algorithm as the configuration names it. Static text. */
const char *scheme_text_algorithm(const struct scheme *s);

/* What proves a delivery, such as "hmac-sha256 of {timestamp}.{body}, in Stripe-Signature". */
bool scheme_text_proof(const struct scheme *s, struct buf *out);

/* What the ids identify, by the provider's comment, and whether they are signed. */
bool scheme_text_ids(const struct provider *p, const struct scheme *s, struct buf *out);

/* The names of the headers and fields that are read and that nothing signs, comma-separated; nothing where all is signed. */
bool scheme_text_unsigned(const struct scheme *s, struct buf *out);

/* An endpoint section to add to a configuration. */
bool scheme_text_endpoint(const struct scheme *s, struct buf *out);

#endif
