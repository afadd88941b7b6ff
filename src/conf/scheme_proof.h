/* SPDX-License-Identifier: ISC */
/* The options that say how a delivery proves its sender: the places of signature and time, the signed string, the claims of a token. */
#ifndef SCHEME_PROOF_H
#define SCHEME_PROOF_H

#include "conf/option.h"
#include "conf/scheme.h"

/* Options whose fields are struct scheme's place, time and claim. Their texts borrow from the tree. */
extern const struct option_kind scheme_proof_places_kind;
extern const struct option_kind scheme_proof_time_kind;
extern const struct option_kind scheme_proof_claims_kind;

extern const char *const scheme_proof_algorithms[]; /* of enum algorithm */

/* Takes out of *s, which began as another scheme, what the section says in another way. Before its options are read. */
void scheme_proof_begin(cfg_t *sec, struct scheme *s);

/* Completes *s, whose options were read. */
void scheme_proof_end(struct scheme *s);

/* False, with the error reported, where the scheme's proof is not whole, or proves nothing. */
bool scheme_proof_check(cfg_t *sec, const struct scheme *s);

#endif
