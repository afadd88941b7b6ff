/* SPDX-License-Identifier: ISC */
/* Several events in one request of an http sink: its body, and its id. */
#ifndef HTTP_BATCH_H
#define HTTP_BATCH_H

#include "core/buf.h"
#include "sink/driver.h"

enum {
	HTTP_BATCH_BYTES = 4 << 20, /* of a body, at most, unless a single event is larger */
	HTTP_BATCH_ID = 6 + 32 + 1, /* "batch_", 128 bits of SHA-256 in hexadecimal, and a NUL */
};

/* Messages of the relay in a row, linked by their field `driver`. Zero is an empty one. */
struct http_row {
	struct sink_message *first, *last;
};

struct http_batch {
	struct sink_message message; /* the request: its id, type and body are the batch's, its field `driver` is the batch */
	struct http_row events;
	unsigned n;
	struct buf body;
	char id[HTTP_BATCH_ID];
};

void http_row_add(struct http_row *row, struct sink_message *m);
struct sink_message *http_row_take(struct http_row *row); /* the first; the row has one */

/*
 * Takes at most `most` messages, and what fits into one body, from the front of the row. Those that can't be sent, as their body is no
 * JSON or their time is over, are reported. NULL when none is left. Freed by http_batch_free().
 */
struct http_batch *http_batch_take(struct http_row *row, const struct sink *s, unsigned most, sink_done *done);
void http_batch_free(struct http_batch *b);

/* Reports the same result for all events of the row, and empties it. */
void http_row_report(struct http_row *row, const struct sink_result *r, sink_done *done);

#endif
