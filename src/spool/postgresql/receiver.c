/* SPDX-License-Identifier: ISC */
/*
 * The receiver's handle on a spool of PostgreSQL.
 *
 *   up     a connection is open; a put that fails connects anew once, and tries again
 *   down   a put has failed: the next ones fail at once, until a thread has connected again
 *
 * So one delivery at most waits for a server that does not answer; the others go on to the overflow, or are answered 503.
 */
#include "spool/postgresql/receiver.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/log.h"
#include "spool/engine.h"
#include "spool/postgresql/put.h"
#include "spool/postgresql/put_transaction.h"
#include "spool/query/stats.h"

enum {
	CONNECT_US = 2 * 1000 * 1000,
	PROBE_US = 1000 * 1000,
	PAUSE_S = 1, PAUSE_MOST_S = 16, /* between two connections while puts fail */
};

struct pg_receiver {
	struct spool_receiver head;
	char *place;
	enum journal journal;
	enum spool_access access;

	/* of the thread that has the handle */
	struct put_link link;
	struct put_rows batch;

	/* of the thread that writes statistics */
	struct spool_db *db; /* NULL: not open */

	pthread_mutex_t mutex; /* all below */
	pthread_cond_t wake;
	pthread_t thread;      /* connects while puts fail */
	bool running;
	_Atomic bool stop;
	bool down;
	unsigned failures;     /* of puts, in a row */
	struct put_link fresh; /* what the thread has connected */
	char why[256];         /* why the last one failed */
};

static struct pg_receiver *pg_of(struct spool_receiver *r)
{
	return (struct pg_receiver *)(void *)r;
}

static struct spool_receiver *new_pg(const char *place, enum journal journal, enum spool_access access)
{
	struct pg_receiver *r = calloc(1, sizeof *r);
	pthread_condattr_t monotonic;

	if (!r)
		return NULL;
	r->place = strdup(place);
	if (!r->place) {
		free(r);
		return NULL;
	}
	r->head.ops = &spool_postgresql_receiver;
	r->journal = journal;
	r->access = access;
	pthread_mutex_init(&r->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	return &r->head;
}

static void close_pg(struct spool_receiver *head)
{
	struct pg_receiver *r = pg_of(head);

	pthread_mutex_lock(&r->mutex);
	r->stop = true;
	pthread_cond_signal(&r->wake);
	pthread_mutex_unlock(&r->mutex);
	if (r->running)
		pthread_join(r->thread, NULL);
	put_link_close(&r->fresh);
	put_link_close(&r->link);
	put_rows_free(&r->batch);
	spool_db_free(r->db);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->mutex);
	free(r->place);
	free(r);
}

/* ---- down */

/* Waits so many seconds, or until the end. Called with the mutex. */
static void wait_seconds(struct pg_receiver *r, unsigned s)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += s;
	while (!r->stop && pthread_cond_timedwait(&r->wake, &r->mutex, &until) == 0)
		;
}

static unsigned pause_of(const struct pg_receiver *r)
{
	unsigned s = r->failures < 5 ? PAUSE_S << r->failures / 2 : PAUSE_MOST_S;

	return s < PAUSE_MOST_S ? s : PAUSE_MOST_S;
}

/* The thread: connects while puts fail, and keeps the connection for the next put. */
static void *revive(void *arg)
{
	struct pg_receiver *r = arg;
	struct put_link link = {.stop = &r->stop};
	char why[256];
	bool ok;

	pthread_mutex_lock(&r->mutex);
	while (!r->stop) {
		wait_seconds(r, r->down ? pause_of(r) : PAUSE_S);
		if (r->stop || !r->down)
			continue;
		pthread_mutex_unlock(&r->mutex);
		ok = put_link_open(&link, r->place, clock_mono_us() + CONNECT_US, why, sizeof why);
		pthread_mutex_lock(&r->mutex);
		if (!ok)
			continue;
		put_link_close(&r->fresh);
		r->fresh = link;
		put_link_adopt(&r->fresh);
		r->fresh.stop = NULL;
		link = (struct put_link){.stop = &r->stop};
		r->down = false;
		log_message(LOG_LEVEL_INFO, "spool: PostgreSQL answers again");
	}
	pthread_mutex_unlock(&r->mutex);
	return NULL;
}

/* It takes no signal: the relay's loop does, which waits for programs and for its end. */
static bool start_reviving(struct pg_receiver *r)
{
	sigset_t all, before;
	int code;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&r->thread, NULL, revive, r);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return code == 0;
}

