/* SPDX-License-Identifier: ISC */
/* Connections that the main thread watches: their request is not whole, or has to wait, or their peer has yet to close. */
#ifndef WATCHED_H
#define WATCHED_H

#include "gate/server.h"

/* The main thread's own. */
struct watched {
	struct server *s;
	struct conn *first;
	int relay;       /* the connection to the relay, for storing.h; -1: there is none */
	int64_t lost_at; /* clock_mono_us() when it broke while requests waited, until an answer comes; 0: it did not */
};

/* Takes over the connections that workers have handed to the main thread since the last call. */
void watched_take(struct watched *w);

/* Decides on a watched connection, after input or time: a worker gets it, it waits on, or it is closed. `now` is clock_mono_us(). */
void watched_look(struct watched *w, struct conn *c, int64_t now);
void watched_look_at_all(struct watched *w, int64_t now);

/* Removes the connection. The caller owns it then. */
void watched_remove(struct watched *w, struct conn *c);

/* Gives those that have waited longest to the workers, as many as max-in-flight has places for. */
void watched_admit(struct watched *w);

#endif
