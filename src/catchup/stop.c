/* SPDX-License-Identifier: ISC */
/* Ends the waits of a catch-up from another thread. */
#include "catchup/client.h"

#include <errno.h>
#include <time.h>

void catchup_stop_init(struct catchup_stop *s)
{
	pthread_condattr_t attr;

	*s = (struct catchup_stop){.ended = false};
	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
}

void catchup_stop_free(struct catchup_stop *s)
{
	pthread_cond_destroy(&s->changed);
	pthread_mutex_destroy(&s->lock);
}

void catchup_stop_set(struct catchup_stop *s)
{
	pthread_mutex_lock(&s->lock);
	s->ended = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

bool catchup_stop_is_set(struct catchup_stop *s)
{
	bool ended;

	pthread_mutex_lock(&s->lock);
	ended = s->ended;
	pthread_mutex_unlock(&s->lock);
	return ended;
}

bool catchup_stop_wait(struct catchup_stop *s, int64_t ms)
{
	struct timespec until;
	bool ended;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&s->lock);
	while (!s->ended && pthread_cond_timedwait(&s->changed, &s->lock, &until) != ETIMEDOUT)
		;
	ended = s->ended;
	pthread_mutex_unlock(&s->lock);
	return !ended;
}
