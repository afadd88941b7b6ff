/* SPDX-License-Identifier: ISC */
/* Retention: which events are older than the configuration keeps them, and deleting those. */
#ifndef SPOOL_RETENTION_H
#define SPOOL_RETENTION_H

#include "spool/delete.h"

/* The events of one endpoint that are old: those received before then, in ms; INT64_MIN: none. */
struct spool_keep {
	char *endpoint;
	int64_t before;
};

/* What a pass deletes. */
struct spool_retention {
	struct spool_keep *keep; /* of endpoints with an age of their own */
	size_t n_keep;
	int64_t before;      /* of all others */
	int64_t now;         /* an event received later was stored by a clock that was wrong */
	int64_t keys_since;  /* keys of events received since then stay known */
	bool spare;          /* events with pending deliveries stay */
	bool distrust;       /* times before 2000 are taken for those of a clock that was not set yet */
	bool dry_run;
};

/*
 * The rules that `keep` of the configuration makes: pending deliveries are spared, and clocks distrusted. False when memory is
 * short. spool_retention_free() when done, also then.
 */
bool spool_retention_init(struct spool_retention *r, const struct conf *conf, int64_t now);
void spool_retention_free(struct spool_retention *r);

/* The shortest age in ms at which events go; 0: the configuration has none. */
int64_t spool_retention_shortest(const struct conf *conf);

/* Moves the rules to another time. */
void spool_retention_move(struct spool_retention *r, int64_t now);

/* Where a pass is. Zero-initialised, it begins with the oldest event. */
struct spool_retention_cursor {
	int64_t after;  /* the id of the last event that was looked at */
	int64_t last;   /* the id of the event that the pass ends with */
	int64_t time_of, time; /* the id and the time of an event further on, the first with a possible time */
	bool done;      /* there are no further events */
	bool all_young; /* each event of the last page is younger than the shortest age: those behind it probably are, too */
	bool all_old;   /* none is younger: those that stay have to be looked at again only now and then */
	struct spool_deleted sum;
};

/*
 * Looks at the next 1,000 events, or at 50,000 behind such that were all old, and deletes those that are old. An event's own time
 * decides, also where its neighbours have other times. Where it is one that cannot be, the next event's decides. A pass ends at the
 * event that was the last one when the pass began. Events that arrive during a pass are young, and would keep it going.
 */
bool spool_retention_page(struct spool_db *db, const struct spool_retention *r, struct spool_retention_cursor *c);

/* Forgets the old conversations, and the keys that need not be known any more. */
bool spool_retention_forget(struct spool_db *db, const struct spool_retention *r);

#endif
