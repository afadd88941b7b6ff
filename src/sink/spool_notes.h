/* What the spool keeps beside events: counters and rejected deliveries, gathered in memory, written now and then. */
#ifndef SPOOL_NOTES_H
#define SPOOL_NOTES_H

#include <sqlite3.h>
#include <stdbool.h>

#include "sink/spool.h"
#include "sink/spool_rejects.h"

struct tally;
struct spool_program;

/* Zero-initialised, but for the limits, is empty. */
struct spool_notes {
	struct tally *tallies;
	struct spool_rejects rejects;
	struct reject_limits limits;
	bool relimited; /* the limits are others than at the last cut */
	struct spool_program *program; /* what this program has to tell of itself; NULL: nothing new */
};

/* Adds a delivery to its counter. Forgotten when memory is short. */
void spool_notes_count(struct spool_notes *n, const char *endpoint, const char *code, int64_t secret, int64_t at);

/* Copies a rejected delivery, as spool_rejects_add(). */
void spool_notes_reject(struct spool_notes *n, const struct spool_reject *r);

/* Copies what this program has to tell of itself. False when memory is short. */
bool spool_notes_tell(struct spool_notes *n, const struct spool_program *p);

/* Writes them inside the caller's transaction, and cuts the ring. False: the transaction must be rolled back. */
bool spool_notes_write(const struct spool_notes *n, sqlite3 *sql);

/* Moves all of `from` into `to`. Of two that a program tells of itself, that in `to` is the newer one. */
void spool_notes_join(struct spool_notes *to, struct spool_notes *from);

/* Deletes what is beyond the limits at that moment. False: the transaction must be rolled back. */
bool spool_notes_cut(sqlite3 *sql, const struct reject_limits *limits, int64_t now);

void spool_notes_free(struct spool_notes *n);

#endif
