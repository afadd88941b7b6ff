/* SPDX-License-Identifier: ISC */
/* A worker: takes the requests that have arrived, and serves them as one batch. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "gate/accept.h"
#include "gate/early.h"
#include "gate/idle.h"
#include "gate/input.h"
#include "gate/storing.h"
#include "hook/refusals.h"
#include "spool/measure.h"

enum {
	STACK_SIZE = 512 * 1024,
	SURPLUS_S = 2, /* a worker that waits so long for the turn ends, unless it is a spare one */
};

void worker_drop(struct server *s, struct conn *c)
{
	pthread_mutex_lock(&s->mutex);
	if (c->armed)
		idle_remove(s, c);
	*c->newer = c->older;
	if (c->older)
		c->older->newer = c->newer;
	pthread_mutex_unlock(&s->mutex);
	if (c->request)
		storing_forget(s, c);
	if (c->fd >= 0) {
		poller_forget(&s->ready, c->fd);
		close(c->fd);
	}
	early_drop(s, c);
	free(c);
	atomic_fetch_sub(&s->connections, 1);
}

void worker_arm(struct server *s, struct conn *c)
{
	if (c->armed)
		return;
	c->armed = true;
	pthread_mutex_lock(&s->mutex);
	idle_add(s, c); /* before it can have an event, which is another thread's */
	pthread_mutex_unlock(&s->mutex);
	if (!poller_add(&s->ready, c->fd, c->early.len ? POLLER_EITHER : POLLER_READABLE, c))
		worker_drop(s, c);
}

static void disarm(struct server *s, struct conn *c)
{
	if (!c->armed)
		return;
	poller_remove(&s->ready, c->fd);
	pthread_mutex_lock(&s->mutex);
	idle_remove(s, c);
	pthread_mutex_unlock(&s->mutex);
	c->armed = false;
}

void worker_hand_over(struct server *s, struct conn *c, enum conn_state state)
{
	bool ok;

	disarm(s, c);
	c->state = state;
	if (!c->since || state == CONN_LINGERING)
		c->since = clock_mono_us();
	if (state == CONN_WAITING)
		atomic_fetch_add(&s->waiting, 1); /* before it can be seen: the next worker that is done must count it */
	pthread_mutex_lock(&s->mutex);
	ok = state == CONN_STORING || poller_add(&s->watch, c->fd, POLLER_CHANGED, c); /* nothing is awaited from its peer */
	if (ok) {
		c->next = s->handed;
		s->handed = c;
	}
	pthread_mutex_unlock(&s->mutex);
	if (!ok) {
		if (state == CONN_WAITING)
			atomic_fetch_sub(&s->waiting, 1);
		worker_drop(s, c);
	}
}

/* What the worker that has the turn gathers. */
struct batch {
	struct conn *conn[FCGI_BATCH]; /* those whose event is to be stored; the requests are in server.batch */
	size_t n;
	struct conn *late; /* one whose request has to be waited for; it is counted in server.arriving */
	bool refuse;       /* that one: there are too many */
	bool chore;
	struct shared_conf *conf;
};

void worker_pass_on(struct server *s, struct conn *c, enum fcgi_next next)
{
	c->busy = next == FCGI_NEXT_STORE;
	switch (next) {
	case FCGI_NEXT_KEEP:
		c->slow = false;
		c->served = true;
		c->since = 0;
		c->used_at = clock_mono_us();
		if (atomic_load(&s->stopping))
			worker_drop(s, c);
		else
			worker_arm(s, c);
		break;
	case FCGI_NEXT_LINGER:
		shutdown(c->fd, SHUT_WR);
		worker_hand_over(s, c, CONN_LINGERING);
		break;
	case FCGI_NEXT_CLOSED:
		worker_drop(s, c);
		break;
	case FCGI_NEXT_STORE:
		break;
	}
}

/* When its request began to come: it was waited for, or came with the connection, or just now on one that was kept. */
static int64_t since_of(const struct conn *c)
{
	return c->since ? c->since : c->served ? 0 : c->used_at;
}

