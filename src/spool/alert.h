/* SPDX-License-Identifier: ISC */
/*
 * Alerts: events of our own about trouble, and what is known of each trouble.
 *
 * The table alert has a row for each trouble that is there, and for each alert that has not ended. A row and the event that tells of
 * it are written in one transaction, so that no alert is told twice or never.
 */
#ifndef SPOOL_ALERT_H
#define SPOOL_ALERT_H

#include "spool/db.h"
#include "spool/rows.h"

#define SPOOL_ALERT_ENDPOINT "hookspool" /* of events of our own; a configured endpoint begins with a slash */

/* Times are in ms since the epoch; 0: no. */
struct spool_alert {
	const char *name, *subject; /* such as "sink.down" and the sink's name */
	int64_t since;     /* the trouble has been there since then */
	int64_t over;      /* an alert was raised, and its trouble has been gone since then */
	int64_t raised_at; /* the alert was raised, and not resolved yet */
};

/* Reads all rows, but no more than 4,096: a forged spool may have any number. */
struct spool_rows *spool_alert_list(struct spool_db *db);
bool spool_alert_next(struct spool_rows *rows, struct spool_alert *a);

/* An event of our own. */
struct spool_alert_event {
	const char *event; /* its name */
	const char *text;  /* for people */
	struct slice body; /* JSON */
	int64_t at;        /* ms since the epoch */
	const struct sink *const *sinks; /* that it is sent to */
	size_t n_sinks;
};

/*
 * Writes the row, or deletes it where all its times are 0. With an event, stores that too, with its pending relays, and returns when both are
 * on stable storage. After an error neither is written. *id becomes the event's.
 */
bool spool_alert_write(struct spool_db *db, const struct spool_alert *a, const struct spool_alert_event *event, int64_t *id);

/*
 * Counts the sink's dead letters, up to 1,000. *at becomes the time when the last one died, 0 where that was before `after`. Events of
 * our own do not count.
 */
bool spool_alert_dead(struct spool_db *db, const char *sink, int64_t after, int64_t *at, int64_t *n);

#endif
