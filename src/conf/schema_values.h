/* SPDX-License-Identifier: ISC */
/* The checks of values that stand alone: sizes, times, ages, choices, numbers and modes. */
#ifndef SCHEMA_VALUES_H
#define SCHEMA_VALUES_H

#include <confuse.h>

/* libconfuse's validating callbacks: 0, or -1 after a message with the fix. */
int schema_check_size(cfg_t *cfg, cfg_opt_t *opt);
int schema_check_duration(cfg_t *cfg, cfg_opt_t *opt);
int schema_check_age(cfg_t *cfg, cfg_opt_t *opt);
int schema_check_keep(cfg_t *cfg, cfg_opt_t *opt);
int schema_check_choice(cfg_t *cfg, cfg_opt_t *opt);
int schema_check_range(cfg_t *cfg, cfg_opt_t *opt);
int schema_check_mode(cfg_t *cfg, cfg_opt_t *opt);

#endif
