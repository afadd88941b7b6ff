/* SPDX-License-Identifier: ISC */
/*
 * The keeper: a thread of the receiver that deletes events which are older than the option `keep` says.
 *
 * A pass starts once an interval. It goes on where the last pass stopped, and ends at the first 1,000 events that are all young. Once
 * a day a pass looks at all events again: some were kept for a pending delivery, or longer than those of other endpoints. The table
 * `retention` has the times of both. So only one of many processes makes a pass, and a restart repeats none.
 *
 * A clock can be ahead until the network sets it. By such a clock all events are old. Therefore a pass that comes long after the last
 * one deletes nothing: it writes its time, and 0 as whole_at. The next pass, an interval later, goes over all events.
 *
 * A delivery waits for one batch at most. The lock is free between two batches.
 */
#define _GNU_SOURCE /* pthread_timedjoin_np */
#include "spool/keeper.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "spool/retention.h"
#include "spool/stmt.h"

enum {
	INTERVAL_LEAST_MS = 1000,
	INTERVAL_MOST_MS = 3600 * 1000,
	PARTS = 24, /* of the shortest age: an event is deleted at most such a part later than it should be */
	SHORT_MS = 60 * 1000, /* with an interval below this each pass goes over all events */
	LOOK_MS = 60 * 1000,
	END_NS = 100 * 1000 * 1000,
	PAUSE_NS = 5 * 1000 * 1000,
};

struct spool_keeper {
	char *dir; /* the place of the spool */
	enum journal journal;
	pthread_t thread;
	bool told;     /* the failure of the last pass is in the log */
	atomic_bool halted; /* as stop, for work under way */
	bool unwiped;  /* deleted content is still in a file, because a reader was in the way */

	pthread_mutex_t mutex; /* all below */
	pthread_cond_t wake;
	bool running, stop;
	struct spool_retention *rules; /* NULL while the thread makes a pass with them */
	int64_t interval;              /* ms; 0: no endpoint has an age */
};

static void free_rules(struct spool_retention *r)
{
	if (r)
		spool_retention_free(r);
	free(r);
}

static bool stopped(struct spool_keeper *k)
{
	bool stop;

	pthread_mutex_lock(&k->mutex);
	stop = k->stop;
	pthread_mutex_unlock(&k->mutex);
	return stop;
}

/* True when the clock may be wrong, as the last pass seems to be long ago. This pass must not delete. */
static bool is_late(int64_t now, int64_t passed, int64_t whole_at, int64_t interval)
{
	bool held = passed && !whole_at;

	return !held && now - passed > 2 * interval + LOOK_MS;
}

static void tell_late(int64_t now, int64_t passed)
{
	char last[CLOCK_TEXT], text[CLOCK_TEXT];

	if (passed)
		log_message(LOG_LEVEL_INFO, "keep: the last look for old events was at %s, and it is %s now; this one deletes nothing, in case the"
			" clock is wrong", clock_format(passed, last), clock_format(now, text));
}

/* True when a pass is due and this process has taken it. *whole is set for a pass over all events. */
static bool claim(struct spool_db *db, int64_t now, int64_t interval, struct spool_retention_cursor *c, bool *whole)
{
	int64_t day = interval < SHORT_MS ? interval : PARTS * interval, passed = 0, whole_at = 0;
	struct spool_stmt *st = NULL;
	bool ok = spool_stmt_prepare(db, "SELECT passed_at, whole_at, after FROM retention", &st), due = false, late;

	if (ok && spool_stmt_step(st) == SPOOL_ROW) {
		passed = spool_stmt_int64(st, 0);
		whole_at = spool_stmt_int64(st, 1);
		c->after = spool_stmt_int64(st, 2);
		due = passed > now || passed + interval <= now;
	}
	spool_stmt_free(st);
	*whole = whole_at > now || whole_at + day <= now;
	if (*whole)
		c->after = 0;
	if (!due || !spool_db_begin(db, false))
		return false;
	late = is_late(now, passed, whole_at, interval);
	due = spool_stmt_run(db, late ? "UPDATE retention SET passed_at = ?1, whole_at = 0 WHERE passed_at = ?2"
			: "UPDATE retention SET passed_at = ?1 WHERE passed_at = ?2", now, passed) &&
		spool_stmt_changes(db) == 1 && spool_db_commit(db);
	spool_db_end(db);
	if (due && late)
		tell_late(now, passed);
	return due && !late;
}

static bool note_pass(struct spool_db *db, const struct spool_retention_cursor *c, int64_t now, bool whole)
{
	bool ok;

	if (!spool_db_begin(db, false))
		return false;
	ok = spool_stmt_run(db, "UPDATE retention SET after = ?1, whole_at = CASE WHEN ?2 <> 0 THEN ?2 ELSE whole_at END", c->after, whole ? now : 0) &&
		spool_db_commit(db);
	spool_db_end(db);
	return ok;
}

/* The next pass begins with the first page that has an event which is young now. */
static bool go_through(struct spool_keeper *k, struct spool_db *db, const struct spool_retention *r, struct spool_retention_cursor *c,
	bool whole)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	bool all_old = true, ok = true;
	int64_t after = c->after;

	while (ok && !c->done && (whole || !c->all_young) && !stopped(k)) {
		ok = spool_retention_page(db, r, c);
		all_old = all_old && c->all_old;
		if (all_old)
			after = c->after;
		nanosleep(&pause, NULL);
	}
	c->after = after;
	return ok;
}

