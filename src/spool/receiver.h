/* SPDX-License-Identifier: ISC */
/*
 * What an engine does for struct spool: transactions on one handle, by one thread at a time. The queue of callers, the statistics in
 * memory and the overflow are those of spool.c, for all engines.
 */
#ifndef SPOOL_RECEIVER_H
#define SPOOL_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spool/spool.h"

struct spool_stats;

/* A list of events, in the order in which they came; each put of a caller is one list. */
struct spool_batch {
	struct spool_batch *next;
	struct spool_event *events;
};

/* A handle on a spool at one place. Its engine's handle begins with it. */
struct spool_receiver {
	const struct spool_receiver_ops *ops;
};

/* Each function that returns a bool says in why what failed. Times are clock_mono_us(). */
struct spool_receiver_ops {
	/* Nothing is touched before the first use. NULL: memory is short. */
	struct spool_receiver *(*new)(const char *place, enum journal journal, enum spool_access access);
	void (*close)(struct spool_receiver *r);

	bool (*open)(struct spool_receiver *r, char *why, size_t why_size);

	/*
	 * Stores all events that are not settled, sets the members that spool_put() sets, and settles each one that is on stable storage
	 * or that the engine refuses. It waits until `until`; 0: for 8 s. *relayed becomes true where relays were added. False: events are
	 * left that are not settled, and it is not known whether they are stored.
	 */
	bool (*put)(struct spool_receiver *r, const struct spool_batch *first, int64_t until, bool *relayed, char *why, size_t why_size);

	/* After a put that added relays: tells the relays of other machines, and waits for nothing. NULL: there are no others. */
	void (*tell)(struct spool_receiver *r);

	/* Writes the statistics. It waits for 1 s at most, but with `waits`. */
	bool (*write)(struct spool_receiver *r, const struct spool_stats *stats);

	/* Finds out whether the spool can be written. */
	bool (*probe)(struct spool_receiver *r, char *why, size_t why_size);

	bool waits; /* write() may wait for long. It has what it needs beside the handle: another thread may call it during the others */
};

extern const struct spool_receiver_ops spool_sqlite_receiver;

#endif
