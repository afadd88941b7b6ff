/* SPDX-License-Identifier: ISC */
/* What the two sides of a worker share. */
#ifndef WORKER_THREAD_H
#define WORKER_THREAD_H

#include "sink/worker.h"

/* Starts the thread. False when that fails. */
bool worker_thread_start(struct worker *w);

/* Sets w->reset or w->ending, shuts the socket down, and wakes the thread. */
void worker_order(struct worker *w, bool *order);

#endif
