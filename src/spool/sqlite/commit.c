/* SPDX-License-Identifier: ISC */
/*
 * The spool as the receiver's threads use it: transactions on one database handle, one at a time.
 *
 * Group commit: a thread that has events joins a queue. The first of the queue waits until the handle is free, takes the whole
 * queue, and commits it in one transaction. The others wake when their events are committed. Counters and probes have
 * transactions of their own, so that they never fail an event.
 *
 * The fsync is SQLite's, in the commit of a transaction: PRAGMA synchronous in fsync.c decides. The counters' have none.
 */
#include "spool/spool.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "spool/sqlite/db.h"
#include "spool/sqlite/fsync.h"
#include "spool/sqlite/program.h"
#include "spool/sqlite/stats.h"
#include "spool/measure.h"
#include "spool/sqlite/store.h"
#include "spool/wakeup.h"

/* One caller's part of a commit; it lives on the caller's stack. */
struct put {
	struct put *next;
	struct spool_event *events;
	int64_t deadline; /* clock_mono_us() until which it waits in the queue; 0: as long as it takes */
	bool taken;       /* out of the queue, to be committed */
	bool done, ok;
	char *why;
	size_t why_size;
	pthread_cond_t wake; /* it is done, or the first of the queue when the handle is free */
};

struct spool {
	char *dir;
	enum journal journal;
	enum spool_access access;

	/* of the thread that set `busy` */
	struct spool_db db;
	bool open;
	struct spool_store store;
	struct spool_wakeup wakeup;

	pthread_mutex_t mutex; /* all below */
	bool busy;              /* a thread uses the handle */
	pthread_cond_t free;    /* no thread does; for those that have no events */
	struct put *queue, **queue_end;
	struct spool_stats stats;
};

struct spool *spool_new(const char *dir, enum journal journal, enum spool_access access,
	struct reject_limits limits)
{
	struct spool *s = calloc(1, sizeof *s);

	if (!s)
		return NULL;
	s->dir = strdup(dir);
	if (!s->dir) {
		free(s);
		return NULL;
	}
	s->journal = journal;
	s->access = access;
	s->stats.limits = limits;
	s->stats.relimited = true;
	s->wakeup.fd = -1;
	s->queue_end = &s->queue;
	pthread_mutex_init(&s->mutex, NULL);
	pthread_cond_init(&s->free, NULL);
	return s;
}

static void close_db(struct spool *s)
{
	if (!s->open)
		return;
	spool_store_close(&s->store);
	spool_db_close(&s->db);
	s->open = false;
}

void spool_close(struct spool *s)
{
	if (!s)
		return;
	close_db(s);
	spool_wakeup_close(&s->wakeup);
	spool_stats_free(&s->stats);
	pthread_cond_destroy(&s->free);
	pthread_mutex_destroy(&s->mutex);
	free(s->dir);
	free(s);
}

/* Copies the reason of the handle's failure. Returns false. */
static bool tell_error(const struct spool *s, char *why, size_t n)
{
	snprintf(why, n, "%s", spool_db_error(&s->db));
	return false;
}

/* Opens the database, anew where its file was moved away: an event in a deleted file is lost. */
bool spool_open(struct spool *s, char *why, size_t n)
{
	if (s->open && !spool_db_moved(&s->db))
		return true;
	close_db(s);
	if (!spool_db_open(&s->db, s->dir, s->journal, s->access))
		return tell_error(s, why, n);
	s->open = true;
	if (spool_store_open(&s->store, s->db.sql))
		return true;
	snprintf(why, n, "%s: %s", s->dir, sqlite3_errmsg(s->db.sql));
	close_db(s);
	return false;
}

/* Whether a commit waits for the disk. Counters alone are not worth an fsync: the next event's commit covers them. */
enum durability { LAZY, DURABLE };

/*
 * Begins a transaction, which waits for the lock until then, clock_mono_us(); 0: for 8 s; a lazy one 1 s, also to open the database.
 * end_transaction() must follow. False with the reason in why.
 */
static bool begin_transaction(struct spool *s, enum durability d, int64_t until, char *why, size_t n)
{
	bool ok;

	s->db.wait_until = d == LAZY ? clock_mono_us() : until;
	ok = spool_open(s, why, n);
	if (ok && d == LAZY && !spool_fsync_commits(&s->db, false)) {
		snprintf(why, n, "%s: %s", s->dir, sqlite3_errmsg(s->db.sql));
		ok = false;
	}
	ok = ok && (spool_db_begin(&s->db, d == DURABLE) || tell_error(s, why, n));
	if (!ok)
		close_db(s);
	return ok;
}

/*
 * Ends a transaction. A handle that failed is closed, and the next transaction opens it again: SQLite goes over to read-only, for
 * good, where it could not open a file for writing.
 */
