/* SPDX-License-Identifier: ISC */
/*
 * The spool as the receiver's threads use it: transactions on one handle of an engine, one at a time.
 *
 * Group commit: a thread that has events joins a queue. The first of the queue waits until the handle is free, takes the whole
 * queue, and commits it in one transaction. The others wake when their events are committed. Counters and probes have
 * transactions of their own, so that they never fail an event.
 *
 * Where the spool is a server, events that it does not commit in time go to the overflow, a spool of SQLite on this machine, which the
 * relay drains.
 */
#define _GNU_SOURCE /* pthread_timedjoin_np */
#include "spool/spool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/log.h"
#include "spool/engine.h"
#include "spool/measure.h"
#include "spool/receiver.h"
#include "spool/query/stats.h"
#include "spool/wakeup.h"

/* One caller's part of a commit; it lives on the caller's stack. */
struct put {
	struct spool_batch batch; /* the next of the queue is batch.next */
	int64_t deadline; /* clock_mono_us() until which it waits in the queue; 0: as long as it takes */
	bool taken;       /* out of the queue, to be committed */
	bool done, ok;
	char *why;
	size_t why_size;
	pthread_cond_t wake; /* it is done, or the first of the queue when the handle is free */
};

enum { LAST_FLUSH_S = 1 };

struct spool {
	char *dir; /* of this machine's files */
	int64_t wait; /* us that events wait for the receiver's engine; 0: as long as their deadlines say */

	/* of the thread that set `busy` */
	struct spool_receiver *receiver;
	struct spool_receiver *overflow; /* NULL: there is none */
	struct spool_wakeup wakeup;

	pthread_mutex_t mutex; /* all below */
	bool busy;              /* a thread uses the handle */
	pthread_cond_t free;    /* no thread does; for those that have no events */
	struct spool_batch *queue, **queue_end;
	struct spool_stats stats;
	pthread_t flusher;      /* writes statistics where that may wait for long */
	pthread_cond_t flush;   /* the flusher has something to do */
	bool flushing, asked, stop;
};

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

static void init_condition(pthread_cond_t *c)
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
	init_condition(&s->flush);
	s->dir = strdup(place);
	s->receiver = new_receiver(place, journal, access);
	if (s->dir && s->receiver)
		return s;
	spool_close(s);
	return NULL;
}

/* Ends the flusher, which writes what is left. False: it still waits for the server. */
static bool end_flusher(struct spool *s)
{
	struct timespec end;

	if (!s->flushing)
		return true;
	pthread_mutex_lock(&s->mutex);
	s->stop = true;
	pthread_cond_signal(&s->flush);
	pthread_mutex_unlock(&s->mutex);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += LAST_FLUSH_S;
	return pthread_timedjoin_np(s->flusher, NULL, &end) == 0;
}

