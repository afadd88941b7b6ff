/* SPDX-License-Identifier: ISC */
/* Whether an event is stored already, and what else has the same bytes: the rules of the table in store.h. */
#ifndef SPOOL_DUPLICATE_H
#define SPOOL_DUPLICATE_H

#include "spool/sqlite/store.h"

/* An event that is to be stored. */
struct spool_candidate {
	struct spool_key key;
	const char *note; /* for the reader of the event; NULL: none */
	char text[256];   /* storage for note */
};

/* An event that is stored, or that was purged. */
struct spool_found {
	int64_t id, received_at;
	bool same_bytes, bytes_known;
};

/* Finds the event with the same key and scope. Returns SQLITE_ROW, SQLITE_DONE where there is none, or an error. */
int spool_duplicate_find(struct spool_store *s, const struct spool_event *ev, const struct spool_candidate *c, struct spool_found *f);

/*
 * Looks for what is the same event, but for one with the same key and scope, which the insertion finds itself. Sets what spool_put()
 * sets of a duplicate, and adds to the note. False: sqlite3_errmsg() says why.
 */
bool spool_duplicate_look(struct spool_store *s, struct spool_event *ev, struct spool_candidate *c);

/* Sets that the event is a duplicate of that one. Returns true. */
bool spool_duplicate_set(struct spool_event *ev, const struct spool_found *f);

/* True when two times are at most so many ms apart, in either order: a clock may have been wrong. */
bool spool_duplicate_within(int64_t window, int64_t a, int64_t b);

#endif
