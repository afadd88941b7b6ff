/* SPDX-License-Identifier: ISC */
/* What hookspool send prints: each attempt of one event, or a summary of many. */
#ifndef SEND_REPORT_H
#define SEND_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/sender.h"

enum { SEND_REPORT_GROUPS = 24 };

/* A group of equal answers: the same HTTP status and outcome, or the same failure. */
struct send_group {
	int status;
	char word[64];
	uint64_t n;
	bool accepted;
	struct buf example; /* the first one's bytes, when it was refused */
};

/* The caller fills the first part and zeroes the rest. */
struct send_report {
	uint64_t events;
	bool twice; /* deliveries 2i and 2i+1 carry event i */
	bool quiet;
	unsigned concurrency;

	uint64_t accepted, refused; /* deliveries that are over */
	int64_t started;            /* clock_mono_us() */
	struct buf latencies;       /* int64_t, in us, of the attempts that were answered */
	struct send_group groups[SEND_REPORT_GROUPS]; /* the last group takes what fits in no other */
	unsigned n_groups;
	int64_t *ids;           /* with twice: an event's id by its first answer; 0: none yet */
	uint64_t same, differ;  /* events whose two answers named one id, or two */
};

/* Starts the clock and, for many events, the progress line. False when memory is short. */
bool send_report_start(struct send_report *r);

/* Counts an attempt. The attempts of a single event are printed at once. */
void send_report_attempt(void *r, const struct attempt *a);

/* Prints what is to be said at the end. */
void send_report_finish(struct send_report *r);

void send_report_free(struct send_report *r);

#endif
