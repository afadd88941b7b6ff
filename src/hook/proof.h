/* SPDX-License-Identifier: ISC */
/* What proves a delivery, in headers or elsewhere: signatures, timestamp and id. */
#ifndef PROOF_H
#define PROOF_H

#include "hook/verify.h"

/* A header of which there must be one, into *out. WRONG with v->reason where there is none, or more than one. */
enum verify_result proof_header(const struct request *r, const char *name, struct slice *out, struct verify *v);

/*
 * The text at the only place that a secret or a token is in, into v->value, and without the scheme's prefix into *out; out->p == NULL:
 * it has another prefix. WRONG with v->reason where there is none, or more than one.
 */
enum verify_result proof_one(const struct request *r, const struct scheme *s, struct slice *out, struct verify *v);

/*
 * Reads the proof of a scheme with signatures into v: header, value, timestamp, at, id, algorithm, the signatures, and the values that
 * are signed. In a list of signatures an element that cannot be one is passed over. WRONG with v->reason where a part is missing,
 * is there twice, or is malformed.
 */
enum verify_result proof_read(const struct request *r, const struct scheme *s, struct verify *v);

/* Reads the time, where it is in a body whose bytes are signed: after these were verified. */
enum verify_result proof_late_time(const struct request *r, const struct scheme *s, struct verify *v);

/* Adds a signature to v. False when it cannot be one of v's algorithm. */
bool proof_add_signature(enum encoding encoding, struct slice text, enum algorithm other, struct verify *v);

#endif
