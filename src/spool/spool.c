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
#include "spool/spool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "spool/handle.h"
#include "spool/measure.h"

enum { LEAST_US = 1000 * 1000 };

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
		for (struct spool_event *ev = b->events; ev; ev = ev->next, n++) {
			ev->settled = ev->refused = ev->overflowed = false;
			*ev->once = '\0';
		}
	}
	return n;
}

/* What is not settled goes to the overflow. The sinks of store can't acknowledge it from there. */
static bool put_into_overflow(struct spool *s, struct spool_batch *queue, int64_t until, bool *relayed, char *why, size_t n)
{
	if (!s->overflow->ops->put(s->overflow, queue, until, relayed, why, n))
		return false;
	for (struct spool_batch *b = queue; b; b = b->next)
		for (struct spool_event *ev = b->events; ev; ev = ev->next)
			ev->overflowed = !ev->settled;
	*relayed = true; /* the relay drains it */
	return true;
}

/* Until when a server is waited for: at least for a second, if spool-wait is not shorter. A request that came late must not end all waits. */
static int64_t end_of_wait(const struct spool *s, int64_t until, int64_t now)
{
	int64_t least = now + (s->wait < LEAST_US ? s->wait : LEAST_US);

	until = earlier(until, now + s->wait);
	return until < least ? least : until;
}

static bool commit_events(struct spool *s, struct spool_batch *queue, char *why, size_t n)
{
	bool ok, stored, relayed = false;
	int64_t began = clock_mono_us(), until;
	size_t events = begin_events(queue, &until);

	ok = s->receiver->ops->put(s->receiver, queue, s->wait ? end_of_wait(s, until, began) : until, &relayed, why, n);
	stored = ok;
	if (!ok && s->overflow)
		ok = put_into_overflow(s, queue, until, &relayed, why, n);
	if (ok)
		measure_commit(clock_mono_us() - began, events);
	/* a relay of this machine sends it; where none runs, those of others must hear of it */
	if (relayed && !spool_wakeup_send(&s->wakeup, s->dir, false) && stored && s->receiver->ops->tell)
		s->receiver->ops->tell(s->receiver);
	return ok;
}

void spool_handle_take(struct spool *s)
{
	while (s->busy)
		pthread_cond_wait(&s->free, &s->mutex);
	s->busy = true;
}

void spool_handle_give(struct spool *s)
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

	spool_handle_condition(&p.wake);
	pthread_mutex_lock(&s->mutex);
	*s->queue_end = &p.batch;
	s->queue_end = &p.batch.next;
	while (!p.done && (s->busy || s->queue != &p.batch))
		wait_in_queue(s, &p);
	if (!p.done) {
		s->busy = true;
		commit_queue(s);
		spool_handle_give(s);
	}
	pthread_mutex_unlock(&s->mutex);
	pthread_cond_destroy(&p.wake);
	return p.ok;
}

bool spool_probe(struct spool *s, char *why, size_t n)
{
	bool ok;

	pthread_mutex_lock(&s->mutex);
	spool_handle_take(s);
	pthread_mutex_unlock(&s->mutex);
	ok = s->receiver->ops->probe(s->receiver, why, n) || (s->overflow && s->overflow->ops->probe(s->overflow, why, n));
	pthread_mutex_lock(&s->mutex);
	spool_handle_give(s);
	pthread_mutex_unlock(&s->mutex);
	return ok;
}
