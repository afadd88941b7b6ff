/* SPDX-License-Identifier: ISC */
/*
 * The spool as the page shows it. Each reading is bounded by time and not by the size of the spool: it goes by ids, which are kept in
 * order, and says how far it came.
 */
#ifndef SPOOL_VIEW_H
#define SPOOL_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "core/buf.h"
#include "spool/db.h"
#include "spool/events.h"
#include "spool/rows.h"

enum spool_view_kind { SPOOL_VIEW_EVENTS, SPOOL_VIEW_REJECTS };

/* The ids of the newest of each kind; 0: there is none. Cheap. */
bool spool_view_newest(struct spool_db *db, int64_t newest[2]);

/*
 * *id becomes the id of the last row that was received before `time`, in ms; 0: there is none. It looks at some 30 rows: where a clock
 * was set back, it is about the right place.
 */
bool spool_view_before(struct spool_db *db, enum spool_view_kind kind, int64_t time, int64_t *id);

/* *time becomes the received_at of the first row with that id or a larger one, in ms. False: there is none, or an error. */
bool spool_view_time(struct spool_db *db, enum spool_view_kind kind, int64_t id, int64_t *time);

/* Which rows; a slice with p == NULL is any. Borrowed until the end. */
struct spool_view_filter {
	struct slice endpoint, code, event, account; /* code: of rejected deliveries; event and account: of events */
	int64_t since, until;                        /* received_at, ms: since <= it < until */
	struct spool_search *search;                 /* of the texts that the caller compares; NULL: any event may match */
	bool no_bodies;                              /* bodies, headers and texts are not needed */
};

/* An event or a rejected delivery. A slice with p == NULL is absent. */
struct spool_view_row {
	enum spool_view_kind kind;
	int64_t id, received_at, bytes;
	struct slice endpoint, event, account, sender_id, sender_name, remote_addr, note; /* of an event all */
	struct slice code, reason, path, method, content_type;                        /* of a rejected delivery */
	struct slice headers, body;  /* of an event; p == NULL also where the body is larger than SPOOL_VIEW_BODY_MAX */
	struct slice text;
	enum spool_source source;
	bool text_known;             /* text is the event's, or the event has none; otherwise the body tells */
};

enum { SPOOL_VIEW_BODY_MAX = 256 * 1024 };

/* Rows that are being read. */
struct spool_view;

enum spool_view_result {
	SPOOL_VIEW_ROW,
	SPOOL_VIEW_END,  /* all ids are looked at */
	SPOOL_VIEW_LATE, /* the time is over; spool_view_at() tells how far it looked */
	SPOOL_VIEW_ERROR,
};

/*
 * Begins to read the rows with from < id <= to: upwards from the oldest, or downwards from the newest. It ends at `deadline`,
 * clock_mono_us(). NULL on an error; spool_view_end() takes that.
 */
struct spool_view *spool_view_begin(struct spool_db *db, enum spool_view_kind kind, const struct spool_view_filter *f, int64_t from,
	int64_t to, bool up, int64_t deadline);

/* Reads the next row, which lives until the next one or the end. */
enum spool_view_result spool_view_next(struct spool_view *v, struct spool_view_row *row);

/* Makes the next row of a reading upwards the one with that id, if it is there. */
void spool_view_seek(struct spool_view *v, int64_t id);

/* The place where the next reading goes on: its `from` upwards, its `to` downwards. Behind the last row that was read. */
int64_t spool_view_at(const struct spool_view *v);

/* The same before the row that was read last. */
int64_t spool_view_at_row(const struct spool_view *v);

/* Ends the reading, and frees it. False when an error ended it. */
bool spool_view_end(struct spool_view *v);

/*
 * Makes readings of this connection end at *deadline, clock_mono_us(): they fail then, and spool_view_late() is true. NULL: no more.
 * The number is the caller's until then.
 */
void spool_view_bound(struct spool_db *db, const int64_t *deadline);

/* The deliveries of an event to sinks, the oldest first: spool_deliveries_next() takes them. They are read in place, and not copied. */
struct spool_rows *spool_view_deliveries(struct spool_db *db, int64_t event);

enum { SPOOL_VIEW_GROUPED = 5000 }; /* the newest rows that are grouped */

/* A group of rows. */
struct spool_view_group {
	const char *sink, *text; /* an error or an address; "": none */
	int64_t n, first, last;  /* first and last: ms, or ids of deliveries */
	int status;              /* HTTP's; 0: none */
};

/* The newest SPOOL_VIEW_GROUPED dead letters by sink, status and error, the largest group first; at most 50 groups. first and last are ids. */
struct spool_rows *spool_view_dead(struct spool_db *db);

/* The addresses that the newest SPOOL_VIEW_GROUPED of a kind came from, the most frequent first; at most 50. first and last are times. */
struct spool_rows *spool_view_callers(struct spool_db *db, enum spool_view_kind kind);

/* Takes the next row of the two readings above. */
bool spool_view_next_group(struct spool_rows *rows, struct spool_view_group *g);

/* The bytes of the spool's files, and those that its disk has free; -1: unknown. */
void spool_view_disk(struct spool_db *db, int64_t *bytes, int64_t *free_bytes);

#endif
