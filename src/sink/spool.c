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
#include "sink/spool.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sink/spool_db.h"
#include "sink/spool_notes.h"
#include "sink/spool_poke.h"
#include "sink/spool_program.h"

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
	sqlite3_stmt *next, *insert, *find, *find_purged, *accept, *relay;
	int64_t next_id;
	bool any_purged; /* keys are known whose events are gone */
	bool relayed;    /* the batch has added pending relays */
	struct spool_poke poke;

	pthread_mutex_t mutex; /* all below */
	bool leading;
	struct waiter *head, **tail;
	struct spool_notes notes;
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
	sqlite3_finalize(s->next);
	sqlite3_finalize(s->insert);
	sqlite3_finalize(s->find);
	sqlite3_finalize(s->find_purged);
	sqlite3_finalize(s->accept);
	sqlite3_finalize(s->relay);
	s->next = s->insert = s->find = s->find_purged = s->accept = s->relay = NULL;
	spool_db_close(&s->db);
	s->open = false;
}

void spool_close(struct spool *s)
{
	if (!s)
		return;
	close_db(s);
	spool_poke_close(&s->poke);
	spool_notes_free(&s->notes);
	pthread_mutex_destroy(&s->mutex);
	free(s->dir);
	free(s);
}

static bool prepare(struct spool *s, const char *sql, sqlite3_stmt **st)
{
	return sqlite3_prepare_v3(s->db.sql, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL) == SQLITE_OK;
}

/* Opens what is closed, and again what was moved away: an event in a deleted file is lost. */
bool spool_open(struct spool *s, char *why, size_t n)
{
	if (s->open && !spool_db_moved(&s->db))
		return true;
	close_db(s);
	if (!spool_db_open(&s->db, s->dir, s->journal, s->access, why, n))
		return false;
	s->open = true;
	if (prepare(s, "SELECT max(last_id, (SELECT ifnull(max(id), 0) FROM event)) + 1, EXISTS(SELECT 1 FROM purged) FROM deleted",
		    &s->next) &&
	    prepare(s, "INSERT INTO event(received_at, endpoint, secret, event, key, account, sender_id, sender_name,"
		       " conversation, sent_at, remote_addr, headers, body, id, note)"
		       " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)"
		       " ON CONFLICT DO NOTHING", &s->insert) &&
	    prepare(s, "SELECT id FROM event WHERE endpoint = ?1 AND key = ?2", &s->find) &&
	    prepare(s, "SELECT id FROM purged WHERE endpoint = ?1 AND key = key_hash((SELECT salt FROM spool), ?2)", &s->find_purged) &&
	    prepare(s, "DELETE FROM reject WHERE id = ?1", &s->accept) &&
	    prepare(s, "INSERT INTO relay(event, sink, state, since, due, attempts, conversation, judge)"
		       " VALUES(?1, ?2, 0, ?3, ?3, 0, ?4, ?5)", &s->relay))
		return true;
	snprintf(why, n, "%s: %s", s->dir, sqlite3_errmsg(s->db.sql));
	close_db(s);
	return false;
}

static void bind_slice(sqlite3_stmt *st, int i, struct slice v)
{
	sqlite3_bind_text64(st, i, v.p, v.n, SQLITE_STATIC, SQLITE_UTF8);
}

/* What a batch needs to know before its first event. */
static bool begin_batch(struct spool *s)
{
	bool ok = sqlite3_step(s->next) == SQLITE_ROW;

	s->next_id = sqlite3_column_int64(s->next, 0);
	s->any_purged = sqlite3_column_int(s->next, 1);
	sqlite3_reset(s->next);
	return ok;
}

/* Finds the event of the same key by one of the two statements: SQLITE_ROW, SQLITE_DONE or an error. */
static int find(sqlite3_stmt *st, struct spool_event *ev)
{
	int rc;

	sqlite3_bind_text(st, 1, ev->endpoint, -1, SQLITE_STATIC);
	bind_slice(st, 2, ev->key);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		ev->id = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return rc;
}

static bool delete_reject(struct spool *s, int64_t id)
{
	bool ok;

	sqlite3_bind_int64(s->accept, 1, id);
	ok = sqlite3_step(s->accept) == SQLITE_DONE;
	sqlite3_reset(s->accept);
	return ok;
}

static bool add_relays(struct spool *s, const struct spool_event *ev)
{
	bool ok = true;

	for (size_t i = 0; ok && i < ev->n_relay; i++) {
		if (!words_match(&ev->relay[i]->events, ev->event) || !words_match(&ev->relay[i]->accounts, ev->account))
			continue;
		sqlite3_bind_int64(s->relay, 1, ev->id);
		sqlite3_bind_text(s->relay, 2, ev->relay[i]->name, -1, SQLITE_STATIC);
		sqlite3_bind_int64(s->relay, 3, ev->received_at);
		bind_slice(s->relay, 4, ev->relay[i]->ordered ? ev->conversation : (struct slice){0});
		sqlite3_bind_int(s->relay, 5, ev->relay[i]->judged);
		ok = sqlite3_step(s->relay) == SQLITE_DONE;
		sqlite3_reset(s->relay);
		s->relayed = true;
	}
	return ok;
}

