/* SPDX-License-Identifier: ISC */
/* What became of events on their way to the sinks, and what is to be done about it: for the administrator. */
#ifndef SPOOL_DELIVERIES_H
#define SPOOL_DELIVERIES_H

#include "spool/relay.h"
#include "spool/rows.h"

/* Which relays; NULL and 0 are any. */
struct spool_delivery_filter {
	const char *sink;
	int64_t id;
	int64_t event; /* for spool_deliveries_list() and _exist() without an id */
	int state; /* enum spool_relay_state, or -1 */
	bool failing_first; /* for a list: what fails, then what is dead, pending, delivered, each with the newest first */
};

/* A relay as it stands, with its last attempt. */
struct spool_delivery {
	int64_t id, event, due;
	int attempts;
	enum spool_relay_state state;
	struct slice sink, endpoint, error, answer; /* p == NULL: none */
	int64_t last_at, ms;                        /* 0: there was no attempt */
	int status;
	int64_t paused_until; /* of a pending one: the sink pauses; may be over; 0: it doesn't */
};

/* *found becomes whether a relay passes the filter. */
bool spool_deliveries_exist(struct spool_db *db, const struct spool_delivery_filter *f, bool *found);

/*
 * Reads the first n relays (0: all) that pass the filter, as they are at one moment: the newest, the oldest of them first, or as
 * failing_first has it. One such reading at a time.
 */
struct spool_rows *spool_deliveries_list(struct spool_db *db, const struct spool_delivery_filter *f, int64_t n);
bool spool_deliveries_next(struct spool_rows *rows, struct spool_delivery *d);

/* An attempt as it was. */
struct spool_delivery_attempt {
	int64_t at, ms;
	int status;                 /* HTTP's; 0: there was no answer, or it is a program's */
	struct slice error, answer; /* p == NULL: none */
};

/* Reads the attempts of the relay of that id that are kept, the oldest first. */
struct spool_rows *spool_deliveries_attempts(struct spool_db *db, int64_t id);
bool spool_deliveries_next_attempt(struct spool_rows *rows, struct spool_delivery_attempt *a);

/* Relays of one sink that have something in common. */
struct spool_delivery_count {
	const char *sink;
	int64_t n;
	enum spool_relay_state state; /* of spool_deliveries_counts() */
	int age;                      /* of spool_deliveries_shape(): 0 to SPOOL_AGES - 1 */
	int64_t since;                /* of spool_deliveries_late() and _ages(), ms since the epoch */
};

/* Takes the next count of one of the four readings below. */
bool spool_deliveries_next_count(struct spool_rows *rows, struct spool_delivery_count *c);

/* Counts the relays of each sink in each state. */
struct spool_rows *spool_deliveries_counts(struct spool_db *db);

enum { SPOOL_AGES = 10 };
extern const int spool_deliveries_bounds[SPOOL_AGES - 1]; /* minutes; each but the last ends below one of them */

/*
 * Counts the pending relays of each sink and age. The age is the time since the relay was stored or asked for again, or since its
 * first attempt.
 */
struct spool_rows *spool_deliveries_shape(struct spool_db *db, int64_t now);

/*
 * Counts the relays of each sink that are pending and were due before then, and tells since when; none where there was an attempt
 * since: they wait for a rate, or for others.
 */
struct spool_rows *spool_deliveries_late(struct spool_db *db, int64_t before);

/* Counts the pending relays of each sink, and tells when the time of the oldest one to be tried began. */
struct spool_rows *spool_deliveries_ages(struct spool_db *db);

extern const char *const spool_deliveries_states[]; /* the names of enum spool_relay_state */

/*
 * Makes those of the filter, whatever its state, due now: dead ones as if new, and pending ones that are due later; many in
 * several transactions. *n becomes how many.
 */
bool spool_deliveries_retry(struct spool_db *db, const struct spool_delivery_filter *f, int64_t now, int64_t *n);

/* Counts those of the filter, whatever its state, that are pending as replay made them so. */
bool spool_deliveries_replayed(struct spool_db *db, const struct spool_delivery_filter *f, int64_t *n);

/*
 * Gives those of the filter up, whatever its state, that are pending: one that replay made pending is again what it was, others
 * are dead, which is noted as if it were an attempt; many in several transactions. *n becomes how many.
 */
bool spool_deliveries_drop(struct spool_db *db, const struct spool_delivery_filter *f, int64_t now, int64_t *n);

/*
 * Makes the n events due now for the sink, as if new, in one transaction: also those that were delivered or are dead; those
 * that are pending stay as they are. *changed becomes how many.
 */
bool spool_deliveries_replay(struct spool_db *db, const struct sink *sink, const int64_t *events, size_t n, int64_t now, int64_t *changed);

#endif
