/* SPDX-License-Identifier: ISC */
/*
 * The relay's thread: runs each catch-up when it is due.
 *
 *   due               the next run looks for
 *   every             what was sent until a little before now: the webhook and its repetitions come first
 *   at a gap          all: a receiver has started, a delivery was answered 503, or nothing came for `expect`
 *   soon after a run  the rest, where the run ended before it was complete
 *
 * The thread has connections of its own to the spool, and touches nothing of the relay. The relay is woken by what is stored.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "catchup/catchup.h"
#include "catchup/provider.h"
#include "core/clock.h"

enum {
	LOOK_MS = 2000,        /* between two looks for what is due */
	GAP_MS = 300 * 1000,   /* between two runs for a gap: mod_fcgid ends receivers that have nothing to do, and starts others */
	AGAIN_MS = 60 * 1000,  /* after a run that was not complete */
	OTHER_MS = 10 * 1000,  /* while another process catches up */
	LEAVE_MS = 90 * 1000,  /* ConnectSafely's three attempts of 15 s take 75 s with their pauses */
};

/* A section and its times, clock_mono_us(). */
struct due {
	const struct catchup *c;
	int64_t next;      /* the next run at the latest */
	int64_t gap_at;    /* the last run for a gap; 0: none yet */
	int64_t looked_at; /* ms since the epoch: the last run began; signs from before are dealt with */
};

struct catchup_thread {
	pthread_t thread;
	const struct conf *conf;
	struct catchup_stop stop;
	struct spool_db *db;
	struct due *due;
	char said[512]; /* the last error that no account has; it is logged once */
};

static int64_t us_of(int64_t ms)
{
	return ms * 1000;
}

/* ---- the log */

static void log_found(const struct catchup_run *r)
{
	struct buf text = {0};

	if (catchup_describe(r, &text))
		log_message(LOG_LEVEL_INFO, "catch-up %s: %s", r->conf->name, buf_str(&text));
	buf_free(&text);
}

/* A catchup_order's report(). An error is logged when it is another one than before. */
static void log_account(void *ctx, const struct catchup_run *r)
{
	(void)ctx;
	log_found(r);
	if (*r->error && strcmp(r->error, r->error_before) != 0)
		log_message(LOG_LEVEL_WARNING, "catch-up %s: not complete: %s", r->conf->name, r->error);
	else if (!*r->error && *r->error_before && !r->later)
		log_message(LOG_LEVEL_INFO, "catch-up %s: complete again", r->conf->name);
}

static void log_once(struct catchup_thread *t, const char *name, const char *why)
{
	if (*why && strcmp(why, t->said) != 0)
		log_message(LOG_LEVEL_WARNING, "catch-up %s: %s", name, why);
	snprintf(t->said, sizeof t->said, "%s", why);
}

/* ---- when a run is due */

/* The first run: `every` after the last one of an earlier relay, which may be at once. */
static bool plan(struct catchup_thread *t, struct due *d)
{
	struct spool_rows *rows = spool_catchup_list(t->db);
	int64_t now = clock_now(), wait;
	struct spool_catchup state;

	while (spool_catchup_next(rows, &state))
		if (strcmp(state.name, d->c->name) == 0 && state.tried_at > d->looked_at && state.tried_at <= now)
			d->looked_at = state.tried_at;
	wait = d->looked_at ? d->looked_at + d->c->every - now : 0;
	d->next = clock_mono_us() + us_of(wait > 0 ? wait : 0);
	return spool_rows_end(rows);
}

/* Once in each silence: nothing came for longer than the endpoint's `expect`. */
static bool is_silent(const struct due *d, const struct spool_catchup_signs *signs)
{
	int64_t since = signs->heard_at + d->c->endpoint->expect;

	return d->c->endpoint->expect && signs->heard_at && since <= clock_now() && d->looked_at < since;
}

