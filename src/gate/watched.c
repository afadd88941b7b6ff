/* SPDX-License-Identifier: ISC */
/* Connections that the main thread watches: their request is not whole, or has to wait, or their peer has yet to close. */
#include "gate/watched.h"

#include <errno.h>
#include <sys/socket.h>

#include "gate/input.h"
#include "gate/storing.h"

enum {
	SLOW_US = 1000 * 1000,       /* then a worker reads the body as it arrives */
	LINGER_US = 2 * 1000 * 1000, /* for a peer to take its answer and close */
};

void watched_take(struct watched *w)
{
	struct conn *c, *next;

	pthread_mutex_lock(&w->s->mutex);
	c = w->s->handed;
	w->s->handed = NULL;
	pthread_mutex_unlock(&w->s->mutex);
	for (; c; c = next) {
		next = c->next;
		c->next = w->first;
		c->link = &w->first;
		if (c->next)
			c->next->link = &c->next;
		w->first = c;
	}
}

void watched_remove(struct watched *w, struct conn *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	if (c->state != CONN_STORING)
		poller_remove(&w->s->watch, c->fd);
	if (c->state == CONN_WAITING)
		atomic_fetch_sub(&w->s->waiting, 1);
	c->state = CONN_ACTIVE;
}

/* Discards some of what a lingering peer still sends. True when the peer has closed. */
static bool discard(int fd)
{
	char trash[16384];
	ssize_t n;
	int times = 64;

	do
		n = recv(fd, trash, sizeof trash, MSG_DONTWAIT);
	while (n > 0 && --times);
	if (n > 0)
		return false;
	return n == 0 || (errno != EAGAIN && errno != EINTR);
}

void watched_look(struct watched *w, struct conn *c, int64_t now)
{
	struct server *s = w->s;
	int64_t age = now - c->since;
	int64_t patience = atomic_load(&s->resting) ? SLOW_US : s->conf->conf->params_timeout * 1000;
	enum input_ready ready;
	size_t size;

	if (c->state == CONN_STORING) {
		storing_look(w, c, now);
		return;
	}
	if (c->state == CONN_LINGERING) {
		if (discard(c->fd) || age > LINGER_US) {
			watched_remove(w, c);
			worker_drop(s, c);
		}
		return;
	}
	ready = input_look(c->fd, (struct slice){c->early.data, c->early.len}, &size);
	c->slow = age > SLOW_US && (ready == INPUT_PARAMS || ready == INPUT_FULL);
	if (c->slow || ready == INPUT_COMPLETE || ready == INPUT_MANAGEMENT) {
		watched_remove(w, c);
		worker_arm(s, c);
	} else if (ready == INPUT_FULL && c->state == CONN_PARKED) {
		c->state = CONN_WAITING;
		atomic_fetch_add(&s->waiting, 1);
	} else if (ready == INPUT_CLOSED || age > patience) {
		watched_remove(w, c);
		worker_drop(s, c);
	}
}

void watched_look_at_all(struct watched *w, int64_t now)
{
	struct conn *c, *next;

	for (c = w->first; c; c = next) {
		next = c->next;
		watched_look(w, c, now);
	}
}

void watched_admit(struct watched *w)
{
	unsigned most = w->s->conf->conf->max_in_flight;
	struct conn *c, *first;

	for (unsigned n = atomic_load(&w->s->arriving); n < most; n++) {
		first = NULL;
		for (c = w->first; c; c = c->next)
			if (c->state == CONN_WAITING && (!first || c->since < first->since))
				first = c;
		if (!first)
			return;
		watched_remove(w, first);
		worker_arm(w->s, first);
	}
}
