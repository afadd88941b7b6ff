/* SPDX-License-Identifier: ISC */
/* One relay a spool: two would send everything twice. */
#ifndef SPOOL_RELAY_LOCK_H
#define SPOOL_RELAY_LOCK_H

#include <stdint.h>

#include "spool/db.h"

enum spool_relay_lock {
	SPOOL_RELAY_LOCK_TAKEN,  /* this process is the spool's relay */
	SPOOL_RELAY_LOCK_HELD,   /* another process is */
	SPOOL_RELAY_LOCK_FAILED, /* on an error */
};

/* Makes this process the relay of the spool at that place, until db is freed; db need not be open yet. An error is kept in db. */
enum spool_relay_lock spool_relay_lock(struct spool_db *db, const char *place);

/* Says that the relay is alive. Costs no write of the spool. */
void spool_relay_lock_beat(struct spool_db *db);

enum spool_relay_seen {
	SPOOL_RELAY_NONE,    /* there never was one */
	SPOOL_RELAY_ENDED,
	SPOOL_RELAY_RUNS,
	SPOOL_RELAY_UNKNOWN, /* this process may not find out; errno says why */
};

/* Finds out whether a relay runs, and when it last was alive, in ms since the epoch. Makes no file. */
enum spool_relay_seen spool_relay_lock_look(const char *place, int64_t *alive);

#endif
