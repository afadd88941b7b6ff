/* SPDX-License-Identifier: ISC */
/* Secrets that two endpoints have: a delivery that is signed for one is taken as signed by the other. */
#ifndef SHARED_SECRETS_H
#define SHARED_SECRETS_H

#include <confuse.h>
#include <stdbool.h>
#include <stddef.h>

#include "conf/endpoint.h"
#include "conf/conf_report.h"

/* True when the endpoint has that signing secret: the same text, or a text that makes the same key. */
bool shared_secrets_has(const struct endpoint *e, const struct secret *secret);

/*
 * True when no secret whose HMAC a handshake gives to a stranger verifies another endpoint's deliveries. Otherwise reports each
 * such pair with the file and line of its section in the tree, and the fix. Two endpoints that both have such a handshake may
 * share a secret, as those of one app do: each refuses what a handshake signs.
 */
bool shared_secrets_check(cfg_t *tree, const struct endpoint *all, size_t n, conf_report *report, void *ctx);

#endif
