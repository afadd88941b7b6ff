/* SPDX-License-Identifier: ISC */
/*
 * Requests whose event is stored, and whose answer waits for the sinks of `store`: the main thread holds them.
 *
 *   worker: storing_park() --> main thread: asks the relay --> the relay's answer, the deadline or the server's end --> answered
 *
 * A worker hands a request over with its room and its configuration, and takes the next one. So a request that waits holds up no
 * other.
 */
#ifndef STORING_H
#define STORING_H

#include "gate/watched.h"

/*
 * By a worker, after fcgi_store(): hands the connection, with the request in *room, to the main thread. *room is then NULL, and
 * storing_wake() must follow, behind the last request of a batch. False: the request waits for no sink, or may not, as too many do; the
 * caller answers it.
 */
bool storing_park(struct server *s, struct conn *c, struct fcgi **room, struct shared_conf *conf);

/* Wakes the main thread, which asks the relay. */
void storing_wake(struct server *s);

/* Frees what the connection holds of a request that waited. Its room is kept for another request. */
void storing_forget(struct server *s, struct conn *c);

/* Room for the next request. NULL: no memory. */
struct fcgi *storing_room(struct server *s);

/* By the main thread, as all that follow: asks the relay for the requests that it was not asked for yet. `now` is clock_mono_us(). */
void storing_ask(struct watched *w, int64_t now);

/* Reads the relay's answers, and answers the requests that waited for them. It frees connections. */
void storing_hear(struct watched *w, int64_t now);

/* Decides on a connection in the state CONN_STORING, after input or time. */
void storing_look(struct watched *w, struct conn *c, int64_t now);

/* Answers all that wait, as at their deadline. */
void storing_end(struct watched *w);

#endif
