/* SPDX-License-Identifier: ISC */
/* The headers that prove a delivery: signatures, timestamp and id. */
#ifndef PROOF_H
#define PROOF_H

#include "hook/verify.h"

/* A header of which there must be one, into *out. WRONG with v->reason where there is none, or more than one. */
enum verify_result proof_header(const struct request *r, const char *name, struct slice *out, struct verify *v);

/*
 * Reads the headers of a scheme with signatures into v: header, value, timestamp, at, id, algorithm and the signatures. In a list
 * of signatures an element that cannot be one is passed over. WRONG with v->reason where a header is missing, is there twice, or
 * is malformed.
 */
enum verify_result proof_read(const struct request *r, const struct scheme *s, struct verify *v);

#endif
