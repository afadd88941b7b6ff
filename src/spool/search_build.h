/* SPDX-License-Identifier: ISC */
/*
 * Building the search index, a part at a time. One process does: it holds a lock of the directory "search".
 *
 * A part's new file is there, empty, before the first of its events is read. A deletion removes both files of a part, the new one first.
 * So a new file that is still there when it is whole has no event that was deleted while it was made.
 */
#ifndef SEARCH_BUILD_H
#define SEARCH_BUILD_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "spool/db.h"
#include "spool/search.h"

enum search_field { SEARCH_SENDER_ID, SEARCH_SENDER_NAME, SEARCH_TEXT, SEARCH_ENDPOINT, SEARCH_EVENT, SEARCH_ACCOUNT };

enum {
	SEARCH_ID_ROWS = 8,             /* of a sender's id, which is hashed whole, and of other whole values */
	SEARCH_LEAST = 16384,           /* ids; a spool of fewer has no index */
	SEARCH_TEXT_MOST = 64 * 1024,   /* bytes; a block with a longer text is always looked at */
};

/* The seed of a field's hashes. */
uint64_t search_seed(uint64_t identity, enum search_field field);

/* An index that is being built. */
struct search_build;

enum search_begun {
	SEARCH_BEGUN,
	SEARCH_HELD,   /* another process builds it */
	SEARCH_NONE,   /* the spool's engine has no index */
	SEARCH_FAILED, /* db has the reason */
};

/*
 * Takes the lock, and removes what is not this spool's. The schemes are borrowed until the end. *b is freed by search_build_free(), also
 * where nothing was begun.
 */
enum search_begun search_build_new(struct spool_db *db, const struct search_schemes *s, struct search_build **b);
void search_build_free(struct search_build *b);

/*
 * Finds the newest part that lacks something, and begins with it. The events with first <= id <= last are to be added, in the order of
 * their ids. first > last: the index is as complete as it gets. `least`: so many ids, or the end of a part, are worth a file; 1: all
 * are. False on an error.
 */
bool search_build_part(struct search_build *b, int64_t least, int64_t *first, int64_t *last);

/* An event of the part. */
struct search_event {
	int64_t id, received_at;
	uint64_t endpoint;  /* search_endpoint() */
	struct slice event, account; /* p == NULL: none */
	struct slice sender_id, sender_name, text;
	struct slice stored; /* the text as it was when the event came, where that is known */
	bool unread; /* its body can't be read now: it may have any text */
};

void search_build_add(struct search_build *b, const struct search_event *ev);

/* Writes the part, and frees its memory. One of which an event was deleted since is left for the next time. False on an error. */
bool search_build_write(struct search_build *b);

#endif
