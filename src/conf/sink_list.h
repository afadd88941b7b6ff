/* SPDX-License-Identifier: ISC */
/* Options that are lists of sinks: relay, store and alert. They are checked and read when all sinks are known. */
#ifndef SINK_LIST_H
#define SINK_LIST_H

#include <confuse.h>
#include <stdbool.h>
#include <stddef.h>

#include "conf/sink.h"

struct option_kind;

extern const struct option_kind sink_list_kind; /* it reads nothing: sink_list_find() does */

/*
 * Checks the section's list: each sink is there, is named once, is not in the list `other` too (NULL: there is none), and takes
 * events. False after an error was reported.
 */
bool sink_list_check(cfg_t *tree, cfg_t *sec, const char *list, const char *other);

/* The sinks of a list that was checked. The caller frees the array. NULL when memory is short. */
const struct sink **sink_list_find(cfg_t *sec, const char *list, const struct sink *sinks, size_t n_sinks, size_t *n);

#endif
