/* SPDX-License-Identifier: ISC */
/*
 * Stores one event with its pending relays, or finds that it is a duplicate. It runs inside the caller's transaction.
 *
 *   identity   a duplicate has                                   other bytes, the same id   the same bytes, another id
 *   signed     the same key                                      a duplicate, with a note   stored
 *   unsigned   the same key and the same bytes                   stored                     stored with a note; a duplicate
 *                                                                                           inside the replay window
 *   body       the same bytes, inside the dedupe window          -                          -
 *   none       no event is a duplicate                           -                          -
 *
 * The column `key` is the sender's id. Together with the column `scope` it is unique for each endpoint. The scope of a message's id is
 * the event's name and the account, as hook/event.h joins them to the id. The scope of an unsigned identity ends with a digest of
 * spool_key_bytes(). Keys of purged events stay known. Events of release 0.1 have no scope: while the spool has such events, a new
 * event is also looked for under the keys that 0.1 may have given it (key.h).
 */
#ifndef SPOOL_STORE_H
#define SPOOL_STORE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "spool/spool.h"
#include "spool/key.h"
#include "spool/sqlite/append.h"

enum spool_store_sql {
	STORE_NEXT, STORE_INSERT, STORE_FIND, STORE_FIND_PURGED, STORE_SAME, STORE_SAME_PURGED, STORE_LEGACY, STORE_RELEASE,
	STORE_ACCEPT, STORE_FETCHED, STORE_RELAY, STORE_STATE, STORE_COUNT
};

/* Closed when zero-initialised. */
struct spool_store {
	sqlite3 *sql;
	sqlite3_stmt *st[STORE_COUNT]; /* NULL: not prepared yet */
	int64_t next_id;
	int64_t legacy_id;   /* the id of the last event of release 0.1; 0: all of those are gone */
	int64_t received_at; /* of the event stored last; 0: none, or a wrong clock is already in the log */
	bool any_purged;     /* the table purged has rows */
	bool relayed;        /* pending relays were added; the caller clears it */
	struct spool_append *append; /* takes long bodies; NULL: they stay in their rows */
	struct buf key;
};

/* Makes s ready for the database. False: sqlite3_errmsg() says why. */
bool spool_store_open(struct spool_store *s, sqlite3 *sql);
void spool_store_close(struct spool_store *s);

/* A statement, prepared at its first use: most processes need few of them. NULL on failure. */
sqlite3_stmt *spool_store_statement(struct spool_store *s, enum spool_store_sql which);

/* Begins a transaction: reads the next id, and whether events were purged. False as above. */
bool spool_store_begin(struct spool_store *s);

/* Stores the event, or finds that it is a duplicate, and sets the members that spool_put() sets. False as above. */
bool spool_store_put(struct spool_store *s, struct spool_event *ev);

/* The same for one event, inside a transaction of the connection. False with the reason in the connection. */
bool spool_store_one(struct spool_db *db, struct spool_event *ev);

#endif
