/* The options of a sink's section, their checks, and the sink they make. */
#ifndef SCHEMA_SINK_H
#define SCHEMA_SINK_H

#include <confuse.h>

#include "conf/sink.h"

/* To be copied into a tree; ends with CFG_END(). */
extern const cfg_opt_t schema_sink_options[];

/* A cfg_validate_callback_t for the section that was just read: reports what is wrong in it. */
int schema_sink_check(cfg_t *cfg, cfg_opt_t *opt);

/* Checks the endpoint's relay: there are such sinks. */
int schema_check_relay(cfg_t *cfg, cfg_opt_t *opt);

/* The sink that a checked section is, with copies of all in it. False when memory is short; what was made is then freed by schema_sink_free(). */
bool schema_sink_make(cfg_t *sec, struct sink *out);
void schema_sink_free(struct sink *s);

#endif
