/* SPDX-License-Identifier: ISC */
/* The section of a sink: the options that all types have, and the sink that a section makes. */
#ifndef SINK_SECTION_H
#define SINK_SECTION_H

#include <confuse.h>

#include "conf/option.h"
#include "conf/sink.h"

/* For option_table(): common options, those of a body, and those of each type, in that order. */
const struct option_row *sink_section_rows(size_t i);
bool sink_section_check(cfg_t *sec);

/* The type whose rows sink_section_rows(i) are; NULL: those of several types. */
const struct sink_type *sink_section_type_of(size_t i);

/* The type that the section names; NULL: there is none of that name. */
const struct sink_type *sink_section_type(cfg_t *sec);

/* True when its body has {{hookspool.reply}} in it: the sink sends what programs answer, and no events. */
bool sink_section_replies(cfg_t *sec);

/* Checks what sinks say of other sections, when all files were read. */
bool sink_section_check_links(cfg_t *tree);

/*
 * The sink that a checked section is, with copies of all in it. False when memory is short; what was made is then freed by
 * sink_section_free().
 */
bool sink_section_make(cfg_t *sec, struct sink *out);
void sink_section_free(struct sink *s);

#endif
