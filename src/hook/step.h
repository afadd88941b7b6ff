/* SPDX-License-Identifier: ISC */
/*
 * The checks that a delivery must pass. handle.c has their order.
 *
 * Each returns STEP_GO_ON, or the outcome that ends the delivery; d->reason then says more to the operator, if it is set.
 */
#ifndef STEP_H
#define STEP_H

#include "hook/handle.h"

#define STEP_GO_ON OUTCOME_COUNT

/* Sets the reason, which must live as long as the delivery. Returns the outcome. */
enum outcome step_reject(struct delivery *d, const char *reason, enum outcome o);

/* No endpoint has the path. The reason names one whose path differs only by slashes at its end. */
enum outcome step_not_found(const struct request *r, const struct conf *c, struct delivery *d);

/* The caller: its address against `allow`, its certificate against `client-certificate`. */
enum outcome step_caller(const struct request *r, struct delivery *d);

/* The endpoint's rate. */
enum outcome step_rate(const struct request *r, const struct conf *c, struct delivery *d);

/* The method. A handshake in the query or a header is answered before: it has neither signature nor body. */
enum outcome step_method(const struct request *r, struct delivery *d);

/* The Content-Type. An unexpected one ends a delivery that nothing can prove. Others are kept once they are proven. */
enum outcome step_type(const struct request *r, const struct endpoint *e);

/* The Content-Length. */
enum outcome step_length(const struct request *r, struct delivery *d);

/* The Authorization header. */
enum outcome step_authorization(const struct request *r, struct delivery *d);

/* Reads the body. */
enum outcome step_body(struct request *r, struct delivery *d);

/* A handshake in an unsigned body. Nothing of it is stored. */
enum outcome step_probe(const struct request *r, struct delivery *d);

/* The signature, over the raw bytes: no parser has seen the body before. */
enum outcome step_signature(const struct request *r, struct delivery *d);

/* Reads the event out of the body. A body that cannot be read goes on, with a note. */
enum outcome step_parse(const struct request *r, struct delivery *d);

/* The secret in the body, for schemes that have it there. */
enum outcome step_client_state(const struct request *r, struct delivery *d);

/* The content. A proven delivery is kept, whether or not it can be read. Others are refused for what is in them. */
enum outcome step_content(const struct request *r, struct delivery *d);

/* A handshake in the body. */
enum outcome step_handshake(const struct request *r, struct delivery *d);

/*
 * The filters `events` and `accounts`. An event that cannot be read, or has no name, may be wanted: it is kept, unless its
 * account is another. A delivery with several events or accounts is kept for the same reason.
 */
enum outcome step_filters(struct delivery *d);

#endif
