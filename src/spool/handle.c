/* SPDX-License-Identifier: ISC */
/* Makes and closes the receiver's handle on a spool. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/place.h"
#include "core/log.h"
#include "spool/engine.h"
#include "spool/handle.h"

static struct spool_receiver *new_receiver(const char *place, enum journal journal, enum spool_access access)
{
	char why[512];
	const struct spool_engine *engine = spool_engine_find(place, why, sizeof why);

	if (!engine)
		log_message(LOG_LEVEL_ERROR, "spool: %s", why);
	return engine ? engine->receiver->new(place, journal, access) : NULL;
}

static void close_receiver(struct spool_receiver *r)
{
	if (r)
		r->ops->close(r);
}

void spool_handle_condition(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
}

struct spool *spool_new(const char *place, enum journal journal, enum spool_access access, struct reject_limits limits)
{
	struct spool *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->wakeup.fd = -1;
	s->queue_end = &s->queue;
	s->stats.limits = limits;
	s->stats.relimited = true;
	pthread_mutex_init(&s->mutex, NULL);
	pthread_cond_init(&s->free, NULL);
	spool_handle_condition(&s->flush);
	s->dir = strdup(place);
	s->receiver = new_receiver(place, journal, access);
	if (s->dir && s->receiver)
		return s;
	spool_close(s);
	return NULL;
}

/* A CGI program opens the overflow when it needs it, and measures and asks the relay in its directory before. */
static void make_overflow_once(struct spool *s, const char *dir)
{
	char why[256];

	if (s->overflow && access(dir, F_OK) != 0 && !s->overflow->ops->open(s->overflow, why, sizeof why))
		log_message(LOG_LEVEL_ERROR, "overflow: %s", why);
}

struct spool *spool_of(const struct conf *c, enum spool_access access)
{
	struct spool *s = spool_new(c->spool, c->journal, access, c->reject);
	char *dir = s ? strdup(c->dir) : NULL;

	if (!dir) {
		spool_close(s);
		return NULL;
	}
	free(s->dir);
	s->dir = dir;
	if (place_is_server(c->spool))
		s->wait = c->spool_wait * 1000;
	if (access == SPOOL_RECEIVE && c->overflow_dir) {
		s->overflow = new_receiver(c->overflow_dir, c->journal, SPOOL_OVERFLOW);
		make_overflow_once(s, c->overflow_dir);
	}
	return s;
}

void spool_close(struct spool *s)
{
	if (!s || !spool_gather_end(s))
		return;
	close_receiver(s->receiver);
	close_receiver(s->overflow);
	spool_wakeup_close(&s->wakeup);
	spool_stats_free(&s->stats);
	pthread_cond_destroy(&s->flush);
	pthread_cond_destroy(&s->free);
	pthread_mutex_destroy(&s->mutex);
	free(s->dir);
	free(s);
}

bool spool_open(struct spool *s, char *why, size_t n)
{
	char reason[256];

	if (s->overflow && !s->overflow->ops->open(s->overflow, reason, sizeof reason))
		log_message(LOG_LEVEL_ERROR, "overflow: %s", reason);
	return s->receiver->ops->open(s->receiver, why, n);
}
