/* SPDX-License-Identifier: ISC */
/* Idle connections: how long one may wait in `ready` for its next request, and which are closed when there are too many. */
#ifndef IDLE_H
#define IDLE_H

#include "gate/server.h"

/* Appends a connection to server.idle_conns; removes it. The caller holds server.mutex. */
void idle_add(struct server *s, struct conn *c);
void idle_remove(struct server *s, struct conn *c);

/* Closes connections that waited longer than idle-timeout, or than params-timeout for their first request. By the worker that has the turn. */
void idle_sweep(struct server *s, const struct conf *conf);

/*
 * Makes room for new connections. It closes those that never sent a request, the oldest first, and none of the last
 * 100 ms; else the kept one that has been idle longest. A connection with a request under way is never closed. By the worker that has the turn. Returns
 * how many it closed.
 */
unsigned idle_evict(struct server *s);

/* Has the C library give a large body's memory back when it is freed. Before any thread is started. */
void idle_memory_init(void);

/* Gives back the memory of workers that have ended since the last call. */
void idle_memory_trim(struct server *s);

/* Finds out how many connections the descriptors' limit (getrlimit(2)) leaves room for. */
void idle_measure(struct server *s);

#endif
