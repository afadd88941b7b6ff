/* SPDX-License-Identifier: ISC */
/* What the spool has, in numbers. */
#ifndef SPOOL_TOTALS_H
#define SPOOL_TOTALS_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/db.h"
#include "spool/rows.h"

enum { SPOOL_TOTALS_COUNTED = 250 * 1000 };

struct spool_totals {
	int64_t events; /* counted as far as SPOOL_TOTALS_COUNTED; of more, the ids tell: no more events than ids */
	bool at_most;   /* they were not counted: purge and erase leave ids without an event */
	int64_t oldest, newest; /* received_at of the first and last event stored, in ms; 0 without events */
	int64_t bytes;          /* on the disk */
};

bool spool_totals_read(struct spool_db *db, struct spool_totals *t);

/* The bytes that the spool has on the disk. Cheap. */
int64_t spool_totals_bytes(struct spool_db *db);

/* How many of the newest 1,000 events have a time later than `now`, and the latest of those times: a clock is wrong, or was. */
bool spool_totals_ahead(struct spool_db *db, int64_t now, int64_t *events, int64_t *latest);

/* The deliveries with one outcome. */
struct spool_counter {
	const char *endpoint; /* "": of paths that no endpoint has */
	const char *code;
	int64_t secret; /* its id; 0: none matched */
	int64_t n, last_at;
	int64_t bytes; /* of their bodies; those of before the release 0.2 are not counted */
};

/*
 * When an authentic delivery last came to the endpoint: stored, duplicate or ignored. *at becomes its time in ms, 0 without one. It may be
 * a second behind.
 */
bool spool_totals_last(struct spool_db *db, const char *endpoint, int64_t *at);

/* Reads the counters, by endpoint, code and secret. */
struct spool_rows *spool_totals_counters(struct spool_db *db);
bool spool_totals_next(struct spool_rows *rows, struct spool_counter *c);

#endif
