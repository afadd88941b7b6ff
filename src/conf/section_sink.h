/* SPDX-License-Identifier: ISC */
/* What a sink's section says, and the sink it makes. */
#ifndef SECTION_SINK_H
#define SECTION_SINK_H

#include <confuse.h>

#include "conf/sink.h"

/* Reads "503" or "5xx", and sets what it stands for. False when it is none of 3xx to 5xx. */
bool section_sink_status(const char *text, bool retry_on[SINK_STATUS_MAX]);

/* The template that the option body is, freed by the caller. NULL with the reason in why. */
struct template *section_sink_body(cfg_t *sec, char *why, size_t why_size);

/* True when that has {{hookspool.reply}} in it. */
bool section_sink_replies(cfg_t *sec);

/*
 * The template that the value of a header "Name: value" is, freed by the caller; *name_length becomes how long the name is. NULL
 * with "" in why where the header is no template, and else with the reason.
 */
struct template *section_sink_header(const char *header, size_t *name_length, char *why, size_t why_size);

/* The type that it names; NULL: there is none of that name. */
const struct sink_type *section_sink_type(cfg_t *sec);

/* The sink that a checked section is, with copies of all in it. False when memory is short; what was made is then freed by section_sink_free(). */
bool section_sink_make(cfg_t *sec, struct sink *out);
void section_sink_free(struct sink *s);

#endif
