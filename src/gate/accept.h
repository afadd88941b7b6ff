/* SPDX-License-Identifier: ISC */
/* Taking connections, and what is done when there is no descriptor for one. */
#ifndef ACCEPT_H
#define ACCEPT_H

#include "gate/server.h"

/*
 * Takes one connection, by the worker that has the turn. NULL when there is none. It does not block. Where descriptors run out,
 * idle connections are closed; where that is no help, the main thread has the socket listened to again in its next round.
 */
struct conn *accept_conn(struct server *s);

#endif
