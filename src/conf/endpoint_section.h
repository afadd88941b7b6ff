/* SPDX-License-Identifier: ISC */
/* The section of an endpoint: its options, its checks, and the endpoint that a section makes. */
#ifndef ENDPOINT_SECTION_H
#define ENDPOINT_SECTION_H

#include <confuse.h>
#include <stdbool.h>

#include "conf/endpoint.h"
#include "conf/option.h"

/* For option_table(). */
const struct option_row *endpoint_section_rows(size_t i);
bool endpoint_section_check(cfg_t *sec);

/* Checks the sinks that endpoints name, when all files were read. */
bool endpoint_section_check_links(cfg_t *tree);

/*
 * The endpoint that a checked section is, with its secrets; it points to the sinks. max_body is 0 where the section has none, and
 * dedupe_window is left 0. False when memory is short, or a secret has changed; what was made is then freed by endpoint_section_free().
 */
bool endpoint_section_make(cfg_t *tree, cfg_t *sec, const struct sink *sinks, size_t n_sinks, struct endpoint *out);
void endpoint_section_free(struct endpoint *e);

#endif
