/* SPDX-License-Identifier: ISC */
/* hookspool stats, the catch-ups. */
#ifndef STATS_CATCHUP_H
#define STATS_CATCHUP_H

#include <stdbool.h>

#include "core/json.h"
#include "spool/db.h"

/* Prints what each catch-up found missing, and when it last was complete. False on an error of db. */
bool stats_print_catchups(struct spool_db *db);

/* The same as a list "catch_ups". */
bool stats_add_catchups(struct json *j, struct spool_db *db);

#endif
