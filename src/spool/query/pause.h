/* SPDX-License-Identifier: ISC */
/* The table pause, inside a transaction of the caller's. */
#ifndef SPOOL_QUERY_PAUSE_H
#define SPOOL_QUERY_PAUSE_H

#include "spool/pause.h"

/* Writes a pause that ends at `until`, in ms since the epoch; 0: deletes it. */
bool spool_pause_write(struct spool_db *db, const char *sink, int64_t until, int failures);

#endif
