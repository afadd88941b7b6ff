/* SPDX-License-Identifier: ISC */
/* Requests that wait for new rows: one look at the spool, four times a second, serves them all. */
#ifndef WAITERS_H
#define WAITERS_H

#include "page/page.h"

enum {
	WAITERS_MAX = 64,       /* requests that may wait at a time */
	WAITERS_TICK_MS = 200,
};

/* NULL: memory is short. */
struct waiters *waiters_new(void);
void waiters_free(struct waiters *w);

/*
 * Waits until there is a row newer than `seen`, until `deadline`, clock_mono_us(), or until the process stops. False without waiting
 * when WAITERS_MAX requests wait already, or the process is stopping.
 */
bool waiters_wait(struct waiters *w, const int64_t seen[2], int64_t deadline);

/* Delays the answer of a request that is behind, so that many of them take little together; not beyond the deadline. */
void waiters_pace(struct waiters *w, int64_t deadline);

/* True while a request waits: the main thread then calls waiters_tick() each WAITERS_TICK_MS, which opens *db when it is NULL. */
bool waiters_any(struct waiters *w);
void waiters_tick(struct waiters *w, const struct conf *conf, struct spool_db **db);

/* Wakes all, for the end of the process. */
void waiters_stop(struct waiters *w);

#endif
