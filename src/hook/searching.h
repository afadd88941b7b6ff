/* SPDX-License-Identifier: ISC */
/* The search index, as it is used and built with the texts of a configuration. */
#ifndef SEARCHING_H
#define SEARCHING_H

#include "conf/conf.h"
#include "spool/search.h"
#include "spool/search_build.h"

/* ---- use */

/* A search. Zero-initialised is one in which every event may match. */
struct searching {
	struct search_schemes schemes;
	struct spool_search *search; /* for struct spool_filter, and struct spool_view_filter */
};

/* Begins a search in an open spool. The terms are borrowed for the call. Without an index, or memory, every event may match. */
void searching_begin(struct searching *s, struct spool_db *db, const struct conf *conf, const struct search_terms *t);
void searching_end(struct searching *s);

/* ---- building */

struct searching_index;

/* Begins to build, as search_build_new(). The caller frees it; NULL: memory is short. */
enum search_begun searching_index_begin(struct spool_db *db, const struct conf *conf, struct searching_index **x);
void searching_index_free(struct searching_index *x);

enum searching_step {
	SEARCHING_DONE,   /* there is nothing to add now */
	SEARCHING_MORE,
	SEARCHING_FAILED, /* the connection has the reason; the next call begins anew */
};

/*
 * Adds events until that time, clock_mono_us(), or until the index lacks less than `least` ids. One event at least is added. Between two
 * calls no transaction is open. *added grows by the number of events.
 */
enum searching_step searching_index_step(struct searching_index *x, int64_t least, int64_t until, int64_t *added);

#endif
