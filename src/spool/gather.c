/* SPDX-License-Identifier: ISC */
/*
 * Statistics of the receiver: gathered in memory, and written once a second. Where that may wait for a server, a thread writes them, so
 * that no event waits for it.
 */
#define _GNU_SOURCE /* pthread_timedjoin_np */
#include <time.h>

#include "core/log.h"
#include "spool/handle.h"

enum { LAST_FLUSH_NS = 400 * 1000 * 1000 };

void spool_count(struct spool *s, const struct spool_tally *t)
{
	pthread_mutex_lock(&s->mutex);
	spool_stats_count(&s->stats, t);
	pthread_mutex_unlock(&s->mutex);
}

void spool_limit(struct spool *s, struct reject_limits limits)
{
	pthread_mutex_lock(&s->mutex);
	s->stats.limits = limits;
	s->stats.relimited = true;
	pthread_mutex_unlock(&s->mutex);
}

void spool_reject(struct spool *s, const struct spool_reject *r)
{
	pthread_mutex_lock(&s->mutex);
	spool_stats_reject(&s->stats, r);
	pthread_mutex_unlock(&s->mutex);
}

static bool has_stats(const struct spool *s)
{
	return s->stats.tallies || s->stats.rejects.n || s->stats.program;
}

/* Writes the statistics. After a failure they stay in memory, in front of newer ones. Called with the mutex, and the handle or its own thread. */
static void flush_stats(struct spool *s)
{
	struct spool_stats taken = s->stats;

	s->stats = (struct spool_stats){.limits = taken.limits};
	pthread_mutex_unlock(&s->mutex);
	if (s->receiver->ops->write(s->receiver, &taken))
		spool_stats_free(&taken);
	pthread_mutex_lock(&s->mutex);
	spool_stats_join(&taken, &s->stats);
	s->stats = taken;
}

static void *flush_when_asked(void *arg)
{
	struct spool *s = arg;

	pthread_mutex_lock(&s->mutex);
	while (!s->stop || s->asked) {
		if (s->asked) {
			s->asked = false;
			flush_stats(s);
		} else {
			pthread_cond_wait(&s->flush, &s->mutex);
		}
	}
	pthread_mutex_unlock(&s->mutex);
	return NULL;
}

/* Called with the mutex. */
static void ask_flusher(struct spool *s)
{
	s->asked = true;
	if (!s->flushing)
		s->flushing = pthread_create(&s->flusher, NULL, flush_when_asked, s) == 0;
	pthread_cond_signal(&s->flush);
}

void spool_flush(struct spool *s)
{
	pthread_mutex_lock(&s->mutex);
	if (has_stats(s) && s->receiver->ops->waits) {
		ask_flusher(s);
	} else if (has_stats(s)) {
		spool_handle_take(s);
		flush_stats(s);
		spool_handle_give(s);
	}
	pthread_mutex_unlock(&s->mutex);
}

void spool_tell(struct spool *s, const struct spool_program *p)
{
	pthread_mutex_lock(&s->mutex);
	if (!spool_stats_tell(&s->stats, p))
		log_message(LOG_LEVEL_ERROR, "memory is short; the spool is not told of this program");
	pthread_mutex_unlock(&s->mutex);
}

bool spool_gather_end(struct spool *s)
{
	struct timespec end;

	if (!s->flushing)
		return true;
	pthread_mutex_lock(&s->mutex);
	s->stop = true;
	pthread_cond_signal(&s->flush);
	pthread_mutex_unlock(&s->mutex);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_nsec += LAST_FLUSH_NS;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	return pthread_timedjoin_np(s->flusher, NULL, &end) == 0;
}