/* True when something tells that events may be missing since the last run. */
static bool sees_gap(struct catchup_thread *t, const struct due *d)
{
	struct spool_catchup_signs signs;

	if (d->gap_at && clock_mono_us() - d->gap_at < us_of(GAP_MS))
		return false;
	if (!spool_catchup_look(t->db, d->c->endpoint->path, &signs)) {
		log_once(t, d->c->name, spool_db_error(t->db));
		return false;
	}
	return signs.started_at > d->looked_at || signs.refused_at > d->looked_at || is_silent(d, &signs);
}

static void run_due(struct catchup_thread *t, struct due *d, bool gap)
{
	int64_t leave = d->c->every < LEAVE_MS ? d->c->every : LEAVE_MS, began = clock_now(), wait, again;
	struct catchup_order order = {.conf = t->conf, .db = t->db, .stop = &t->stop, .leave = gap ? 0 : leave, .report = log_account};
	char why[512];
	enum catchup_end end;

	end = catchup_once(&order, d->c, &wait, why, sizeof why);
	if (end == CATCHUP_OTHER) {
		d->next = clock_mono_us() + us_of(OTHER_MS);
		return;
	}
	log_once(t, d->c->name, why);
	d->looked_at = began;
	again = end == CATCHUP_COMPLETE || d->c->every < AGAIN_MS ? d->c->every : wait > AGAIN_MS ? wait : AGAIN_MS;
	d->next = clock_mono_us() + us_of(again);
}

static bool open_catchup_db(struct catchup_thread *t)
{
	bool ok;

	if (t->db)
		return true;
	t->db = spool_db_new();
	ok = t->db && spool_db_open(t->db, t->conf->spool, t->conf->journal, SPOOL_RELAY);
	for (size_t i = 0; ok && i < t->conf->n_catchups; i++)
		ok = plan(t, &t->due[i]);
	if (ok)
		return true;
	log_once(t, "", spool_db_error(t->db));
	spool_db_free(t->db);
	t->db = NULL;
	return false;
}

static void *catchup_main(void *ctx)
{
	struct catchup_thread *t = ctx;

	do {
		for (size_t i = 0; open_catchup_db(t) && i < t->conf->n_catchups && !catchup_stop_is_set(&t->stop); i++) {
			bool gap = sees_gap(t, &t->due[i]), due = clock_mono_us() >= t->due[i].next;

			if (gap && !due)
				t->due[i].gap_at = clock_mono_us();
			if (gap || due)
				run_due(t, &t->due[i], gap);
		}
	} while (catchup_stop_wait(&t->stop, LOOK_MS));
	return NULL;
}

/* ---- start and end */

static void free_thread(struct catchup_thread *t)
{
	spool_db_free(t->db);
	catchup_stop_free(&t->stop);
	free(t->due);
	free(t);
}

static bool begin_thread(struct catchup_thread *t)
{
	sigset_t all, before;
	bool ok;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	ok = pthread_create(&t->thread, NULL, catchup_main, t) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ok;
}

struct catchup_thread *catchup_thread_start(const struct conf *conf, char *why, size_t n)
{
	struct catchup_thread *t;

	*why = '\0';
	if (!conf->n_catchups)
		return NULL;
	t = calloc(1, sizeof *t);
	snprintf(why, n, "no catch-up: memory is short");
	if (!t)
		return NULL;
	t->conf = conf;
	catchup_stop_init(&t->stop);
	t->due = calloc(conf->n_catchups, sizeof *t->due);
	for (size_t i = 0; t->due && i < conf->n_catchups; i++)
		t->due[i].c = &conf->catchups[i];
	if (t->due && begin_thread(t))
		return t;
	free_thread(t);
	return NULL;
}

void catchup_thread_stop(struct catchup_thread *t)
{
	if (!t)
		return;
	catchup_stop_set(&t->stop);
	pthread_join(t->thread, NULL);
	free_thread(t);
}