static bool insert(struct spool *s, struct spool_event *ev)
{
	sqlite3_stmt *st = s->insert;
	bool ok;

	sqlite3_bind_int64(st, 1, ev->received_at);
	sqlite3_bind_text(st, 2, ev->endpoint, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 3, ev->secret);
	bind_slice(st, 4, ev->event);
	bind_slice(st, 5, ev->key);
	bind_slice(st, 6, ev->account);
	bind_slice(st, 7, ev->sender_id);
	bind_slice(st, 8, ev->sender_name);
	bind_slice(st, 9, ev->conversation);
	bind_slice(st, 10, ev->sent_at);
	sqlite3_bind_text(st, 11, ev->remote_addr, -1, SQLITE_STATIC);
	bind_slice(st, 12, ev->headers);
	sqlite3_bind_blob64(st, 13, ev->body.p, ev->body.n, SQLITE_STATIC);
	sqlite3_bind_int64(st, 14, s->next_id);
	sqlite3_bind_text(st, 15, ev->note, -1, SQLITE_STATIC);
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_reset(st);
	ev->duplicate = ok && sqlite3_changes(s->db.sql) == 0;
	if (!ok || ev->duplicate)
		return ok && find(s->find, ev) == SQLITE_ROW;
	ev->id = s->next_id++;
	return add_relays(s, ev);
}

static bool store(struct spool *s, struct spool_event *ev)
{
	int rc = s->any_purged ? find(s->find_purged, ev) : SQLITE_DONE;

	ev->duplicate = rc == SQLITE_ROW;
	return (ev->duplicate || (rc == SQLITE_DONE && insert(s, ev))) && (!ev->reject || delete_reject(s, ev->reject));
}

static bool store_all(struct spool *s, struct spool_event *ev)
{
	while (ev && store(s, ev))
		ev = ev->next;
	return !ev;
}

static bool write_batch(struct spool *s, struct waiter *batch, const struct spool_notes *notes, char *why)
{
	struct waiter *w;
	int rc;

	for (w = batch; w; w = w->next) {
		if (!(w->events ? begin_batch(s) && store_all(s, w->events) : spool_notes_write(notes, s->db.sql))) {
			snprintf(why, WHY_SIZE, "store: %s", sqlite3_errmsg(s->db.sql));
			return false;
		}
		if (w->probe && (rc = spool_program_try(s->db.sql)) != SQLITE_OK) {
			snprintf(why, WHY_SIZE, "probe: %s", sqlite3_errstr(rc));
			return false;
		}
	}
	return spool_db_commit(&s->db, why, WHY_SIZE);
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

static bool commit_batch(struct spool *s, struct waiter *batch, const struct spool_notes *notes)
{
	bool only_notes = !batch->events && !batch->next;
	bool begun, ok = false;
	char why[WHY_SIZE] = "";

	/* notes alone are not worth an fsync: the next event's commit covers them */
	begun = spool_open(s, why, sizeof why) && (!only_notes || spool_db_sync(&s->db, false)) &&
		spool_db_begin(&s->db, !only_notes, why, sizeof why);
	if (begun)
		ok = write_batch(s, batch, notes, why);
	finish_batch(s, batch, ok, why);
	if (begun)
		spool_db_end(&s->db);
	if (ok && s->relayed)
		spool_poke_send(&s->poke, s->dir, false);
	s->relayed = false;
	/* SQLite may have gone over to read-only, for good, where it couldn't open a file for writing */
	if (!ok || s->db.suspect || (only_notes && !spool_db_sync(&s->db, true)))
		close_db(s);
	return ok;
}

/*
 * Called with the mutex held. Commits all that is queued, the caller's own part with it, and
 * hands the lead to the first that came meanwhile.
 */
static void lead(struct spool *s)
{
	struct waiter *batch = s->head, *w;
	struct spool_notes notes = {.limits = s->notes.limits};

	for (w = batch; w; w = w->next)
		if (!w->events)
			spool_notes_join(&notes, &s->notes);
	s->head = NULL;
	s->tail = &s->head;
	pthread_mutex_unlock(&s->mutex);
	if (commit_batch(s, batch, &notes))
		spool_notes_free(&notes);
	pthread_mutex_lock(&s->mutex);
	spool_notes_join(&s->notes, &notes);
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
	spool_notes_count(&s->notes, endpoint, code, secret, at);
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
	spool_notes_reject(&s->notes, r);
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
	if (!spool_notes_tell(&s->notes, p))
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
