/* SPDX-License-Identifier: ISC */
/*
 * Catch-ups: how far each is complete, what its last run was, and what tells that events may be missing.
 *
 * A state belongs to a catch-up's name and one account of its provider. An item is a thing that a provider lists: a conversation, or a
 * delivery. The spool keeps a hash of an item's id, with a number that only the provider's code gives a meaning.
 */
#ifndef SPOOL_CATCHUP_H
#define SPOOL_CATCHUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "spool/db.h"
#include "spool/rows.h"

enum { SPOOL_CATCHUP_CURSOR = 4096, SPOOL_CATCHUP_ERROR = 400 };

/* Times are in ms since the epoch; 0: none. */
struct spool_catchup {
	const char *name, *account; /* borrowed; account "": the provider has none */
	int64_t complete_until;     /* all that was sent before is in the spool; 0: nothing is known yet */
	int64_t run_from, run_until; /* of the run that is under way: what it looks through; run_until 0: none is under way */
	char cursor[SPOOL_CATCHUP_CURSOR]; /* where that run goes on, as the provider gave it; "": at the beginning */
	int64_t tried_at;           /* the last run began */
	int64_t completed_at;       /* the last complete run ended */
	int64_t not_before;         /* the next request, so that runs keep the rate together */
	char error[SPOOL_CATCHUP_ERROR]; /* why the last run was not complete; "": it was, or it goes on */
	int64_t error_since;
	int64_t found;              /* events that were missing, of all runs */
	int64_t last_found;         /* the same, of the last run that found some... */
	int64_t found_from, found_until; /* ...and when the first and the last of those were sent */
	int64_t requests;           /* of all runs */
};

/* Reads a state; name and account are borrowed from the caller. One that is not stored yet is all 0. */
bool spool_catchup_read(struct spool_db *db, const char *name, const char *account, struct spool_catchup *c);

/* An item to write. */
struct spool_catchup_item {
	struct slice id;
	int64_t until;
};

/* Writes the state and n items, all or none, and does not wait for the disk: what a power cut takes back is only done again. */
bool spool_catchup_write(struct spool_db *db, const struct spool_catchup *c, const struct spool_catchup_item *items, size_t n, int64_t now);

/* *until becomes the number that was written with the item; INT64_MIN: none was, or it is from before `since`. */
bool spool_catchup_item(struct spool_db *db, const struct spool_catchup *c, struct slice id, int64_t since, int64_t *until);

/* Deletes the items of the state that were written before `before`; INT64_MAX: all. */
bool spool_catchup_forget(struct spool_db *db, const struct spool_catchup *c, int64_t before);

/* Deletes the state, with its items. */
bool spool_catchup_delete(struct spool_db *db, const struct spool_catchup *c);

/* Reads all states, by name and account. */
struct spool_rows *spool_catchup_list(struct spool_db *db);
bool spool_catchup_next(struct spool_rows *rows, struct spool_catchup *c);

/* *has becomes true when an event of the endpoint has that id in its key, or had it before it was deleted with that whole key. */
bool spool_catchup_has(struct spool_db *db, const char *endpoint, struct slice id, struct slice whole, bool *has);

/* What tells that events of an endpoint may be missing; ms since the epoch, 0: never. */
struct spool_catchup_signs {
	int64_t started_at; /* a receiver last started while no other ran */
	int64_t refused_at; /* a delivery was last answered 503 */
	int64_t heard_at;   /* an event last came, new or again */
};

bool spool_catchup_look(struct spool_db *db, const char *endpoint, struct spool_catchup_signs *signs);

/* One catch-up at a time, of all that use a spool. */
enum spool_catchup_lock {
	SPOOL_CATCHUP_LOCK_TAKEN, /* by this process; *fd is then for spool_catchup_unlock() */
	SPOOL_CATCHUP_LOCK_HELD,  /* by another */
	SPOOL_CATCHUP_LOCK_FAILED,
};

/* Never waits. A process that ends gives it back. An error is kept in db. */
enum spool_catchup_lock spool_catchup_lock(struct spool_db *db, const char *place, int *fd);
void spool_catchup_unlock(int fd);

#endif
