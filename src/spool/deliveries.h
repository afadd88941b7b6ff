/* SPDX-License-Identifier: ISC */
/* Deliveries of events to sinks, as commands show and change them. A delivery is one relay: one event for one sink. */
#ifndef SPOOL_DELIVERIES_H
#define SPOOL_DELIVERIES_H

#include "spool/relay.h"
#include "spool/rows.h"

/* Which deliveries; NULL and 0 are any. */
struct spool_delivery_filter {
	const char *sink;
	int64_t id;
	int64_t event; /* for spool_deliveries_list() and _exist() without an id */
	int state; /* enum spool_relay_state, or -1 */
	bool failing_first; /* for a list: what fails, then what is dead, pending, delivered, each with the newest first */
};

/* A delivery with its last attempt. Times are in ms since the epoch. */
struct spool_delivery {
	int64_t id, event, due;
	int attempts;
	enum spool_relay_state state;
	struct slice sink, endpoint, error, answer; /* p == NULL: none */
	int64_t last_at, ms;                        /* of the last attempt; last_at 0: there was none */
	int status;
	int64_t paused_until; /* of a pending one: when the sink's pause ends, or ended; 0: none */
};

/* *found becomes true when a delivery passes the filter. */
bool spool_deliveries_exist(struct spool_db *db, const struct spool_delivery_filter *f, bool *found);

/*
 * Reads deliveries that pass the filter, at most n (0: all), as they are at one moment. Without failing_first these are the newest n,
 * the oldest of them first. A connection can have one such reading at a time.
 */
struct spool_rows *spool_deliveries_list(struct spool_db *db, const struct spool_delivery_filter *f, int64_t n);
bool spool_deliveries_next(struct spool_rows *rows, struct spool_delivery *d);

/* An attempt. */
struct spool_delivery_attempt {
	int64_t at, ms;
	int status;                 /* HTTP's; 0: there was no answer, or it is a program's */
	struct slice error, answer; /* p == NULL: none */
};

/* Reads the attempts of a delivery that are kept, the oldest first. */
struct spool_rows *spool_deliveries_attempts(struct spool_db *db, int64_t id);
bool spool_deliveries_next_attempt(struct spool_rows *rows, struct spool_delivery_attempt *a);

/* A number of deliveries to one sink. */
struct spool_delivery_count {
	const char *sink;
	int64_t n;
	enum spool_relay_state state; /* of spool_deliveries_counts() */
	int age;                      /* of spool_deliveries_shape(): 0 to SPOOL_AGES - 1 */
	int64_t since;                /* of spool_deliveries_late() and _ages(), ms since the epoch */
};

/* Takes the next row of the four readings below. */
bool spool_deliveries_next_count(struct spool_rows *rows, struct spool_delivery_count *c);

/* Counts the deliveries of each sink in each state. Costs time for each pending one; the others are counted as they end. */
struct spool_rows *spool_deliveries_counts(struct spool_db *db);

/* Counts the dead and the delivered deliveries of each sink. Cheap. */
struct spool_rows *spool_deliveries_ended(struct spool_db *db);

/* The sinks that have pending deliveries, by name. Cheap: it looks each name up, and does not count. Only .sink is set. */
struct spool_rows *spool_deliveries_sinks(struct spool_db *db);

struct spool_pending {
	int64_t n;
	int64_t since; /* since when the oldest is tried, in ms since the epoch; 0: there is none */
};

/*
 * Counts the sink's pending deliveries up to `most`, which bounds the time that it costs. The oldest one is found at once: one that was
 * never tried is due since it was stored or replayed.
 */
bool spool_deliveries_pending(struct spool_db *db, const char *sink, int64_t most, struct spool_pending *p);

enum { SPOOL_AGES = 10 };
extern const int spool_deliveries_bounds[SPOOL_AGES - 1]; /* minutes; each but the last ends below one of them */

/*
 * Counts the pending deliveries of each sink and age. The age is the time since the first attempt, or without one since the event was
 * stored or replayed.
 */
struct spool_rows *spool_deliveries_shape(struct spool_db *db, int64_t now);

/*
 * Counts the pending deliveries of each sink that were due before `before`, with the earliest time. Counts none when there was an
 * attempt since: then they wait for a rate, or for other deliveries.
 */
struct spool_rows *spool_deliveries_late(struct spool_db *db, int64_t before);

/* Counts the pending deliveries of each sink, with the time since which the oldest is tried. */
struct spool_rows *spool_deliveries_ages(struct spool_db *db);

extern const char *const spool_deliveries_states[]; /* the names of enum spool_relay_state */

/*
 * Makes deliveries of the filter due at `now`: dead ones as if they were new, and pending ones that are due later. The filter's state
 * is ignored. Many are changed in several transactions. *n becomes their number.
 */
bool spool_deliveries_retry(struct spool_db *db, const struct spool_delivery_filter *f, int64_t now, int64_t *n);

/* Counts the deliveries of the filter that are pending because of a replay. The filter's state is ignored. */
bool spool_deliveries_replayed(struct spool_db *db, const struct spool_delivery_filter *f, int64_t *n);

/*
 * Gives up pending deliveries of the filter. One that is pending because of a replay becomes again what it was before. Any other one
 * becomes dead, and gets an attempt that says so. The filter's state is ignored. Many are changed in several transactions. *n becomes
 * their number.
 */
bool spool_deliveries_drop(struct spool_db *db, const struct spool_delivery_filter *f, int64_t now, int64_t *n);

/*
 * Makes n events due at `now` for the sink, as if they were new, in one transaction. Delivered and dead ones become pending; pending
 * ones stay as they are. *changed becomes the number of deliveries that are new or changed.
 */
bool spool_deliveries_replay(struct spool_db *db, const struct sink *sink, const int64_t *events, size_t n, int64_t now, int64_t *changed);

#endif