/* False: the connection is closed, as memory is short. */
static bool keep_early(struct server *s, struct conn *c, size_t from, size_t taken)
{
	if (taken <= from)
		return true;
	disarm(s, c); /* worker_arm() watches such a connection in another way */
	if (early_keep(s, c, from, taken))
		return true;
	worker_drop(s, c);
	return false;
}

/* Reads a request that has arrived whole. Answers it at once, unless it has an event to store. */
static void take_complete(struct server *s, struct batch *b, struct conn *c, size_t size, size_t taken)
{
	struct fcgi_service how = {.conf = b->conf->conf, .spool = s->spool, .complete = size, .taken = taken, .since = since_of(c)};
	struct fcgi **room = &s->batch[b->n];
	enum fcgi_next next;

	early_drop(s, c);
	if (!keep_early(s, c, size, taken))
		return;
	if (!*room)
		*room = storing_room(s);
	if (!*room) {
		worker_drop(s, c);
		return;
	}
	next = fcgi_take(*room, c->fd, &how);
	if (next == FCGI_NEXT_STORE)
		b->conn[b->n++] = c;
	worker_pass_on(s, c, next);
}

static void attend_late(struct server *s, struct batch *b, struct conn *c)
{
	bool crowded = atomic_load(&s->arriving) >= b->conf->conf->max_in_flight;
	bool behind = !c->since && atomic_load(&s->waiting); /* it has not waited, and others have */

	if ((crowded || behind) && !c->slow) {
		worker_hand_over(s, c, CONN_WAITING);
	} else if (b->late) {
		worker_arm(s, c); /* for the worker with the next turn */
	} else {
		disarm(s, c);
		atomic_fetch_add(&s->arriving, 1);
		b->late = c;
		b->refuse = crowded;
	}
}

static void attend(struct server *s, struct batch *b, struct conn *c)
{
	size_t size, taken, before = c->early.len;
	enum input_ready ready = early_look(s, c, &size, &taken);

	if (before)
		disarm(s, c);
	if (c->slow && ready == INPUT_PARAMS)
		ready = INPUT_FULL;
	if ((ready == INPUT_PARTIAL || ready == INPUT_PARAMS || ready == INPUT_FULL) && !keep_early(s, c, before, taken))
		return;
	switch (ready) {
	case INPUT_EMPTY:
		worker_arm(s, c);
		break;
	case INPUT_PARTIAL:
	case INPUT_PARAMS:
		worker_hand_over(s, c, CONN_PARKED);
		break;
	case INPUT_CLOSED:
		worker_drop(s, c);
		break;
	case INPUT_FULL:
		attend_late(s, b, c);
		break;
	case INPUT_COMPLETE:
		take_complete(s, b, c, size, taken);
		break;
	case INPUT_MANAGEMENT:
		early_drop(s, c);
		if (keep_early(s, c, size, taken))
			worker_pass_on(s, c, fcgi_manage(c->fd, size, taken));
		break;
	}
}

static void accept_some(struct server *s, struct batch *b)
{
	struct conn *c;

	for (int left = FCGI_BATCH; left && b->n < FCGI_BATCH && (c = accept_conn(s)); left--)
		attend(s, b, c);
}

/* Serves the requests that have arrived. False: the worker must end. */
static bool take_turn(struct server *s, struct batch *b)
{
	void *marks[POLLER_MOST];
	int n = poller_wait(&s->ready, -1, marks);
	bool go_on = true, parked = false;

	atomic_fetch_add(&s->serving, 1);
	b->conf = shared_conf_get(s);
	for (int i = 0; i < n; i++) {
		if (marks[i] == &s->stop)
			go_on = false;
		else if (marks[i] == &s->chore)
			b->chore = waker_clear(&s->chore);
		else if (marks[i] == &s->listen_fd)
			accept_some(s, b);
		else if (b->n < FCGI_BATCH)
			attend(s, b, marks[i]);
	}
	if (b->n)
		fcgi_store(s->batch, b->n);
	for (size_t i = 0; i < b->n; i++)
		if (storing_park(s, b->conn[i], &s->batch[i], b->conf))
			parked = true;
		else
			worker_pass_on(s, b->conn[i], fcgi_answer(s->batch[i]));
	if (parked)
		storing_wake(s);
	log_hold();
	for (size_t i = 0; i < b->n; i++)
		if (s->batch[i])
			fcgi_record(s->batch[i]);
	log_release();
	if (b->chore) {
		spool_flush(s->spool);
		idle_measure(s);
		idle_sweep(s, b->conf->conf);
		refusals_flush(clock_mono_us(), false);
		measure_look(b->conf->conf->dir, MEASURE_RECEIVER);
		measure_traffic_tick(clock_now());
	}
	return go_on;
}

