/* SPDX-License-Identifier: ISC */
/* The relays of a spool: which are due, and what became of an attempt. */
#ifndef SPOOL_RELAY_H
#define SPOOL_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/db.h"
#include "spool/events.h"

/* The last is none that is kept: such a relay is forgotten. */
enum spool_relay_state { SPOOL_RELAY_PENDING, SPOOL_RELAY_DONE, SPOOL_RELAY_DEAD, SPOOL_RELAY_UNWANTED };

/* Where a reading of due relays goes on; zero-initialised, it begins with the first. */
struct spool_relay_cursor {
	int64_t due, id;
};

/* A relay that is read. */
struct spool_relay_row {
	int64_t id, since, due; /* since: when its time to be tried began */
	int attempts;
	bool judge; /* whether the sink wants it is still to be found out */
	struct slice reply; /* that is sent to the event's conversation; p == NULL: the event is sent */
	enum spool_relay_state state;
	struct slice sink;
	struct spool_row event;
};

/* Due relays that are being read. */
struct spool_relay_iter;

/*
 * Begins to read the relays of the sink that are due by then, from the cursor on, the longest due first. Of an ordered sink's relays
 * of one conversation, only the oldest pending one is due. NULL on an error. spool_relay_end() must follow, also then.
 */
struct spool_relay_iter *spool_relay_due(struct spool_db *db, const char *sink, int64_t now, const struct spool_relay_cursor *from);

/* The id of a relay is used again when it is gone, that of an event is not: the two together tell which is meant. */
struct spool_relay_key {
	int64_t relay, event;
	bool pending;
};

/* The same for n relays, which the caller names, whatever their state and whenever they are due. Those that are gone are left out. */
struct spool_relay_iter *spool_relay_find(struct spool_db *db, const struct spool_relay_key *keys, size_t n);

/* Reads the next one, borrowed until the next call. False behind the last, after 1,000 that are not due yet, and on an error. */
bool spool_relay_next(struct spool_relay_iter *it, struct spool_relay_row *row);

/*
 * Ends the reading, as soon as it may: it holds up the receiver's checkpoints. *cursor becomes the place behind the last one that was
 * read; *more: there may be further ones. False when an error ended the reading.
 */
bool spool_relay_end(struct spool_relay_iter *it, struct spool_relay_cursor *cursor, bool *more);

/* The time after now when the sink's next relay is due; 0: none is. */
bool spool_relay_next_due(struct spool_db *db, const char *sink, int64_t now, int64_t *due);

/*
 * Makes those relays of the sink due at `now` that are due after `latest`, which no schedule gives: a clock was wrong when they were
 * stored or last tried. *n becomes how many. Cheap where there is none.
 */
bool spool_relay_unwait(struct spool_db *db, const char *sink, int64_t now, int64_t latest, int64_t *n);

/* Finds out which of n relays are still to be sent, and were not dropped, purged or delivered since they were read. */
bool spool_relay_pending(struct spool_db *db, struct spool_relay_key *keys, size_t n);

/* What became of an attempt. All borrowed. */
struct spool_attempt {
	struct spool_attempt *next;
	int64_t relay, event;
	int64_t at, ms;      /* when it began, and how long it took */
	int status;          /* HTTP's; 0: there was no answer, or no attempt was made */
	const char *error;   /* NULL: none */
	struct slice answer; /* its beginning */
	enum spool_relay_state state;
	bool unjudged;       /* whether the sink wants it is still to be found out */
	int64_t due;         /* the next, when it is still pending */
	int64_t since;       /* when its time to be tried began: with the first attempt, unless the clock was set */
	const char *pauses;  /* the sink that pauses from now on, or no longer does; NULL: nothing changes */
	int64_t pause_until; /* 0: it no longer does */
	int pause_failures;  /* in a row, that led to it */
	const struct sink *reply_to; /* the sink that reply is sent to; NULL: none is */
	struct slice reply;
};

enum { SPOOL_ATTEMPTS_KEPT = 10 }; /* of one relay, the newest */

/*
 * Writes them, and adds their replies as relays, one for each event, in one transaction. A delivery that was dropped during its
 * attempt stays dropped, unless it was delivered. It is not synced: what a power cut takes back is sent once more, with the same id. After
 * an error nothing is written.
 */
bool spool_relay_record(struct spool_db *db, const struct spool_attempt *first);

/*
 * Writes down that the reply is about to be sent, durably: it must not arrive twice. key->pending becomes whether it is still
 * to be sent. After an error it must not be sent.
 */
bool spool_relay_sending(struct spool_db *db, struct spool_relay_key *key, int64_t now);

/*
 * Makes those dead that were being sent when the relay ended, as it is not known whether they arrived; *n becomes how many.
 * For the only relay of the spool, at its start.
 */
bool spool_relay_doubt(struct spool_db *db, int64_t *n);

/*
 * Finds out when the last attempt was made, in ms since the epoch; 0: there is none. Relays that were never tried and are due later
 * become due now: the clock was wrong when they were stored. Others that are due later are brought forward by `back`, the ms that the
 * clock was set back. *changed becomes how many. The pauses of an earlier relay are forgotten. For the only relay of the spool, at its
 * start and when the clock was set.
 */
bool spool_relay_begin(struct spool_db *db, int64_t now, int64_t back, int64_t *last_attempt, int64_t *changed);

/* The name of the spool, at most 16 bytes with the NUL, which tells its events from those of others. */
bool spool_relay_name(struct spool_db *db, char name[16]);

#endif
