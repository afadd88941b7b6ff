/* SPDX-License-Identifier: ISC */
/* Requests that wait for new rows: one look at the spool, four times a second, serves them all. */
#include "page/waiters.h"

#include <stdlib.h>
#include <time.h>

#include "core/clock.h"
#include "spool/view.h"

/*
 * Under a stream of events all waiting requests are woken once in HOLD_US. Those that are further behind than one answer ask again at
 * once: together they get an answer each PACE_US. So open pages take little from the receiver.
 */
enum { HOLD_US = 700 * 1000, PACE_US = 120 * 1000 };

struct waiters {
	pthread_mutex_t mutex;
	pthread_cond_t news;
	int64_t newest[2];
	int64_t woken_at, paced_at; /* clock_mono_us() */
	unsigned n;
	bool stopping;
};

struct waiters *waiters_new(void)
{
	struct waiters *w = calloc(1, sizeof *w);
	pthread_condattr_t attr;

	if (!w)
		return NULL;
	pthread_mutex_init(&w->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->news, &attr);
	pthread_condattr_destroy(&attr);
	return w;
}

void waiters_free(struct waiters *w)
{
	if (!w)
		return;
	pthread_cond_destroy(&w->news);
	pthread_mutex_destroy(&w->mutex);
	free(w);
}

bool waiters_wait(struct waiters *w, const int64_t seen[2], int64_t deadline)
{
	struct timespec end = {deadline / 1000000, deadline % 1000000 * 1000};
	bool may;

	pthread_mutex_lock(&w->mutex);
	may = !w->stopping && w->n < WAITERS_MAX;
	if (may) {
		w->n++;
		while (!w->stopping && w->newest[0] <= seen[0] && w->newest[1] <= seen[1] &&
			pthread_cond_timedwait(&w->news, &w->mutex, &end) == 0)
			;
		w->n--;
	}
	pthread_mutex_unlock(&w->mutex);
	return may;
}

void waiters_pace(struct waiters *w, int64_t deadline)
{
	struct timespec until;
	int64_t at, now = clock_mono_us();

	pthread_mutex_lock(&w->mutex);
	at = w->paced_at + PACE_US > now ? w->paced_at + PACE_US : now;
	if (at > deadline)
		at = deadline;
	w->paced_at = at;
	until = (struct timespec){at / 1000000, at % 1000000 * 1000};
	while (!w->stopping && clock_mono_us() < at && pthread_cond_timedwait(&w->news, &w->mutex, &until) == 0)
		;
	pthread_mutex_unlock(&w->mutex);
}

bool waiters_any(struct waiters *w)
{
	bool any;

	pthread_mutex_lock(&w->mutex);
	any = w->n > 0;
	pthread_mutex_unlock(&w->mutex);
	return any;
}

void waiters_tick(struct waiters *w, const struct conf *conf, struct spool_db **db)
{
	int64_t newest[2], now = clock_mono_us();

	if (now - w->woken_at < HOLD_US)
		return;
	if (*db && spool_db_moved(*db)) {
		spool_db_free(*db);
		*db = NULL;
	}
	if (!*db && (!(*db = spool_db_new()) || !spool_db_open(*db, conf->spool, conf->journal, SPOOL_READ))) {
		spool_db_free(*db);
		*db = NULL;
		return; /* requests wait until their time is over, and then get the reason */
	}
	if (!spool_view_newest(*db, newest))
		return;
	pthread_mutex_lock(&w->mutex);
	if (newest[0] != w->newest[0] || newest[1] != w->newest[1]) {
		pthread_cond_broadcast(&w->news);
		w->woken_at = now;
	}
	w->newest[0] = newest[0];
	w->newest[1] = newest[1];
	pthread_mutex_unlock(&w->mutex);
}

void waiters_stop(struct waiters *w)
{
	pthread_mutex_lock(&w->mutex);
	w->stopping = true;
	pthread_cond_broadcast(&w->news);
	pthread_mutex_unlock(&w->mutex);
}