void spool_close(struct spool *s)
{
	if (!s || !end_flusher(s))
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
	return s->receiver->ops->open(s->receiver, why, n);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* The earliest deadline of the events; 0: none has one. */
static int64_t deadline_of(const struct spool_event *ev)
{
	int64_t deadline = 0;

	for (; ev; ev = ev->next)
		deadline = earlier(deadline, ev->deadline);
	return deadline;
}

/* The put that this batch is the beginning of. */
static struct put *put_of(struct spool_batch *b)
{
	return (struct put *)(void *)b;
}

/* Marks all events as not stored, and returns their number. *until becomes the earliest deadline; 0: none has one. */
static size_t begin_events(struct spool_batch *queue, int64_t *until)
{
	size_t n = 0;

	*until = 0;
	for (struct spool_batch *b = queue; b; b = b->next) {
		*until = earlier(*until, put_of(b)->deadline);
		for (struct spool_event *ev = b->events; ev; ev = ev->next, n++)
			ev->settled = ev->refused = false;
	}
	return n;
}

static bool commit_events(struct spool *s, struct spool_batch *queue, char *why, size_t n)
{
	bool ok, relayed = false;
	int64_t began = clock_mono_us(), until;
	size_t events = begin_events(queue, &until);

	ok = s->receiver->ops->put(s->receiver, queue, s->wait ? earlier(until, began + s->wait) : until, &relayed, why, n);
	if (!ok && s->overflow)
		ok = s->overflow->ops->put(s->overflow, queue, until, &relayed, why, n);
	if (ok)
		measure_commit(clock_mono_us() - began, events);
	if (relayed)
		spool_wakeup_send(&s->wakeup, s->dir, false);
	return ok;
}

/* Waits until no thread uses the handle, and takes it. Called with the mutex. */
static void take_handle(struct spool *s)
{
	while (s->busy)
		pthread_cond_wait(&s->free, &s->mutex);
	s->busy = true;
}

/* Called with the mutex. */
static void give_handle(struct spool *s)
{
	s->busy = false;
	if (s->queue)
		pthread_cond_signal(&put_of(s->queue)->wake);
	pthread_cond_signal(&s->free);
}

/* Commits the whole queue, and sets the result of each put. Called with the mutex and the handle; the mutex is free during the commit. */
static void commit_queue(struct spool *s)
{
	struct spool_batch *queue = s->queue, *next;
	struct put *p;
	char why[256] = "";
	bool ok;

	s->queue = NULL;
	s->queue_end = &s->queue;
	for (struct spool_batch *b = queue; b; b = b->next)
		put_of(b)->taken = true;
	pthread_mutex_unlock(&s->mutex);
	ok = commit_events(s, queue, why, sizeof why);
	pthread_mutex_lock(&s->mutex);
	for (struct spool_batch *b = queue; b; b = next) {
		next = b->next;
		p = put_of(b);
		if (!ok)
			snprintf(p->why, p->why_size, "%s", why);
		p->ok = ok;
		p->done = true;
		pthread_cond_signal(&p->wake);
	}
}

/* Takes a put out of the queue whose deadline came while another thread waited for the lock. */
static void leave_queue(struct spool *s, struct put *p)
{
	struct spool_batch **at = &s->queue;

	while (*at != &p->batch)
		at = &(*at)->next;
	*at = p->batch.next;
	if (!p->batch.next)
		s->queue_end = at;
	snprintf(p->why, p->why_size, "lock: other events have waited for it, and no time is left");
	p->done = true;
}

/* Waits for a signal, or for the deadline of one that is still in the queue. Called with the mutex. */
static void wait_in_queue(struct spool *s, struct put *p)
{
	struct timespec until = {p->deadline / 1000000, p->deadline % 1000000 * 1000};

	if (p->taken || !p->deadline)
		pthread_cond_wait(&p->wake, &s->mutex);
	else if (pthread_cond_timedwait(&p->wake, &s->mutex, &until) == ETIMEDOUT && clock_mono_us() >= p->deadline && !p->taken &&
	    (s->busy || s->queue != &p->batch))
		leave_queue(s, p);
}

bool spool_put(struct spool *s, struct spool_event *first, char *why, size_t n)
{
	struct put p = {.batch.events = first, .deadline = deadline_of(first), .why = why, .why_size = n};

	init_condition(&p.wake);
	pthread_mutex_lock(&s->mutex);
	*s->queue_end = &p.batch;
	s->queue_end = &p.batch.next;
	while (!p.done && (s->busy || s->queue != &p.batch))
		wait_in_queue(s, &p);
	if (!p.done) {
		s->busy = true;
		commit_queue(s);
		give_handle(s);
	}
	pthread_mutex_unlock(&s->mutex);
	pthread_cond_destroy(&p.wake);
	return p.ok;
}

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
		take_handle(s);
		flush_stats(s);
		give_handle(s);
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

bool spool_probe(struct spool *s, char *why, size_t n)
{
	bool ok;

	pthread_mutex_lock(&s->mutex);
	take_handle(s);
	pthread_mutex_unlock(&s->mutex);
	ok = s->receiver->ops->probe(s->receiver, why, n);
	pthread_mutex_lock(&s->mutex);
	give_handle(s);
	pthread_mutex_unlock(&s->mutex);
	return ok;
}
