/* SPDX-License-Identifier: ISC */
/* Statistics: counters, rejected deliveries and the program's own row. They are gathered in memory, and written once a second. */
#ifndef SPOOL_STATS_H
#define SPOOL_STATS_H

#include <stdbool.h>

#include "spool/spool.h"
#include "spool/query/came.h"
#include "spool/query/rejects.h"

struct tally;
struct spool_program;

/* Empty when zero-initialised, but for the limits. */
struct spool_stats {
	struct tally *tallies;
	struct spool_came came;
	struct spool_rejects rejects;
	struct reject_limits limits;
	bool relimited; /* the limits have changed since the last cut */
	struct spool_program *program; /* the row of this program in the table program; NULL: it has not changed */
};

/* Adds a delivery to its counter. Does nothing when memory is short. */
void spool_stats_count(struct spool_stats *n, const struct spool_tally *t);

/* Copies a rejected delivery, as spool_rejects_add(). */
void spool_stats_reject(struct spool_stats *n, const struct spool_reject *r);

/* Copies the row of this program. False when memory is short. */
bool spool_stats_tell(struct spool_stats *n, const struct spool_program *p);

/* Writes all inside the caller's transaction, and cuts the ring to its limits. False: the transaction must be rolled back. */
bool spool_stats_write(const struct spool_stats *n, struct spool_db *db);

/* Moves all of `from`, which is newer, into `to`. The limits and the program of `from` replace those of `to`. */
void spool_stats_join(struct spool_stats *to, struct spool_stats *from);

/* Deletes the rejected deliveries beyond the limits. False: the transaction must be rolled back. */
bool spool_stats_cut(struct spool_db *db, const struct reject_limits *limits, int64_t now);

void spool_stats_free(struct spool_stats *n);

#endif