static bool pass(struct spool_keeper *k, struct spool_db *db, const struct spool_retention *r, int64_t interval)
{
	struct spool_retention_cursor c = {0};
	bool ok, whole = false;

	*db->error = '\0';
	if (!claim(db, r->now, interval, &c, &whole))
		return !*db->error;
	ok = go_through(k, db, r, &c, whole) && (stopped(k) || note_pass(db, &c, r->now, whole));
	if (c.sum.events)
		log_message(LOG_LEVEL_INFO, "deleted %" PRId64 " event%s older than keep", c.sum.events, c.sum.events == 1 ? "" : "s");
	if (!ok || stopped(k))
		return ok;
	k->unwiped = k->unwiped || c.sum.events;
	ok = spool_retention_forget(db, r) && (!k->unwiped || spool_delete_wipe(db));
	k->unwiped = k->unwiped && !ok;
	return ok;
}

/* Opens the spool for one pass: the directory may be missing, or another one than before. */
static void open_and_pass(struct spool_keeper *k, struct spool_retention *r, int64_t interval)
{
	struct spool_db db = {.housekeeping = true, .halt = &k->halted};
	bool ok;

	spool_retention_move(r, clock_now());
	if (!spool_db_exists(k->dir))
		return;
	ok = spool_db_open(&db, k->dir, k->journal, SPOOL_MANAGE);
	if (ok) {
		ok = pass(k, &db, r, interval);
		db.engine->rest(&db);
		spool_db_close(&db);
	}
	if (!ok && !k->told)
		log_message(LOG_LEVEL_WARNING, "keep: old events can't be deleted now: %s", spool_db_error(&db));
	k->told = !ok;
}

static void wait_for_next(struct spool_keeper *k, int64_t ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += ms % 1000 * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	while (!k->stop && pthread_cond_timedwait(&k->wake, &k->mutex, &end) == 0)
		;
}

/* A pass takes the rules. Where a reload has set new ones during the pass, the taken ones are freed. */
static void *run(void *ctx)
{
	struct spool_keeper *k = ctx;
	struct spool_retention *r;
	int64_t interval;

	pthread_mutex_lock(&k->mutex);
	while (!k->stop) {
		r = k->rules;
		interval = k->interval;
		k->rules = NULL;
		pthread_mutex_unlock(&k->mutex);
		if (interval)
			open_and_pass(k, r, interval);
		pthread_mutex_lock(&k->mutex);
		if (k->rules)
			free_rules(r);
		else
			k->rules = r;
		/* not the whole interval: another process may have made a pass */
		wait_for_next(k, interval && interval < LOOK_MS ? interval : LOOK_MS);
	}
	pthread_mutex_unlock(&k->mutex);
	return NULL;
}

/* With the mutex held, or before there is a thread. */
static void set_rules(struct spool_keeper *k, const struct conf *conf)
{
	int64_t shortest = spool_retention_shortest(conf), interval = shortest / PARTS;
	struct spool_retention *r = calloc(1, sizeof *r);

	if (!r || !spool_retention_init(r, conf, clock_now())) {
		free_rules(r);
		return;
	}
	free_rules(k->rules);
	k->rules = r;
	interval = interval < INTERVAL_LEAST_MS ? INTERVAL_LEAST_MS : interval;
	k->interval = !shortest ? 0 : interval < INTERVAL_MOST_MS ? interval : INTERVAL_MOST_MS;
	if (k->interval && !k->running)
		k->running = pthread_create(&k->thread, NULL, run, k) == 0;
}

struct spool_keeper *spool_keeper_new(const struct conf *conf)
{
	struct spool_keeper *k = calloc(1, sizeof *k);
	pthread_condattr_t monotonic;

	if (!k)
		return NULL;
	k->dir = strdup(conf->spool);
	if (!k->dir) {
		free(k);
		return NULL;
	}
	k->journal = conf->journal;
	pthread_mutex_init(&k->mutex, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&k->wake, &monotonic);
	pthread_condattr_destroy(&monotonic);
	set_rules(k, conf);
	return k;
}

void spool_keeper_reload(struct spool_keeper *k, const struct conf *conf)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->mutex);
	set_rules(k, conf);
	pthread_mutex_unlock(&k->mutex);
}

void spool_keeper_halt(struct spool_keeper *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->mutex);
	k->stop = true;
	atomic_store(&k->halted, true);
	pthread_cond_signal(&k->wake);
	pthread_mutex_unlock(&k->mutex);
}

bool spool_keeper_free(struct spool_keeper *k)
{
	struct timespec end;

	if (!k)
		return true;
	spool_keeper_halt(k);
	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_nsec += END_NS;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	if (k->running && pthread_timedjoin_np(k->thread, NULL, &end) != 0)
		return false;
	free_rules(k->rules);
	pthread_cond_destroy(&k->wake);
	pthread_mutex_destroy(&k->mutex);
	free(k->dir);
	free(k);
	return true;
}
