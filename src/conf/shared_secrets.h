/* SPDX-License-Identifier: ISC */
/* Secrets that stand in two endpoints: what a provider signs for one, the other takes as signed. */
#ifndef SHARED_SECRETS_H
#define SHARED_SECRETS_H

#include "conf/conf.h"

/* A secret of one endpoint that another has too. */
struct shared_secret {
	const struct endpoint *endpoint, *other; /* other stands above endpoint in the configuration */
	const struct secret *secret;             /* endpoint's */
};

typedef void shared_secret_visitor(void *ctx, const struct shared_secret *s);

/* Visits each pair of endpoints that have a signing secret in common, once, by its text or by the key that it is. */
void shared_secrets_visit(const struct conf *c, shared_secret_visitor *visit, void *ctx);

/*
 * True when no secret whose HMAC a handshake gives to a stranger verifies another endpoint's deliveries. Otherwise reports each
 * such pair with file, line and fix. Two endpoints that both have such a handshake may share a secret, as those of one app do:
 * each refuses what a handshake signs.
 */
bool shared_secrets_check(const struct conf *c, conf_report *report, void *ctx);

#endif
