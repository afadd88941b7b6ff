/* SPDX-License-Identifier: ISC */
/*
 * Requests that are taken from their sockets before they are whole.
 *
 * Most requests are there whole when a worker first looks, and are taken by one system call. What was taken of another one is kept in
 * conn.early, and is looked at again with what came behind it. Above EARLY_MOST bytes in all, a worker looks before it takes.
 */
#ifndef EARLY_H
#define EARLY_H

#include "gate/input.h"
#include "gate/server.h"

/* Takes what has come on the connection, or looks at it. *taken: the bytes that are taken, now or before. By the worker that has the turn. */
enum input_ready early_look(struct server *s, struct conn *c, size_t *size, size_t *taken);

/* Keeps what was taken, from the byte `from` on. Before the thread looks at another connection. False when memory is short. */
bool early_keep(struct server *s, struct conn *c, size_t from, size_t taken);

/* Forgets what was kept. */
void early_drop(struct server *s, struct conn *c);

#endif