static void go_down(struct pg_receiver *r, const char *why)
{
	pthread_mutex_lock(&r->mutex);
	if (!r->down)
		log_message(LOG_LEVEL_ERROR, "spool: %s", why);
	r->down = true;
	r->failures++;
	snprintf(r->why, sizeof r->why, "%s", why);
	if (!r->running)
		r->running = start_reviving(r);
	pthread_mutex_unlock(&r->mutex);
}

static void go_up(struct pg_receiver *r)
{
	if (!r->failures)
		return;
	pthread_mutex_lock(&r->mutex);
	r->failures = 0;
	pthread_mutex_unlock(&r->mutex);
}

/* Takes over what the thread has connected. False while puts fail, with the reason in why. */
static bool is_up(struct pg_receiver *r, char *why, size_t n)
{
	bool up;

	pthread_mutex_lock(&r->mutex);
	up = !r->down;
	if (r->fresh.connection) {
		put_link_close(&r->link);
		r->link = r->fresh;
		put_link_adopt(&r->link);
		r->fresh = (struct put_link){0};
	}
	if (!up)
		snprintf(why, n, "%s", r->why);
	pthread_mutex_unlock(&r->mutex);
	return up;
}

/* ---- up */

/* The receiver makes the schema, and brings it up to date. */
static bool make_schema(struct pg_receiver *r, char *why, size_t n)
{
	struct spool_db *db = spool_db_new();
	bool ok = db && spool_db_open(db, r->place, r->journal, r->access);

	if (!ok)
		snprintf(why, n, "%s", spool_db_error(db));
	spool_db_free(db);
	return ok;
}

static bool connect_pg(struct pg_receiver *r, int64_t until, char *why, size_t n)
{
	if ((put_link_is_open(&r->link) && put_link_drain(&r->link, until, why, n)) || put_link_open(&r->link, r->place, until, why, n))
		return true;
	return r->link.no_schema && make_schema(r, why, n) && put_link_open(&r->link, r->place, until, why, n);
}

static bool open_pg(struct spool_receiver *head, char *why, size_t n)
{
	struct pg_receiver *r = pg_of(head);

	if (make_schema(r, why, n) && connect_pg(r, clock_mono_us() + CONNECT_US, why, n))
		return true;
	go_down(r, why);
	return false;
}

/* Takes what is not settled, and stores it. */
static bool try_put(struct pg_receiver *r, const struct spool_batch *first, int64_t until, bool *relayed, char *why, size_t n)
{
	if (!connect_pg(r, until, why, n))
		return false;
	if (!put_rows_take(&r->batch, first, (struct slice){r->link.salt, r->link.salt_n})) {
		snprintf(why, n, "memory is short");
		return false;
	}
	return put_batch(&r->link, &r->batch, until, relayed, why, n);
}

/* A connection that was lost tells nothing of the commit: the same keys are tried once more, over a new one. */
static bool put_pg(struct spool_receiver *head, const struct spool_batch *first, int64_t until, bool *relayed, char *why, size_t n)
{
	struct pg_receiver *r = pg_of(head);
	bool ok;

	if (!is_up(r, why, n))
		return false;
	until = until ? until : clock_mono_us() + CONNECT_US;
	ok = try_put(r, first, until, relayed, why, n) ||
		(!r->link.connection && clock_mono_us() < until && try_put(r, first, until, relayed, why, n));
	if (ok)
		go_up(r);
	else
		go_down(r, why);
	return ok;
}

static void tell_pg(struct spool_receiver *head)
{
	put_transaction_tell(&pg_of(head)->link);
}

static bool probe_pg(struct spool_receiver *head, char *why, size_t n)
{
	struct pg_receiver *r = pg_of(head);
	int64_t until = clock_mono_us() + PROBE_US;

	return is_up(r, why, n) && connect_pg(r, until, why, n) && put_transaction_probe(&r->link, until, why, n);
}

static bool open_for_stats(struct pg_receiver *r)
{
	r->db = spool_db_new();
	if (!r->db)
		return false;
	r->db->housekeeping = true;
	return spool_db_open(r->db, r->place, r->journal, r->access) && spool_db_durable(r->db, false);
}

static bool write_pg(struct spool_receiver *head, const struct spool_stats *stats)
{
	struct pg_receiver *r = pg_of(head);
	bool begun = (r->db || open_for_stats(r)) && spool_db_begin(r->db, false), ok;

	ok = begun && spool_stats_write(stats, r->db) && spool_db_commit(r->db);
	if (begun)
		spool_db_end(r->db);
	if (!ok) {
		spool_db_free(r->db);
		r->db = NULL;
	}
	return ok;
}

const struct spool_receiver_ops spool_postgresql_receiver = {
	.new = new_pg,
	.close = close_pg,
	.open = open_pg,
	.put = put_pg,
	.tell = tell_pg,
	.write = write_pg,
	.probe = probe_pg,
	.waits = true,
};
