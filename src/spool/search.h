/* SPDX-License-Identifier: ISC */
/*
 * The search index: which events can't have a text, a sender or another value, so that a search need not read them.
 *
 * It is files in the directory "search" beside the database, made and removed at will: without them every event is read. What it says
 * is sure in one direction only. An event that it leaves out does not match; one that it does not leave out may match or not, and the
 * caller compares it. src/spool/search/part.h has the format. SQLite's spools alone have one.
 */
#ifndef SPOOL_SEARCH_H
#define SPOOL_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "spool/db.h"

struct spool_doomed;

/* How the texts of an endpoint's events are read: hashes of its path, and of what in its scheme decides. */
struct search_scheme {
	uint64_t endpoint, reads;
};

/* The same for all of a configuration. */
struct search_schemes {
	struct search_scheme *of; /* sorted by endpoint */
	size_t n;
	uint64_t others; /* endpoints that it does not have */
};

/* How the texts of that endpoint are read. */
uint64_t search_scheme_of(const struct search_schemes *s, uint64_t endpoint);

/* Sorts them, once they are all there. */
void search_schemes_sort(struct search_schemes *s);

/* The hash of n bytes behind what the seed is the hash of. It is quick, and keeps nothing secret. */
uint64_t search_hash(uint64_t seed, const void *p, size_t n);

/* A path as the index knows it. */
uint64_t search_endpoint(struct slice path);

/* What is searched; p == NULL: any. */
struct search_terms {
	struct slice sender; /* the sender's id, or a part of the name */
	struct slice text;   /* a part of the text */
	bool either;         /* one of both is enough */
	struct slice endpoint, event, account; /* whole values */
	int64_t since, until; /* received_at, ms: since <= it < until; until 0: at any time */
};

/* A search; one thread. */
struct spool_search;

/*
 * A search in an open spool. The spool and the schemes are borrowed until its end. NULL: there is no index, or nothing is searched; then
 * every event may match.
 */
struct spool_search *spool_search_new(struct spool_db *db, const struct search_terms *t, const struct search_schemes *s);

/* Closes it; NULL is allowed. */
void spool_search_free(struct spool_search *s);

/* Finds the first ids from min to max that may match; down: the last ones. *first > *last: there are none. NULL: all may. */
void spool_search_next(struct spool_search *s, bool down, int64_t min, int64_t max, int64_t *first, int64_t *last);

/*
 * Removes what the index knows of events that are deleted, which is the files of their parts. Called twice: before the deletion is
 * committed, and after it, as a process may have begun to index them again. *removed begins as false. False on an error.
 */
bool spool_search_forget(struct spool_db *db, const struct spool_doomed *events, size_t n, bool *removed, bool committed);

/* Removes the index: of an open spool, or of the one in that open directory. False with errno set. */
bool spool_search_drop(struct spool_db *db);
bool spool_search_clear(int spool_dir);

#endif
