/* SPDX-License-Identifier: ISC */
/* Pauses of sinks: the relay writes them, and `hookspool retry` ends one by deleting it. */
#ifndef SPOOL_PAUSE_H
#define SPOOL_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/db.h"
#include "spool/rows.h"

struct spool_pause {
	const char *sink;
	int64_t until; /* ms since the epoch */
	int failures;  /* in a row, that led to it */
};

/* Reads the pauses that are not over at `now`, by the sinks' names. */
struct spool_rows *spool_pause_list(struct spool_db *db, int64_t now);
bool spool_pause_next(struct spool_rows *rows, struct spool_pause *pause);

/* Writes the pause of a sink. */
bool spool_pause_note(struct spool_db *db, const char *sink, int64_t until, int failures);

/* Ends the sink's pause. *ended becomes true when there was one at `now`. The caller then wakes the relay. */
bool spool_pause_end(struct spool_db *db, const char *sink, int64_t now, bool *ended);

#endif
