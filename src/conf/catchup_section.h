/* SPDX-License-Identifier: ISC */
/* The section of a catch-up: its options, its checks, and the catch-up that a section makes. */
#ifndef CATCHUP_SECTION_H
#define CATCHUP_SECTION_H

#include <confuse.h>

#include "conf/catchup.h"
#include "conf/option.h"

/* For option_table(). */
const struct option_row *catchup_section_rows(size_t i);
bool catchup_section_check(cfg_t *sec);

/* Checks what catch-ups say of other sections, when all files were read. */
bool catchup_section_check_links(cfg_t *tree);

/* The catch-up that a checked section is. False when memory is short; what was made is then freed by catchup_section_free(). */
bool catchup_section_make(cfg_t *sec, const struct endpoint *endpoints, size_t n_endpoints, struct catchup *out);
void catchup_section_free(struct catchup *c);

#endif
