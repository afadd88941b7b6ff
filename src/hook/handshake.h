/* SPDX-License-Identifier: ISC */
/* Answers handshakes: how a provider asks whether an endpoint is real. conf/handshake.h has them as data. */
#ifndef HANDSHAKE_H
#define HANDSHAKE_H

#include "conf/conf.h"
#include "hook/event.h"
#include "hook/request.h"

/*
 * A stranger chooses the question, so what is echoed of it is bounded: at most 512 letters, digits and marks that mean nothing in HTML,
 * JSON or a header. A question of other characters is none, where the answer echoes it or has its HMAC.
 */
enum { HANDSHAKE_CHALLENGE_MAX = 512 };

/* The largest body that an unsigned question may stand in: JSON, and a form. */
enum { HANDSHAKE_JSON_MAX = 4096, HANDSHAKE_FORM_MAX = 512 };

enum handshake_result {
	HANDSHAKE_ABSENT, /* the delivery is no handshake */
	HANDSHAKE_ANSWERED,
	HANDSHAKE_REFUSED, /* its token is wrong */
	HANDSHAKE_UNAVAILABLE,
};

/* What is answered; zero-initialised is valid, and may be used again and again. */
struct handshake_answer {
	unsigned status;
	const char *type;    /* Content-Type; static text. NULL: the body is empty */
	struct buf body;
	struct buf headers;  /* "Name: value\r\n" lines */
	struct buf secret;   /* the question, where it is a secret to be kept for the administrator; empty: it is none */
};

/*
 * A handshake in the query or in a header, before anything else of the delivery is looked at. A question in a header of a POST is
 * answered only where the delivery `lacks_proof`: it has no signature, right or wrong. `query` is overwritten.
 */
enum handshake_result handshake_head(const struct request *r, const struct endpoint *e, bool lacks_proof, struct form *query,
	struct handshake_answer *a);

/* True when the scheme has a handshake in an unsigned body. */
bool handshake_is_in_unsigned_body(const struct scheme *s);

/*
 * A handshake in the body of a delivery without any signature. The body is parsed as a delivery's, into `ev`, which is empty
 * afterwards unless the handshake was answered. Nothing of it is stored.
 */
enum handshake_result handshake_unsigned(const struct request *r, const struct endpoint *e, struct event *ev, struct handshake_answer *a);

/* A handshake in a delivery whose signature was right, and whose body was read. */
enum handshake_result handshake_event(const struct request *r, const struct endpoint *e, const struct event *ev, struct handshake_answer *a);

/*
 * True when the scheme's handshake signs this text for any sender. As a signed string it proves nothing.
 */
bool handshake_signs(const struct scheme *s, struct slice text);

void handshake_free(struct handshake_answer *a);

#endif
