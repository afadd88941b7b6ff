/* SPDX-License-Identifier: ISC */
/* Reading the spool back: events by filter, rejected deliveries, counters. */
#ifndef SPOOL_EVENTS_H
#define SPOOL_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "spool/db.h"

/* Events that damaged pages of the database, or of the disk, have. */
struct spool_lost {
	int64_t events, first, last; /* how many, and the ids of the first and the last */
};

/* Which events; spool_filter_all is every one of them. Borrowed strings. */
struct spool_filter {
	const char *endpoint, *event, *account; /* exact; NULL: any */
	int64_t since, until;                   /* received_at, ms: since <= it < until */
	int64_t after, last;                    /* ids: after < id <= last */
	bool newest_first;
	struct spool_lost *lost; /* with the oldest first: what can't be read is passed over and counted there; NULL: it fails */
};

extern const struct spool_filter spool_filter_all;

/* An event as stored; borrowed for the length of a visit. A slice with p == NULL is absent. */
struct spool_row {
	int64_t id, received_at;
	int secret;
	struct slice endpoint, event, key, account, sender_id, sender_name, conversation, sent_at, remote_addr, headers, body, note;
};

/* Called for each row; false ends the reading. */
typedef bool spool_visit(void *ctx, const struct spool_row *row);

/*
 * Visits the events that pass the filter, in the order of their ids. No transaction is open during
 * a visit, and none is long, so a visit may block: receiving goes on.
 */
bool spool_query_events(struct spool_db *db, const struct spool_filter *f, spool_visit *visit, void *ctx);

/* Visits the event of that id; *found says whether there is one. */
bool spool_query_event(struct spool_db *db, int64_t id, spool_visit *visit, void *ctx, bool *found);

/* A rejected delivery; borrowed for the length of a visit. */
struct spool_reject_row {
	int64_t id, received_at, bytes;
	struct slice endpoint, code, reason, remote_addr, body, headers;
	struct slice path, method, content_type; /* path: where no endpoint has it */
};

/* Visits the newest n rejected deliveries (0: all) of the endpoint (NULL: any), the oldest of them first. */
bool spool_query_rejects(struct spool_db *db, const char *endpoint, int64_t n,
	void (*visit)(void *ctx, const struct spool_reject_row *r), void *ctx);

/* Visits the rejected delivery of that id; *found says whether there is one. */
bool spool_query_reject(struct spool_db *db, int64_t id, void (*visit)(void *ctx, const struct spool_reject_row *r), void *ctx,
	bool *found);

typedef void spool_visit_counter(void *ctx, const char *endpoint, const char *code, int64_t secret, int64_t n, int64_t last_at);

/* Visits the counters by endpoint ("" for paths that no endpoint has), code and the secret's id (0: none matched). */
bool spool_query_counters(struct spool_db *db,
	spool_visit_counter *visit, void *ctx);

struct spool_totals {
	int64_t events;
	int64_t oldest, newest; /* received_at of the first and last event stored; 0 without events */
};

/*
 * All queries between `on` and off see the spool as it is at one moment. For short ones: an open read holds up the receiver's
 * checkpoints.
 */
void spool_query_snapshot(struct spool_db *db, bool on);

bool spool_query_totals(struct spool_db *db, struct spool_totals *t);

/*
 * How many of the newest 1,000 events have a time later than `now`, and the latest of those times: a clock is wrong, or was.
 */
bool spool_query_ahead(struct spool_db *db, int64_t now, int64_t *events, int64_t *latest);

/* The id of the event stored last; 0 without events. Cheap. */
bool spool_query_newest(struct spool_db *db, int64_t *id);

/* Deletes the rejected deliveries beyond the limits. */
bool spool_query_cut_rejects(struct spool_db *db, const struct reject_limits *limits, int64_t now);

#endif
