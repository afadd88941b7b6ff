/* SPDX-License-Identifier: ISC */
/* Accepts connections, and makes room when there is no descriptor for one. */
#ifndef ACCEPT_H
#define ACCEPT_H

#include "gate/server.h"

/*
 * Accepts one connection, without blocking. The worker that has the turn calls it. NULL when there is none. When descriptors run
 * out, it closes idle connections. When that does not help, the socket is not watched until the main thread's next round.
 */
struct conn *accept_conn(struct server *s);

#endif