static void end_transaction(struct spool *s, enum durability d, bool ok)
{
	spool_db_end(&s->db);
	if (!ok || s->db.fsync_failed || (d == LAZY && !spool_fsync_commits(&s->db, true)))
		close_db(s);
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

/* Returns how many were stored; 0: it failed. */
static size_t store_events(struct spool *s, const struct put *queue, char *why, size_t n)
{
	size_t events = 0;
	bool ok = spool_store_begin(&s->store);

	for (const struct put *p = queue; ok && p; p = p->next)
		for (struct spool_event *ev = p->events; ok && ev; ev = ev->next, events++)
			ok = spool_store_put(&s->store, ev);
	if (!ok)
		snprintf(why, n, "store: %s", sqlite3_errmsg(s->db.sql));
	return ok ? events : 0;
}

static bool commit_events(struct spool *s, const struct put *queue, char *why, size_t n)
{
	bool ok, relayed;
	int64_t began = clock_mono_us(), until = 0;
	size_t events;

	for (const struct put *p = queue; p; p = p->next)
		until = earlier(until, p->deadline);
	if (!begin_transaction(s, DURABLE, until, why, n))
		return false;
	events = store_events(s, queue, why, n);
	ok = events && (spool_db_commit(&s->db) || tell_error(s, why, n));
	relayed = ok && s->store.relayed;
	s->store.relayed = false;
	end_transaction(s, DURABLE, ok);
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
		pthread_cond_signal(&s->queue->wake);
	pthread_cond_signal(&s->free);
}

/* Commits the whole queue, and sets the result of each put. Called with the mutex and the handle; the mutex is free during the commit. */
static void commit_queue(struct spool *s)
{
	struct put *queue = s->queue, *next;
	char why[256] = "";
	bool ok;

	s->queue = NULL;
	s->queue_end = &s->queue;
	for (struct put *p = queue; p; p = p->next)
		p->taken = true;
	pthread_mutex_unlock(&s->mutex);
	ok = commit_events(s, queue, why, sizeof why);
	pthread_mutex_lock(&s->mutex);
	for (struct put *p = queue; p; p = next) {
		next = p->next;
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
	struct put **at = &s->queue;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	if (!p->next)
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
	    (s->busy || s->queue != p))
		leave_queue(s, p);
}

static void init_wake(pthread_cond_t *wake)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(wake, &attr);
	pthread_condattr_destroy(&attr);
}

bool spool_put(struct spool *s, struct spool_event *first, char *why, size_t n)
{
	struct put p = {.events = first, .deadline = deadline_of(first), .why = why, .why_size = n};

	init_wake(&p.wake);
	pthread_mutex_lock(&s->mutex);
	*s->queue_end = &p;
	s->queue_end = &p.next;
	while (!p.done && (s->busy || s->queue != &p))
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

static bool write_stats(struct spool *s, const struct spool_stats *stats)
{
	char why[256];
	bool ok;

	if (!begin_transaction(s, LAZY, 0, why, sizeof why))
		return false;
	ok = spool_stats_write(stats, s->db.sql) && spool_db_commit(&s->db);
	end_transaction(s, LAZY, ok);
	return ok;
}

/* Writes the statistics. After a failure they stay in memory, in front of newer ones. Called with the mutex and the handle. */
static void flush_stats(struct spool *s)
{
	struct spool_stats taken = s->stats;

	s->stats = (struct spool_stats){.limits = taken.limits};
	pthread_mutex_unlock(&s->mutex);
	if (write_stats(s, &taken))
		spool_stats_free(&taken);
	pthread_mutex_lock(&s->mutex);
	spool_stats_join(&taken, &s->stats);
	s->stats = taken;
}

void spool_flush(struct spool *s)
{
	pthread_mutex_lock(&s->mutex);
	if (s->stats.tallies || s->stats.rejects.n || s->stats.program) {
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

static bool try_to_write(struct spool *s, char *why, size_t n)
{
	int rc;

	if (!begin_transaction(s, LAZY, 0, why, n))
		return false;
	rc = spool_program_try(s->db.sql);
	if (rc != SQLITE_OK)
		snprintf(why, n, "probe: %s", sqlite3_errstr(rc));
	end_transaction(s, LAZY, rc == SQLITE_OK);
	return rc == SQLITE_OK;
}

bool spool_probe(struct spool *s, char *why, size_t n)
{
	bool ok;

	pthread_mutex_lock(&s->mutex);
	take_handle(s);
	pthread_mutex_unlock(&s->mutex);
	ok = try_to_write(s, why, n);
	pthread_mutex_lock(&s->mutex);
	give_handle(s);
	pthread_mutex_unlock(&s->mutex);
	return ok;
}
