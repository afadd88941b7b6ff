/* SPDX-License-Identifier: ISC */
/*
 * Storing one event: whether it is there already, and what else has the same bytes. Inside the transaction of its caller.
 *
 *   identity   the same event is                                 other bytes under the id   the same bytes under another id
 *   signed     the same key                                      a duplicate, told of       stored
 *   unsigned   the same key and the same bytes                   stored                     stored and told of, or a duplicate
 *                                                                                           inside the replay window
 *   body       the same bytes, inside the dedupe window          -                          -
 *   none       none                                              -                          -
 *
 * The column `key` is the id as the sender gave it. Together with the column `scope` it is unique for each endpoint: of a message
 * or the like the scope is the event's name and the account, as hook/event.h joins them to the id; of an unsigned identity it
 * ends with a digest of what spool_key_bytes() says. Keys of purged events are known as well. Events of release 0.1 have no
 * scope; as long as there are such, an event is also looked for under the keys that 0.1 may have given it: spool_key.h.
 */
#ifndef SPOOL_STORE_H
#define SPOOL_STORE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "spool/spool.h"
#include "spool/sqlite/key.h"

enum spool_store_sql {
	STORE_NEXT, STORE_INSERT, STORE_FIND, STORE_FIND_PURGED, STORE_SAME, STORE_SAME_PURGED, STORE_LEGACY, STORE_RELEASE,
	STORE_ACCEPT, STORE_RELAY, STORE_STATE, STORE_COUNT
};

/* Zero-initialised is closed. */
struct spool_store {
	sqlite3 *sql;
	sqlite3_stmt *st[STORE_COUNT]; /* NULL: not prepared yet */
	int64_t next_id;
	int64_t legacy_id;   /* the last event of release 0.1; 0: all of those are gone */
	int64_t received_at; /* of the event stored last; 0: none, or the clock was told of */
	bool any_purged;     /* keys are known whose events are gone */
	bool relayed;        /* pending relays were added; the caller clears it */
	struct buf key;
};

/* Makes s ready for the database. False: sqlite3_errmsg() says why. */
bool spool_store_open(struct spool_store *s, sqlite3 *sql);
void spool_store_close(struct spool_store *s);

/* A statement, prepared at its first use: most processes need few of them. NULL on failure. */
sqlite3_stmt *spool_store_statement(struct spool_store *s, enum spool_store_sql which);

/* Reads what a transaction's first event needs to know. False as above. */
bool spool_store_begin(struct spool_store *s);

/* Stores the event, or finds the one that it is a duplicate of, and sets what spool_put() sets. False as above. */
bool spool_store_put(struct spool_store *s, struct spool_event *ev);

#endif
