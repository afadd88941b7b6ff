/* SPDX-License-Identifier: ISC */
/* The keeper: a thread of the receiver that deletes the events which are older than the configuration keeps them. */
#ifndef SPOOL_KEEPER_H
#define SPOOL_KEEPER_H

#include "conf/conf.h"

struct spool_keeper;

/*
 * Makes a keeper. The thread starts when the configuration has a `keep`, now or after spool_keeper_reload(). It opens the spool for
 * each pass, by itself, and copies what it needs of the configuration. NULL when memory is short. The caller stops it.
 */
struct spool_keeper *spool_keeper_new(const struct conf *conf);

/* Takes the ages of another configuration; those of the former stay where memory is short. NULL is allowed for k. */
void spool_keeper_reload(struct spool_keeper *k, const struct conf *conf);

/* Tells the thread to end after the batch that it deletes, and returns at once. NULL is allowed. */
void spool_keeper_halt(struct spool_keeper *k);

/*
 * Halts it, waits for its end and frees it. False when it doesn't end within 100 ms, as it waits for the spool's lock: the process
 * may end then at any moment, but it must not free what the thread uses. NULL is allowed.
 */
bool spool_keeper_free(struct spool_keeper *k);

#endif
