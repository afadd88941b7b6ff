/* SPDX-License-Identifier: ISC */
/*
 * The spool: group commit over spool_db.
 *
 * There is no committer thread. The first thread to come commits for itself and for all that
 * queued behind the commit before it; the others sleep until their event is on disk. With one
 * thread (CGI, mod_fcgid) that is a plain commit in place.
 *
 *   queue of waiters:  WAITING --(chosen to commit the next batch)--> LEADING
 *                         \--(its batch is done)--> DONE <--(its own batch too)--/
 */
#include "spool/spool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spool/sqlite/db.h"
#include "spool/sqlite/program.h"
#include "spool/sqlite/stats.h"
#include "spool/sqlite/store.h"
#include "spool/wakeup.h"

enum { WHY_SIZE = 256 };

enum waiter_state { WAITING, LEADING, DONE };

/* One caller's part in a batch; lives on its stack. */
struct waiter {
	struct waiter *next;
	struct spool_event *events; /* NULL: write the notes */
	bool probe; /* and try whether the database can be written */
	enum waiter_state state;
	bool ok;
	char why[WHY_SIZE];
	pthread_cond_t wake;
};

struct spool {
	char *dir;
	enum journal journal;
	enum spool_access access;

	/* owned by the thread that leads */
	struct spool_db db;
	bool open;
	struct spool_store store;
	struct spool_wakeup poke;

	pthread_mutex_t mutex; /* all below */
	bool leading;
	struct waiter *head, **tail;
	struct spool_stats notes;
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
	s->notes.limits = limits;
	s->notes.relimited = true;
	s->poke.fd = -1;
	s->tail = &s->head;
	pthread_mutex_init(&s->mutex, NULL);
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
	spool_wakeup_close(&s->poke);
	spool_stats_free(&s->notes);
	pthread_mutex_destroy(&s->mutex);
	free(s->dir);
	free(s);
}

/* Opens what is closed, and again what was moved away: an event in a deleted file is lost. */
bool spool_open(struct spool *s, char *why, size_t n)
{
	if (s->open && !spool_db_moved(&s->db))
		return true;
	close_db(s);
	if (!spool_db_open(&s->db, s->dir, s->journal, s->access)) {
		snprintf(why, n, "%s", spool_db_error(&s->db));
		return false;
	}
	s->open = true;
	if (spool_store_open(&s->store, s->db.sql))
		return true;
	snprintf(why, n, "%s: %s", s->dir, sqlite3_errmsg(s->db.sql));
	close_db(s);
	return false;
}

static bool store_all(struct spool *s, struct spool_event *ev)
{
	while (ev && spool_store_put(&s->store, ev))
		ev = ev->next;
	return !ev;
}

static bool write_batch(struct spool *s, struct waiter *batch, const struct spool_stats *notes, char *why)
{
	struct waiter *w;
	int rc;

	for (w = batch; w; w = w->next) {
		if (!(w->events ? spool_store_begin(&s->store) && store_all(s, w->events) : spool_stats_write(notes, s->db.sql))) {
			snprintf(why, WHY_SIZE, "store: %s", sqlite3_errmsg(s->db.sql));
			return false;
		}
		if (w->probe && (rc = spool_program_try(s->db.sql)) != SQLITE_OK) {
			snprintf(why, WHY_SIZE, "probe: %s", sqlite3_errstr(rc));
			return false;
		}
	}
	if (spool_db_commit(&s->db))
		return true;
	snprintf(why, WHY_SIZE, "%s", spool_db_error(&s->db));
	return false;
}

/* Tells a batch that it is done. A waiter other than the leader's own is gone once it woke. */
static void finish_batch(struct spool *s, struct waiter *batch, bool ok, const char *why)
{
	struct waiter *w, *next;

	pthread_mutex_lock(&s->mutex);
	for (w = batch; w; w = next) {
		next = w->next;
		w->ok = ok;
		if (!ok)
			snprintf(w->why, WHY_SIZE, "%s", why);
		w->state = DONE;
		pthread_cond_signal(&w->wake);
	}
	pthread_mutex_unlock(&s->mutex);
}

