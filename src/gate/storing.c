/* SPDX-License-Identifier: ISC */
/* Requests whose event is stored, and whose answer waits for the sinks of `store`: the main thread holds them. */
#include "gate/storing.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "hook/acknowledge.h"

enum {
	MOST = 512,               /* requests that wait at the same time... */
	MOST_BYTES = 64 << 20,    /* ...and what they hold; one more is answered as at its deadline */
	RESTART_US = 1000 * 1000, /* a relay that reloads its configuration is back by then */
	ROOM_BYTES = 32 << 10,    /* a request that holds more gives its room back to the system */
	AGAIN_US = 90 * 1000,     /* between two connections, where the relay closes each: it has too many */
};

/* Lets the request wait, unless too many do. */
static bool let_wait(struct server *s, struct conn *c, struct fcgi *request, struct shared_conf *conf)
{
	size_t held = fcgi_held(request);
	bool ok;

	pthread_mutex_lock(&s->mutex);
	ok = !atomic_load(&s->stopping) && atomic_load(&s->storing) < MOST && s->storing_bytes + held <= MOST_BYTES;
	if (ok) {
		atomic_fetch_add(&s->storing, 1);
		s->storing_bytes += held;
		conf->users++;
		c->request = request;
		c->held = held;
		c->event = fcgi_delivery(request)->id;
		c->conf = conf;
		c->asked = false;
	}
	pthread_mutex_unlock(&s->mutex);
	return ok;
}

bool storing_park(struct server *s, struct conn *c, struct fcgi **room, struct shared_conf *conf)
{
	struct delivery *d = fcgi_delivery(*room);

	acknowledge_begin(d);
	if (d->store != STORE_WAITING)
		return false;
	if (!let_wait(s, c, *room, conf)) {
		acknowledge_end(d, STORE_PENDING);
		return false;
	}
	*room = NULL;
	worker_hand_over(s, c, CONN_STORING);
	return true;
}

void storing_wake(struct server *s)
{
	waker_wake(&s->wake);
}

void storing_forget(struct server *s, struct conn *c)
{
	pthread_mutex_lock(&s->mutex);
	atomic_fetch_sub(&s->storing, 1);
	s->storing_bytes -= c->held;
	if (s->n_rooms < FCGI_BATCH && c->held <= ROOM_BYTES) {
		s->rooms[s->n_rooms++] = c->request;
		c->request = NULL;
	}
	pthread_mutex_unlock(&s->mutex);
	fcgi_free(c->request);
	c->request = NULL;
	shared_conf_put(s, c->conf);
	c->conf = NULL;
}

struct fcgi *storing_room(struct server *s)
{
	struct fcgi *room = NULL;

	pthread_mutex_lock(&s->mutex);
	if (s->n_rooms)
		room = s->rooms[--s->n_rooms];
	pthread_mutex_unlock(&s->mutex);
	return room ? room : fcgi_new();
}

/* Answers the request, whose delivery waits no more, and gives its connection back. */
static void answer_waiting(struct watched *w, struct conn *c)
{
	enum fcgi_next next = fcgi_answer(c->request);

	fcgi_record(c->request);
	watched_remove(w, c);
	storing_forget(w->s, c);
	worker_pass_on(w->s, c, next);
}

static void end_waiting(struct watched *w, struct conn *c, enum store_state state)
{
	acknowledge_end(fcgi_delivery(c->request), state);
	answer_waiting(w, c);
}

static void end_unasked(struct watched *w, enum store_state state)
{
	struct conn *c, *next;

	for (c = w->first; c; c = next) {
		next = c->next;
		if (c->state == CONN_STORING && !c->asked)
			end_waiting(w, c, state);
	}
}

void storing_end(struct watched *w)
{
	struct conn *c, *next;

	for (c = w->first; c; c = next) {
		next = c->next;
		if (c->state == CONN_STORING)
			end_waiting(w, c, STORE_PENDING);
	}
}

