/* SPDX-License-Identifier: ISC */
/* The checks of an endpoint's options: each a cfg_validate_callback_t, which reports what is wrong with file, line and fix. */
#ifndef SCHEMA_ENDPOINT_H
#define SCHEMA_ENDPOINT_H

#include <confuse.h>

int schema_check_name(cfg_t *cfg, cfg_opt_t *opt);
int schema_check_scheme(cfg_t *cfg, cfg_opt_t *opt);
int schema_check_bodies(cfg_t *cfg, cfg_opt_t *opt);
int schema_check_url(cfg_t *cfg, cfg_opt_t *opt);
int schema_check_allow(cfg_t *cfg, cfg_opt_t *opt);
int schema_check_rate(cfg_t *cfg, cfg_opt_t *opt);
int schema_check_secret_file(cfg_t *cfg, cfg_opt_t *opt);
int schema_check_secret_env(cfg_t *cfg, cfg_opt_t *opt);

/* The section as a whole; the line is that of its closing brace. */
int schema_check_endpoint(cfg_t *cfg, cfg_opt_t *opt);

#endif
