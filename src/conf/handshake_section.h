/* SPDX-License-Identifier: ISC */
/* The configuration's own handshakes: the options of a handshake section, and those that a scheme names. */
#ifndef HANDSHAKE_SECTION_H
#define HANDSHAKE_SECTION_H

#include <confuse.h>
#include <stdbool.h>

#include "conf/handshake.h"
#include "conf/option.h"

/* For option_table(). */
const struct option_row *handshake_section_rows(size_t i);
bool handshake_section_check(cfg_t *sec);

/*
 * Appends the handshakes of that name, of the tree or built in, to the first `max` of out, where *n are. Their strings borrow from the
 * tree. False when there is none, or no room.
 */
bool handshake_section_add(cfg_t *tree, const char *name, struct handshake *out, size_t max, size_t *n);

/* The i-th different name of built-in handshakes, NULL behind the last. */
const char *handshake_section_word(size_t i);

#endif