/* The relay has closed the connection. Requests that wait have it asked again, if it is back within RESTART_US. */
static void lose_relay(struct watched *w, int64_t now)
{
	poller_forget(&w->s->watch, w->relay);
	close(w->relay);
	w->relay = -1;
	w->lost_at = 0;
	for (struct conn *c = w->first; c; c = c->next) {
		if (c->state != CONN_STORING || !c->asked)
			continue;
		c->asked = false;
		w->lost_at = now;
	}
}

/* False where there is no relay to ask now. */
static bool connect_relay(struct watched *w, int64_t now)
{
	if (w->relay >= 0)
		return true;
	if (w->lost_at && now - w->lost_at < AGAIN_US)
		return false;
	w->relay = spool_ack_connect(w->s->conf->conf->dir); /* a reload cannot change it */
	if (w->relay >= 0 && poller_add(&w->s->watch, w->relay, POLLER_READABLE, &w->relay))
		return true;
	if (w->relay >= 0)
		close(w->relay);
	else if (errno != EAGAIN && (!w->lost_at || now - w->lost_at > RESTART_US))
		end_unasked(w, STORE_NO_RELAY);
	w->relay = -1;
	return false;
}

/* The connections that one packet asks for, with their keys. */
struct packet {
	struct conn *conn[SPOOL_ACK_MOST];
	struct spool_ack_key key[SPOOL_ACK_MOST];
	size_t conns, keys;
};

static void fill_packet(const struct watched *w, struct packet *p)
{
	p->conns = p->keys = 0;
	for (struct conn *c = w->first; c && p->keys + ENDPOINT_STORES <= SPOOL_ACK_MOST; c = c->next) {
		if (c->state != CONN_STORING || c->asked)
			continue;
		p->keys += acknowledge_keys(fcgi_delivery(c->request), p->key + p->keys);
		p->conn[p->conns++] = c;
	}
}

void storing_ask(struct watched *w, int64_t now)
{
	static struct packet p;
	enum spool_ack_asked asked = SPOOL_ACK_ASKED;

	if (!atomic_load(&w->s->storing))
		return;
	for (fill_packet(w, &p); p.keys && asked == SPOOL_ACK_ASKED && connect_relay(w, now); fill_packet(w, &p)) {
		asked = spool_ack_ask(w->relay, p.key, p.keys);
		for (size_t i = 0; asked == SPOOL_ACK_ASKED && i < p.conns; i++)
			p.conn[i]->asked = true;
		if (asked == SPOOL_ACK_LOST)
			lose_relay(w, now);
	}
}

/* An event may be waited for by several connections: by those of its duplicates. */
static void take_ack(struct watched *w, const struct spool_ack *ack)
{
	struct conn *c, *next;
	struct delivery *d;

	for (c = w->first; c; c = next) {
		next = c->next;
		if (c->state != CONN_STORING || c->event != ack->key.event)
			continue;
		d = fcgi_delivery(c->request);
		acknowledge_take(d, ack);
		if (d->store != STORE_WAITING)
			answer_waiting(w, c);
	}
}

void storing_hear(struct watched *w, int64_t now)
{
	static struct spool_ack acks[SPOOL_ACK_MOST];
	int n = 0;

	log_hold(); /* each request that is answered has a line */
	while (w->relay >= 0 && (n = spool_ack_read(w->relay, acks)) > 0) {
		w->lost_at = 0;
		for (int i = 0; i < n; i++)
			take_ack(w, &acks[i]);
	}
	log_release();
	if (n == SPOOL_ACK_GONE)
		lose_relay(w, now);
}

void storing_look(struct watched *w, struct conn *c, int64_t now)
{
	struct pollfd p = {.fd = c->fd};
	bool gone = poll(&p, 1, 0) == 1; /* POLLHUP or POLLERR */

	if (gone || now >= fcgi_delivery(c->request)->store_by)
		end_waiting(w, c, STORE_PENDING);
}
