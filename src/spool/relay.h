/* SPDX-License-Identifier: ISC */
/* The relays of a spool: which are due, and what became of an attempt. */
#ifndef SPOOL_RELAY_H
#define SPOOL_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/db.h"
#include "spool/events.h"

/* The error of a reply whose relay ended while it was sent; in SQL it is a literal. */
#define SPOOL_RELAY_ERROR_GONE "the relay ended meanwhile; it may have arrived"

/* A relay that is unwanted is deleted: the sink's filters leave its event out. */
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
	bool elsewhere; /* of spool_relay_find(): it is pending, and another machine's relay has it */
	struct slice reply; /* that is sent to the event's conversation; p == NULL: the event is sent */
	enum spool_relay_state state;
	struct slice sink;
	struct spool_row event;
};

/* Due relays that are being read. */
struct spool_relay_iter;

/* True for a relay that is to be left out of a reading, as it was read before. It must not touch the spool. */
typedef bool spool_relay_skip(const void *ctx, int64_t relay);

/*
 * Begins to read the relays of the sink that are due at `now` (ms), behind the cursor, in the order of their times. Of an ordered
 * sink's relays of one conversation, only the oldest pending one is due. Those of `skip` are left out at little cost; NULL: none. NULL
 * on an error. spool_relay_end() must follow, also then.
 *
 * An engine with relays on several machines gives each relay to one of them only, for the time of an attempt.
 */
struct spool_relay_iter *spool_relay_due(struct spool_db *db, const char *sink, int64_t now, const struct spool_relay_cursor *from,
	spool_relay_skip *skip, const void *ctx);

/* The id of a relay is used again when it is gone, that of an event is not: the two together tell which is meant. */
struct spool_relay_key {
	int64_t relay, event;
	bool pending;
};

/* The same for n relays, which the caller names, whatever their state and whenever they are due. Those that are gone are left out. */
struct spool_relay_iter *spool_relay_find(struct spool_db *db, const struct spool_relay_key *keys, size_t n);

/* Reads the next one; its slices live until the next call. False behind the last, after 1,000 relays, and on an error. */
bool spool_relay_next(struct spool_relay_iter *it, struct spool_relay_row *row);

/*
 * Ends the reading, and frees it. Call it soon: an open reading delays the receiver's checkpoints. *cursor becomes the place behind
 * the last row. *more becomes true when there may be further rows. False when an error ended the reading.
 */
bool spool_relay_end(struct spool_relay_iter *it, struct spool_relay_cursor *cursor, bool *more);

/* The time after now when the sink's next relay is due; 0: none is. */
bool spool_relay_next_due(struct spool_db *db, const char *sink, int64_t now, int64_t *due);

/*
 * Makes relays of the sink due at `now` (ms) that are due after `latest` (ms). No schedule gives such a time: the clock was wrong when
 * they were stored or last tried. *n becomes their number. Cheap when there is none.
 */
bool spool_relay_unwait(struct spool_db *db, const char *sink, int64_t now, int64_t latest, int64_t *n);

/* Sets `pending` of each of the n keys: false where the relay was dropped, purged or delivered since it was read. */
bool spool_relay_pending(struct spool_db *db, struct spool_relay_key *keys, size_t n);

/* The result of an attempt. The caller owns what the pointers lead to. */
struct spool_attempt {
	struct spool_attempt *next;
	int64_t relay, event;
	int64_t at, ms;      /* when it began, in ms since the epoch, and how long it took */
	int status;          /* HTTP's; 0: there was no answer, or no attempt was made */
	const char *error;   /* NULL: none */
	struct slice answer; /* its beginning */
	enum spool_relay_state state;
	bool unjudged;       /* the sink's filters were not applied yet */
	bool at_most_once;   /* a reply, which spool_relay_sending() has marked: a server must not lose the result while the relay lives */
	int64_t due;         /* the next attempt, while it is pending; when it died, where it is dead; ms since the epoch */
	int64_t since;       /* when `retry`'s time began: with the first attempt, unless the clock was set */
	const char *pauses;  /* the sink whose pause begins or ends; NULL: none */
	int64_t pause_until; /* ms since the epoch; 0: the pause ends */
	int pause_failures;  /* in a row, before the pause */
	const struct sink *reply_to; /* the sink that sends `reply`; NULL: there is no reply */
	struct slice reply;
};

enum { SPOOL_ATTEMPTS_KEPT = 10 }; /* of one relay, the newest */

/*
 * Writes a list of results in one transaction, and adds their replies as relays, one for each event. A relay that was dropped during
 * its attempt stays dropped, unless it was delivered. The commit does not wait for the disk: after a power cut the relay sends again,
 * with the same id. After an error nothing is written.
 */
bool spool_relay_record(struct spool_db *db, const struct spool_attempt *first);

/*
 * Before a reply is sent: writes that durably, because a reply must not arrive twice. key->pending becomes false where it was dropped
 * or purged. After an error the reply must not be sent.
 */
bool spool_relay_sending(struct spool_db *db, struct spool_relay_key *key, int64_t now);

/*
 * At the start of a relay: makes replies dead that an earlier relay was sending when it ended. They may have arrived. *n becomes their
 * number.
 */
bool spool_relay_doubt(struct spool_db *db, int64_t *n);

/*
 * At the start of a relay, and when the clock was set: corrects what a wrong clock wrote. Relays that were never tried and are due
 * later become due at `now`. Others that are due later become due `back` ms earlier; the clock was set back by that. *changed becomes
 * their number. Deletes the pauses that an earlier relay wrote. *last_attempt becomes the time of the last attempt, in ms since the
 * epoch; 0: there is none.
 */
bool spool_relay_begin(struct spool_db *db, int64_t now, int64_t back, int64_t *last_attempt, int64_t *changed);

/*
 * Has other machines tell this connection, which does nothing else from then on, that they stored events for relays. Returns a descriptor
 * that becomes readable, owned by the connection; -1: they can't, or the engine has no other machines.
 */
int spool_relay_listen(struct spool_db *db);

/* Takes what they told. False: the connection has ended. */
bool spool_relay_heard(struct spool_db *db);

/* The name of the spool, with its NUL. It is a part of each event's public id, "evt_NAME_ID". */
bool spool_relay_name(struct spool_db *db, char name[16]);

#endif
