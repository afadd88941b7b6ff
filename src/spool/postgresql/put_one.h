/* SPDX-License-Identifier: ISC */
/* Stores one event inside the transaction of a connection, as put.h does for the receiver. */
#ifndef SPOOL_PUT_ONE_H
#define SPOOL_PUT_ONE_H

#include "spool/engine.h"
#include "spool/spool.h"

bool pg_put_one(struct spool_db *db, struct spool_event *ev);

#endif
