/* SPDX-License-Identifier: ISC */
/* The query of /events.json: cursor, direction and filters. */
#ifndef FEED_QUERY_H
#define FEED_QUERY_H

#include "page/page.h"
#include "spool/view.h"

enum { FEED_ROWS = 200, FEED_WAIT_S = 25 };

/*
 * A cursor is a place between two rows, in events and in refused deliveries: what has an id of at most cursor[kind] is below it.
 * As text it is "EVENT.REFUSED".
 */
struct feed_query {
	bool up, has_cursor;
	int64_t cursor[2];
	struct spool_view_filter filter;
	struct slice sender, text; /* p == NULL: any */
	bool want[2];              /* events, refused deliveries */
	size_t limit;
	int64_t wait_us;
};

/* Reads the query; its slices borrow from the call. False after an answer with status 400. */
bool feed_query_read(struct page_call *c, struct feed_query *q);

#endif