/* Serves a request that is still arriving: alone, because the worker has to wait for it. *room is made for the first one. */
static void serve_late(struct server *s, struct fcgi **room, const struct batch *b)
{
	struct conn *c = b->late;
	struct fcgi_service how = {.conf = b->conf->conf, .spool = s->spool, .early = {c->early.data, c->early.len}, .since = since_of(c),
		.refuse = b->refuse};
	enum fcgi_next next;
	bool parked = false;

	if (!*room)
		*room = fcgi_new();
	if (!*room) {
		atomic_fetch_sub(&s->arriving, 1);
		worker_drop(s, c);
		return;
	}
	next = fcgi_take(*room, c->fd, &how);
	early_drop(s, c);
	if (next == FCGI_NEXT_STORE) {
		fcgi_store(room, 1);
		parked = storing_park(s, c, room, b->conf);
		next = parked ? next : fcgi_answer(*room);
		if (parked)
			storing_wake(s);
		else
			fcgi_record(*room);
	}
	atomic_fetch_sub(&s->arriving, 1);
	if (atomic_load(&s->waiting))
		waker_wake(&s->wake);
	if (!parked)
		worker_pass_on(s, c, next);
}

/* Detaches this thread, unless only the spare workers are left. server.idle counts it. */
static bool leave(struct server *s)
{
	bool surplus;

	pthread_mutex_lock(&s->mutex);
	surplus = !atomic_load(&s->stopping) && atomic_load(&s->idle) > SPARE_WORKERS;
	for (unsigned i = 0; surplus && i < s->n_threads; i++) {
		if (!pthread_equal(s->threads[i], pthread_self()))
			continue;
		s->threads[i] = s->threads[--s->n_threads];
		atomic_fetch_sub(&s->idle, 1);
		pthread_detach(pthread_self());
		break;
	}
	pthread_mutex_unlock(&s->mutex);
	return surplus;
}

/* Waits for the turn. False: this worker is not needed any more. */
static bool get_turn(struct server *s)
{
	struct timespec end;

	do {
		clock_gettime(CLOCK_REALTIME, &end);
		end.tv_sec += SURPLUS_S;
		if (pthread_mutex_timedlock(&s->turn, &end) == 0)
			return true;
	} while (!leave(s));
	return false;
}

static void *work(void *arg)
{
	struct server *s = arg;
	struct fcgi *own = NULL;
	bool go_on = true;

	while (go_on) {
		struct batch b = {0};

		atomic_fetch_add(&s->idle, 1);
		if (!get_turn(s)) {
			atomic_store(&s->shrunk, true);
			break;
		}
		go_on = take_turn(s, &b);
		pthread_mutex_unlock(&s->turn);
		if (atomic_fetch_sub(&s->idle, 1) == 1 && b.late && !worker_add(s))
			b.refuse = true; /* no worker is left to take the turn: no time to wait for a body */
		if (b.late)
			serve_late(s, &own, &b);
		shared_conf_put(s, b.conf);
		atomic_fetch_sub(&s->serving, 1);
	}
	fcgi_free(own);
	return NULL;
}

bool worker_add(struct server *s)
{
	pthread_attr_t attr;
	int error = 0;

	pthread_mutex_lock(&s->mutex);
	if (s->n_threads < s->conf->conf->max_in_flight + SPARE_WORKERS && !atomic_load(&s->stopping)) {
		pthread_attr_init(&attr);
		pthread_attr_setstacksize(&attr, STACK_SIZE);
		error = pthread_create(&s->threads[s->n_threads], &attr, work, s);
		pthread_attr_destroy(&attr);
		if (error)
			log_message(LOG_LEVEL_ERROR, "can't start a thread: %s", strerror(error));
		else
			s->n_threads++;
	}
	pthread_mutex_unlock(&s->mutex);
	return error == 0;
}
