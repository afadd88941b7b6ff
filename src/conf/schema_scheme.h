/* SPDX-License-Identifier: ISC */
/* The configuration's own signature schemes: from a section of libconfuse's tree to a row of the table, and back to file and line. */
#ifndef SCHEMA_SCHEME_H
#define SCHEMA_SCHEME_H

#include <confuse.h>
#include <stdbool.h>

#include "conf/scheme.h"

/* The options of a scheme section, to be copied into a tree; ends with CFG_END(). */
extern const cfg_opt_t schema_scheme_options[];

/* A cfg_validate_callback_t for the section that was just read: reports what is wrong in it. */
int schema_scheme_check(cfg_t *cfg, cfg_opt_t *opt);

/*
 * The scheme of that name, built in or in the tree, into out; its strings borrow from the tree. False when there is
 * none.
 */
bool schema_scheme_find(cfg_t *tree, const char *name, struct scheme *out);

/* Appends all their names, comma-separated. */
void schema_scheme_names(cfg_t *tree, struct buf *out);

extern const char *const schema_bodies[]; /* bit i of enum content */

/* The option "bodies" of a section, of words that are there, or-ed. */
unsigned schema_bodies_of(cfg_t *sec);

#endif
