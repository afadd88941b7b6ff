/* SPDX-License-Identifier: ISC */
/* Reading events back. */
#ifndef SPOOL_EVENTS_H
#define SPOOL_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "spool/db.h"

struct spool_search;

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
	struct spool_search *search;            /* of the texts that the caller compares; NULL: any event may match */
	bool without_bodies; /* an event whose body is missing or damaged has body_lost and no body; false: reading it fails */
	struct spool_lost *lost; /* with the oldest first: what can't be read is passed over and counted there; NULL: it fails */
};

extern const struct spool_filter spool_filter_all;

/*
 * Where an event came from. A catch-up's has no headers, no address and no signature: it was fetched, not received. One of our own
 * (alert.h) has none either.
 */
enum spool_source { SPOOL_SOURCE_WEBHOOK, SPOOL_SOURCE_CATCH_UP, SPOOL_SOURCE_OWN };

/* The name that commands and sinks show. */
const char *spool_source_name(enum spool_source source);

/* An event as stored. A slice with p == NULL is absent. */
struct spool_row {
	int64_t id, received_at;
	enum spool_source source;
	int secret;
	struct slice endpoint, event, key, account, sender_id, sender_name, conversation, sent_at, remote_addr, headers, body, note;
	struct slice text;
	int64_t came;    /* deliveries of it that the receiver has had; 0: that was not read, or a catch-up has it alone */
	int64_t came_at; /* when the last of them came, where it is not the first */
	bool body_lost;  /* the body is missing or damaged on the disk, and body is empty; for the relay, and without_bodies */
	bool text_known; /* text is the event's, or the event has none; otherwise it was not stored, and the body tells */
};

/* Events that are being read. */
struct spool_events_iter;

/*
 * Begins to read the events that pass the filter, in the order of their ids. The filter's strings are borrowed until the end. No
 * transaction is open between two events, and none is long, so the caller may block, or write on the same connection: receiving goes
 * on. NULL on an error; spool_events_end() takes that.
 */
struct spool_events_iter *spool_events_find(struct spool_db *db, const struct spool_filter *f);

/* Begins to read the event of that id: one, or none. */
struct spool_events_iter *spool_events_get(struct spool_db *db, int64_t id);

/* Reads the next one, whose slices live until the next one or the end. False behind the last, and on an error. */
bool spool_events_next(struct spool_events_iter *it, struct spool_row *row);

/* Ends a reading, and frees it. False when an error ended it. */
bool spool_events_end(struct spool_events_iter *it);

/* The id of the event stored last; 0 without events. Cheap. */
bool spool_events_newest(struct spool_db *db, int64_t *id);

#endif
