/* SPDX-License-Identifier: ISC */
/* Long work on the spool gives way to deliveries: it measures how long it held the lock, and pauses for a multiple of that. */
#ifndef SPOOL_QUERY_YIELD_H
#define SPOOL_QUERY_YIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/engine.h"

/* Zeroed at the start of the work. */
struct spool_yield {
	int64_t began;      /* clock_mono_us() when the lock was taken */
	int64_t busy_until; /* another process wanted the lock lately */
};

/* After spool_db_begin(), or spool_delete_begin(). */
void spool_yield_begin(struct spool_yield *y, const struct spool_db *db);

/* After the lock was released. Pauses where other processes want it. Returns how long it was held, in us. */
int64_t spool_yield_end(struct spool_yield *y, const struct spool_db *db);

/* True once the work shall end between two of its transactions. */
bool spool_yield_halted(const struct spool_db *db);

#endif
