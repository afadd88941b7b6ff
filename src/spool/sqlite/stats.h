/* SPDX-License-Identifier: ISC */
/* What the spool keeps beside events: counters and rejected deliveries, gathered in memory, written now and then. */
#ifndef SPOOL_STATS_H
#define SPOOL_STATS_H

#include <sqlite3.h>
#include <stdbool.h>

#include "spool/spool.h"
#include "spool/sqlite/rejects.h"

struct tally;
struct spool_program;

/* Zero-initialised, but for the limits, is empty. */
struct spool_stats {
	struct tally *tallies;
	struct spool_rejects rejects;
	struct reject_limits limits;
	bool relimited; /* the limits are others than at the last cut */
	struct spool_program *program; /* what this program has to tell of itself; NULL: nothing new */
};

/* Adds a delivery to its counter. Forgotten when memory is short. */
void spool_stats_count(struct spool_stats *n, const char *endpoint, const char *code, int64_t secret, int64_t at);

/* Copies a rejected delivery, as spool_rejects_add(). */
void spool_stats_reject(struct spool_stats *n, const struct spool_reject *r);

/* Copies what this program has to tell of itself. False when memory is short. */
bool spool_stats_tell(struct spool_stats *n, const struct spool_program *p);

/* Writes them inside the caller's transaction, and cuts the ring. False: the transaction must be rolled back. */
bool spool_stats_write(const struct spool_stats *n, sqlite3 *sql);

/* Moves all of `from`, which is newer, into `to`; its limits and its program are the ones that count. */
void spool_stats_join(struct spool_stats *to, struct spool_stats *from);

/* Deletes what is beyond the limits at that moment. False: the transaction must be rolled back. */
bool spool_stats_cut(sqlite3 *sql, const struct reject_limits *limits, int64_t now);

void spool_stats_free(struct spool_stats *n);

#endif