static bool commit_batch(struct spool *s, struct waiter *batch, const struct spool_stats *notes)
{
	bool only_notes = !batch->events && !batch->next;
	bool begun, ok = false;
	char why[WHY_SIZE] = "";

	/* notes alone are not worth an fsync: the next event's commit covers them */
	begun = spool_open(s, why, sizeof why) && (!only_notes || spool_db_sync(&s->db, false));
	if (begun && !spool_db_begin(&s->db, !only_notes)) {
		snprintf(why, sizeof why, "%s", spool_db_error(&s->db));
		begun = false;
	}
	if (begun)
		ok = write_batch(s, batch, notes, why);
	finish_batch(s, batch, ok, why);
	if (begun)
		spool_db_end(&s->db);
	if (ok && s->store.relayed)
		spool_wakeup_send(&s->poke, s->dir, false);
	s->store.relayed = false;
	/* SQLite may have gone over to read-only, for good, where it couldn't open a file for writing */
	if (!ok || s->db.suspect || (only_notes && !spool_db_sync(&s->db, true)))
		close_db(s);
	return ok;
}

/*
 * Called with the mutex held. Commits all that is queued, the caller's own part with it, and
 * hands the lead to the first waiter that came during the commit.
 */
static void lead(struct spool *s)
{
	struct waiter *batch = s->head, *w;
	struct spool_stats notes = {.limits = s->notes.limits};

	for (w = batch; w; w = w->next)
		if (!w->events)
			spool_stats_join(&notes, &s->notes);
	s->head = NULL;
	s->tail = &s->head;
	pthread_mutex_unlock(&s->mutex);
	if (commit_batch(s, batch, &notes))
		spool_stats_free(&notes);
	pthread_mutex_lock(&s->mutex);
	spool_stats_join(&s->notes, &notes);
	s->leading = s->head != NULL;
	if (s->head) {
		s->head->state = LEADING;
		pthread_cond_signal(&s->head->wake);
	}
}

/* Queues a waiter and returns when its batch is done, by another thread or by this one. */
static void wait_turn(struct spool *s, struct waiter *w)
{
	pthread_cond_init(&w->wake, NULL);
	pthread_mutex_lock(&s->mutex);
	*s->tail = w;
	s->tail = &w->next;
	if (!s->leading) {
		s->leading = true;
		w->state = LEADING;
	}
	while (w->state == WAITING)
		pthread_cond_wait(&w->wake, &s->mutex);
	if (w->state == LEADING)
		lead(s);
	pthread_mutex_unlock(&s->mutex);
	pthread_cond_destroy(&w->wake);
}

bool spool_put(struct spool *s, struct spool_event *first, char *why, size_t n)
{
	struct waiter w = {.events = first};

	wait_turn(s, &w);
	if (!w.ok)
		snprintf(why, n, "%s", w.why);
	return w.ok;
}

void spool_count(struct spool *s, const char *endpoint, const char *code, int64_t secret, int64_t at)
{
	pthread_mutex_lock(&s->mutex);
	spool_stats_count(&s->notes, endpoint, code, secret, at);
	pthread_mutex_unlock(&s->mutex);
}

void spool_limit(struct spool *s, struct reject_limits limits)
{
	pthread_mutex_lock(&s->mutex);
	s->notes.limits = limits;
	s->notes.relimited = true;
	pthread_mutex_unlock(&s->mutex);
}

void spool_reject(struct spool *s, const struct spool_reject *r)
{
	pthread_mutex_lock(&s->mutex);
	spool_stats_reject(&s->notes, r);
	pthread_mutex_unlock(&s->mutex);
}

void spool_flush(struct spool *s)
{
	struct waiter w = {0};
	bool any;

	pthread_mutex_lock(&s->mutex);
	any = s->notes.tallies || s->notes.rejects.n || s->notes.program;
	pthread_mutex_unlock(&s->mutex);
	if (any)
		wait_turn(s, &w);
}

void spool_tell(struct spool *s, const struct spool_program *p)
{
	pthread_mutex_lock(&s->mutex);
	if (!spool_stats_tell(&s->notes, p))
		log_message(LOG_LEVEL_ERROR, "memory is short; the spool is not told of this program");
	pthread_mutex_unlock(&s->mutex);
}

bool spool_probe(struct spool *s, char *why, size_t n)
{
	struct waiter w = {.probe = true};

	wait_turn(s, &w);
	if (!w.ok)
		snprintf(why, n, "%s", w.why);
	return w.ok;
}
