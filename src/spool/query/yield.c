/* SPDX-License-Identifier: ISC */
/* Long work on the spool gives way to deliveries: it measures how long it held the lock, and pauses for a multiple of that. */
#include "spool/query/yield.h"

#include <time.h>

#include "core/clock.h"

enum {
	TIMES = 12, /* so that deliveries have more than nine tenths of the time */
	BUSY_US = 2 * 1000 * 1000,
	PAUSE_MOST_US = 500 * 1000,
	NAP_US = 20 * 1000,      /* the end of the process waits that long */
};

bool spool_yield_halted(const struct spool_db *db)
{
	return db->halt && atomic_load(db->halt);
}

void spool_yield_begin(struct spool_yield *y, const struct spool_db *db)
{
	y->began = clock_mono_us();
	if (spool_db_contended(db))
		y->busy_until = y->began + BUSY_US;
}

int64_t spool_yield_end(struct spool_yield *y, const struct spool_db *db)
{
	const struct timespec nap = {.tv_nsec = NAP_US * 1000};
	int64_t now = clock_mono_us(), held = now - y->began, pause = held * TIMES < PAUSE_MOST_US ? held * TIMES : PAUSE_MOST_US;
	struct timespec last = {.tv_nsec = pause % NAP_US * 1000};

	if (now >= y->busy_until)
		return held;
	for (; pause >= NAP_US && !spool_yield_halted(db); pause -= NAP_US)
		nanosleep(&nap, NULL);
	nanosleep(&last, NULL);
	return held;
}
