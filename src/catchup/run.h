/* SPDX-License-Identifier: ISC */
/*
 * A run of a catch-up for one account: what it looks through, what it found, and what the providers' code calls.
 *
 *   open      the state says how far the account is complete; the run looks back to there, less an overlap
 *   fetch     the provider's code lists what the API has, and stores what is missing
 *   close     complete: the state moves on to the run's beginning. Otherwise the next run goes on where this one ended
 *
 * Nothing is lost by a run that ends anywhere: events are on stable storage before the state says so, and an event that is fetched
 * again is a duplicate.
 */
#ifndef CATCHUP_RUN_H
#define CATCHUP_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "catchup/client.h"
#include "conf/catchup.h"
#include "spool/catchup.h"
#include "spool/spool.h"

enum { CATCHUP_ITEMS_MAX = 256 /* that wait to be written with the state */ };

struct catchup_provider;

struct catchup_run {
	/* set by the caller of run_begin() */
	const struct catchup *conf;
	const struct catchup_provider *provider;
	struct catchup_client *client;
	struct spool_db *db;
	struct spool *spool;     /* for events; NULL: a dry run, which stores nothing */
	const char *account;     /* "": the provider has none */
	int64_t asked_since;     /* look back to there, whatever the state says; 0: not asked */
	int64_t leave;           /* ms: what was sent in that time before now is left to the webhook and the next run */
	void (*progress)(const struct catchup_run *r); /* after each page; NULL: none */

	int64_t now, from, until; /* ms since the epoch: it fetches what was sent from `from` on, and before `until` */
	int64_t oldest;          /* the same: what a conversation of which nothing is known is looked through from */
	bool begun;
	bool aside;              /* it looks at less than the state does, and so leaves the state alone */
	struct spool_catchup state;

	unsigned requests_before; /* of the client, which several runs share */
	int64_t found, known, own, ignored; /* messages: missing until now; in the spool; of the account itself; not wanted by the endpoint */
	int64_t found_from, found_until;    /* when the first and the last that were missing were sent */
	unsigned failures; /* requests without an answer, in a row */
	bool failed;     /* something was not sure or not there: the run is not complete */
	bool later;      /* it ended because it has to go on later */
	char error[SPOOL_CATCHUP_ERROR]; /* the first reason; "": none */
	char error_before[SPOOL_CATCHUP_ERROR]; /* that of the run before */

	struct spool_catchup_item items[CATCHUP_ITEMS_MAX];
	struct buf item_ids;
	size_t n_items;
};

/* Reads the state, and decides what the run looks through. The run is zero but for what the caller sets. False on an error of r->db. */
bool run_begin(struct catchup_run *r);

/* Writes what the run has come to. False on an error of r->db. */
bool run_end(struct catchup_run *r);

void run_free(struct catchup_run *r);

/* ---- for providers */

/* Notes that something is wrong; the first reason stays. Returns false. */
bool run_fail(struct catchup_run *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* False where the answer is not 2xx; then notes why, with what was asked for. */
bool run_answered(struct catchup_run *r, const struct catchup_answer *a, const char *what);

/* False, with a reason noted, where the body is not JSON, or says `success: false`. */
bool run_check_body(struct catchup_run *r, const struct catchup_answer *a, const char *what);

/* The cursors of a list's pages: one of them, which moves on less and less often, is compared with those behind it (Brent). Begins as {0}. */
struct catchup_pages {
	uint64_t mark; /* its hash */
	unsigned n, next;
};

/* Takes the cursor of the next page. False after run_fail(): the API gave it before, so that its pages would never end. */
bool run_next_page(struct catchup_run *r, struct catchup_pages *p, struct slice cursor);

/* Remembers the item's number; written with the next cursor, or at the end. False: memory is short. */
bool run_note_item(struct catchup_run *r, struct slice id, int64_t until);

/* The item's number as it was written in the time that the catch-up looks back. INT64_MIN: none. False on an error of r->db. */
bool run_find_item(struct catchup_run *r, struct slice id, int64_t *until);

/* Writes the items, and where the run goes on. False on an error of r->db. */
bool run_save(struct catchup_run *r, struct slice cursor);

/* Counts something that was missing until now. */
void run_count_found(struct catchup_run *r, int64_t sent_at);

#endif
