/* The relays of a spool: which are due, and what became of an attempt. */
#ifndef SPOOL_RELAY_H
#define SPOOL_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "sink/spool_db.h"
#include "sink/spool_query.h"

enum spool_relay_state { RELAY_PENDING, RELAY_DONE, RELAY_DEAD };

/* Where a reading of due relays goes on; zero-initialised, it begins with the first. */
struct spool_relay_cursor {
	int64_t due, id;
};

/* A due relay; borrowed for the length of a visit. */
struct spool_relay_row {
	int64_t id, since, due; /* since: when its time to be tried began */
	int attempts;
	struct spool_row event;
};

/*
 * Visits up to n relays of the sink that are due by then, the longest due first, and moves the cursor behind the
 * last. Of an ordered sink's relays of one conversation, only the oldest pending one is due. *found becomes their number.
 * False with the reason in why.
 */
bool spool_relay_due(struct spool_db *db, const char *sink, int64_t now, struct spool_relay_cursor *cursor, int n,
	void (*visit)(void *ctx, const struct spool_relay_row *r), void *ctx, int *found, char *why, size_t why_size);

/* The time after now when the sink's next relay is due; 0: none is. False with the reason in why. */
bool spool_relay_next(struct spool_db *db, const char *sink, int64_t now, int64_t *due, char *why, size_t why_size);

/* What became of an attempt. All borrowed. */
struct spool_attempt {
	struct spool_attempt *next;
	int64_t relay;
	int64_t at, ms;      /* when it began, and how long it took */
	int status;          /* HTTP's; 0: there was no answer, or no attempt was made */
	const char *error;   /* NULL: none */
	struct slice answer; /* its beginning */
	enum spool_relay_state state;
	int64_t due;         /* the next, when it is still pending */
};

enum { SPOOL_ATTEMPTS_KEPT = 10 }; /* of one relay, the newest */

/*
 * Writes them in one transaction. It is not synced: what a power cut takes back is sent once more, with the same id.
 * False with the reason in why: nothing is written.
 */
bool spool_relay_record(struct spool_db *db, const struct spool_attempt *first, char *why, size_t why_size);

/* Which relays; NULL and 0 are any. */
struct spool_relay_filter {
	const char *sink;
	int64_t id;
	int state; /* enum spool_relay_state, or -1 */
};

/* A relay as it stands, with its last attempt; borrowed for the length of a visit. */
struct spool_relay_status {
	int64_t id, event, due;
	int attempts;
	enum spool_relay_state state;
	struct slice sink, endpoint, error, answer; /* p == NULL: none */
	int64_t last_at, ms;                        /* 0: there was no attempt */
	int status;
};

/* Visits the newest n relays (0: all) that pass the filter, the oldest of them first. False with the reason in why. */
bool spool_relay_list(struct spool_db *db, const struct spool_relay_filter *f, int64_t n,
	void (*visit)(void *ctx, const struct spool_relay_status *s), void *ctx, char *why, size_t why_size);

/* Visits how many relays there are of each sink in each state. False with the reason in why. */
bool spool_relay_counts(struct spool_db *db, void (*visit)(void *ctx, const char *sink, enum spool_relay_state state, int64_t n),
	void *ctx, char *why, size_t why_size);

extern const char *const spool_relay_states[]; /* the names of enum spool_relay_state */

/* Makes those of the filter that are dead pending again, due now, as if new. *n becomes how many. False with the reason in why. */
bool spool_relay_retry(struct spool_db *db, const struct spool_relay_filter *f, int64_t now, int64_t *n, char *why, size_t why_size);

/* Makes those of the filter that are pending dead. *n becomes how many. False with the reason in why. */
bool spool_relay_drop(struct spool_db *db, const struct spool_relay_filter *f, int64_t *n, char *why, size_t why_size);

/*
 * Makes the n events due now for the sink, as if new, in one transaction: also those that were delivered or are dead; those
 * that are pending stay as they are. *changed becomes how many. False with the reason in why.
 */
bool spool_relay_replay(struct spool_db *db, const struct sink *sink, const int64_t *events, size_t n, int64_t now, int64_t *changed,
	char *why, size_t why_size);

/* The name of the spool, at most 16 bytes with the NUL, which tells its events from those of others. False with the reason in why. */
bool spool_relay_name(struct spool_db *db, char name[16], char *why, size_t why_size);

#endif
