/* SPDX-License-Identifier: ISC */
/* struct spool, for the files that implement it: handle.c makes it, spool.c stores events, gather.c keeps statistics. */
#ifndef SPOOL_HANDLE_H
#define SPOOL_HANDLE_H

#include <pthread.h>

#include "spool/query/stats.h"
#include "spool/receiver.h"
#include "spool/wakeup.h"

struct spool {
	char *dir; /* of this machine's files */
	int64_t wait; /* us that events wait for the receiver's engine; 0: as long as their deadlines say */

	/* of the thread that set `busy` */
	struct spool_receiver *receiver;
	struct spool_receiver *overflow; /* NULL: there is none */
	struct spool_wakeup wakeup;

	pthread_mutex_t mutex; /* all below */
	bool busy;              /* a thread uses the handle */
	pthread_cond_t free;    /* no thread does; for those that have no events */
	struct spool_batch *queue, **queue_end;
	struct spool_stats stats;
	pthread_t flusher;      /* writes statistics where that may wait for long */
	pthread_cond_t flush;   /* the flusher has something to do */
	bool flushing, asked, stop;
};

/* Waits until no thread uses the handle, and takes it. Called with the mutex. */
void spool_handle_take(struct spool *s);

/* Called with the mutex. */
void spool_handle_give(struct spool *s);

/* A condition whose waits end by CLOCK_MONOTONIC. */
void spool_handle_condition(pthread_cond_t *c);

/* Ends the flusher, which writes what is left. False: it still waits for the server. */
bool spool_gather_end(struct spool *s);

#endif
