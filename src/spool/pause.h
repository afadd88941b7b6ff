/* SPDX-License-Identifier: ISC */
/* The sinks that the relay pauses for: it writes them down, and the administrator ends a pause by taking it away. */
#ifndef SPOOL_PAUSE_H
#define SPOOL_PAUSE_H

#include "spool/db.h"

/* Until when, in ms since the epoch, and after how many failures in a row. */
typedef void spool_pause_visit(void *ctx, const char *sink, int64_t until, int failures);

/* Visits the pauses that are not over at `now`, by the sinks' names. */
bool spool_pause_list(struct spool_db *db, int64_t now, spool_pause_visit *visit, void *ctx);

/* Writes down that the sink pauses until then, in ms since the epoch, after so many failures. */
bool spool_pause_note(struct spool_db *db, const char *sink, int64_t until, int failures);

/* Ends the sink's pause; *ended becomes whether there was one at `now`. The relay has to be told. */
bool spool_pause_end(struct spool_db *db, const char *sink, int64_t now, bool *ended);

#endif
