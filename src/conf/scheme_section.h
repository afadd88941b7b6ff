/* SPDX-License-Identifier: ISC */
/* The configuration's own signature schemes: the options of a scheme section, and the scheme that it makes. */
#ifndef SCHEME_SECTION_H
#define SCHEME_SECTION_H

#include <confuse.h>
#include <stdbool.h>

#include "conf/option.h"
#include "conf/scheme.h"
#include "core/buf.h"

/* For option_table(). */
const struct option_row *scheme_section_rows(size_t i);
bool scheme_section_check(cfg_t *sec);

/*
 * The scheme of that name into out: the tree's own, whose strings borrow from the tree; else the built-in one. False when there is none,
 * or memory is short.
 */
bool scheme_section_find(cfg_t *tree, const char *name, struct scheme *out);

/* The scheme of a section of the tree that was not checked, as those of built-in schemes. False when memory is short. */
bool scheme_section_make(cfg_t *tree, cfg_t *sec, struct scheme *out);

/* The name of the i-th built-in scheme; NULL behind the last. */
const char *scheme_section_word(size_t i);

/* Appends the names of the tree's own schemes, comma-separated. */
void scheme_section_names(cfg_t *tree, struct buf *out);

extern const char *const scheme_section_bodies[]; /* bit i of enum content */

/* The option "bodies" of a section that was checked, or-ed. */
unsigned scheme_section_bodies_of(cfg_t *sec);

#endif
