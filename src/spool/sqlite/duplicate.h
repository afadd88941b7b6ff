/* SPDX-License-Identifier: ISC */
/* Finds whether an event is stored already, and which other event has the same bytes: the rules are in store.h. */
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
	bool fetched; /* by a catch-up */
};

/* Finds the event with the same key and scope. Returns SQLITE_ROW, SQLITE_DONE where there is none, or an error. */
int spool_duplicate_find(struct spool_store *s, const struct spool_event *ev, const struct spool_candidate *c, struct spool_found *f);

/*
 * Looks for a duplicate, except for an event with the same key and scope, which the insertion finds itself. Sets the members of a
 * duplicate that spool_put() sets, and adds to the note. False: sqlite3_errmsg() says why.
 */
bool spool_duplicate_look(struct spool_store *s, struct spool_event *ev, struct spool_candidate *c);

/* Marks the event as a duplicate of the one found. Returns true. */
bool spool_duplicate_set(struct spool_event *ev, const struct spool_found *f);

/* True when two times are at most so many ms apart, in any order: a clock may have been wrong. */
bool spool_duplicate_within(int64_t window, int64_t a, int64_t b);

#endif
