/* SPDX-License-Identifier: ISC */
/* The options of a sink's section, and their checks. */
#ifndef SCHEMA_SINK_H
#define SCHEMA_SINK_H

#include <confuse.h>

/* To be copied into a tree; ends with CFG_END(). */
extern const cfg_opt_t schema_sink_options[];

/* A cfg_validate_callback_t for the section that was just read: reports what is wrong in it. */
int schema_sink_check(cfg_t *cfg, cfg_opt_t *opt);

#endif
