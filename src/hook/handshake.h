/* SPDX-License-Identifier: ISC */
/* Handshakes: how a provider asks whether an endpoint is real, and what it wants to hear. */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include "conf/conf.h"
#include "hook/event.h"
#include "hook/request.h"

enum handshake_result {
	HANDSHAKE_ABSENT, /* the delivery is no handshake */
	HANDSHAKE_ANSWERED,
	HANDSHAKE_REFUSED, /* its token is wrong */
	HANDSHAKE_UNAVAILABLE,
};

/* What is answered; Zero-initialised is valid, and may be used again and again. */
struct handshake_answer {
	unsigned status;
	const char *type; /* Content-Type; static text. NULL: the body is empty */
	struct buf body;
};

/*
 * A handshake in the query, before anything else of the delivery is looked at. What is echoed is at most 512
 * letters, digits and marks that mean nothing in HTML, JSON or a header.
 */
enum handshake_result handshake_query(const struct request *r, const struct endpoint *e, struct form *query,
	struct handshake_answer *a);

/*
 * True when the scheme's handshake gives the HMAC of this text to any stranger who sends it. As a signed string it proves nothing.
 */
bool handshake_signs(const struct scheme *s, struct slice text);

/*
 * A probe in an unsigned body, of which nothing is stored: Slack's form of ssl_check=1 and a token, and no more.
 * `form` is overwritten.
 */
enum handshake_result handshake_unsigned(const struct request *r, const struct endpoint *e, struct form *form, struct handshake_answer *a);

/* A handshake in an event, whose signature was right. */
enum handshake_result handshake_event(const struct event *ev, const struct endpoint *e, struct handshake_answer *a);

#endif
