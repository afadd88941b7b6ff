/* SPDX-License-Identifier: ISC */
/*
 * The spool as the receiver uses it: events, rejected deliveries and counters go in.
 *
 * The functions of the headers in src/spool/ are the spool's interface. They are parted by caller:
 *
 *   receiver        spool.h keeper.h
 *   relay           relay.h relay_lock.h pause.h conversation.h catchup.h
 *   commands        events.h rejects.h deliveries.h totals.h program.h
 *   administrator   retention.h erase.h backup.h restore.h inspect.h fs.h
 *   all but the receiver's commits: a connection (db.h), and rows that are read from it (rows.h)
 *
 * src/spool/sqlite/ implements them. No caller sees SQL or a header of the engine.
 *
 * A second engine implements the same functions in a directory of its own. struct spool and struct spool_db then begin with a pointer
 * to a table of an engine's functions, and each public function calls through it. spool_new() and spool_db_open() choose the engine
 * by the form of the option `spool`: a path is a directory of SQLite's, a URL is another engine's. fs.h stays SQLite's alone.
 */
#ifndef SPOOL_H
#define SPOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "core/buf.h"
#include "spool/db.h"
#include "spool/events.h"

struct spool;
struct spool_program;

/*
 * A handle on the spool at that place. Nothing on disk is touched before the first use: a receiver starts on a disk that
 * is full or not mounted yet, and answers deliveries 503. NULL: no memory. The caller closes it.
 *
 * Threads share it. So a function that fails copies the reason to the caller's buffer; a reason in the handle could be that of
 * another thread.
 */
struct spool *spool_new(const char *place, enum journal journal, enum spool_access access,
	struct reject_limits limits);

/* The same for the spool of the configuration. A receiver's has the overflow, too. */
struct spool *spool_of(const struct conf *c, enum spool_access access);

void spool_close(struct spool *s);

/* Opens the database now. False on failure, with the reason in why. */
bool spool_open(struct spool *s, char *why, size_t why_size);

/* How a delivery is recognised as a duplicate of an event that is stored. */
enum spool_identity {
	SPOOL_IDENTITY_NONE,     /* not at all: it is never a duplicate, and its key is not used */
	SPOOL_IDENTITY_BODY,     /* by its bytes; the key is a hash of them */
	SPOOL_IDENTITY_SIGNED,   /* by an id that the signature covers */
	SPOOL_IDENTITY_UNSIGNED, /* by an id that the signature does not cover */
};

/* An event to store. Everything is borrowed for the length of spool_put(). */
struct spool_event {
	struct spool_event *next; /* to be stored in the same commit */
	const char *endpoint;
	enum spool_source source;
	struct slice event;
	struct slice key; /* dedupe key; p == NULL: none, never merged */
	enum spool_identity identity; /* what the key is */
	struct slice plain_id;  /* the key as release 0.1 had it; p == NULL: none */
	int64_t dedupe_window;  /* ms that the same bytes are the same event, where they are its identity */
	int64_t replay_window;  /* ms that the same bytes (body and signed query) under another unsigned id are a duplicate; 0: never */
	struct slice account;
	struct slice sender_id;
	struct slice sender_name;
	struct slice conversation;
	struct slice sent_at; /* the provider's own timestamp text */
	struct slice text; /* of the message; stored where a sink needs it. p == NULL: it has none */
	struct slice headers; /* "Name: value\n" lines that prove the signature */
	struct slice body;
	struct slice bytes; /* that tell whether a delivery is the same again, where that is not the body; p == NULL: the body */
	struct slice signature; /* in bytes, where the URL is signed; otherwise p == NULL */
	const char *note; /* what a reader must know of it; NULL: nothing */
	const char *remote_addr;
	int64_t received_at; /* ms since the epoch */
	int64_t deadline;    /* clock_mono_us() until which spool_put() may wait for other writers, and 1 s in any case; 0: for 8 s */
	int secret;          /* which of the endpoint's secrets matched, from 1; 0: none */
	const struct sink *const *relay; /* that it is to be sent to: pending relays, in the same commit */
	size_t n_relay;
	const struct sink *const *store; /* the same: sinks whose acknowledgement the answer waits for */
	size_t n_store;                  /* ENDPOINT_STORES at most */
	bool several_events, several_accounts; /* it has more than `event` and `account` tell: no sink's filter leaves it out by them */
	bool kept;           /* another spool had it: key and scope are columns there, and so is the digest */
	struct slice scope;  /* with kept */
	struct slice origin; /* the same: what names it there; for an event without a key */
	const unsigned char *digest; /* the same: of an unsigned identity, 32 bytes; NULL: none */
	int64_t reject;      /* the id of the rejected delivery that it was, which goes in the same commit; 0: none */

	int64_t id;     /* set by spool_put(): its own, or that of the event it is a duplicate of */
	bool duplicate; /* set by spool_put() */
	bool altered;   /* the same: a duplicate, but of other bytes */
	bool fetched;   /* the same: a duplicate of an event that a catch-up has fetched */
	int64_t same_as; /* the same: the newest event with the same bytes under another unsigned id; 0: none */
	int64_t waits[ENDPOINT_STORES]; /* the same: the relays to sinks in store that are pending, of a duplicate too */
	size_t n_waits;                  /* the same */
	bool store_dead;                 /* the same: one to a sink in store is a dead letter */
	bool refused;                    /* the same: the database refuses this event, and no other; it is not stored */
	bool overflowed;                 /* the same: it is in the overflow, and the id is that of the overflow */
	bool settled;                    /* of spool_put() alone: it is stored, or refused */
	char once[33]; /* the same: names an event without a key, for a server that may have stored it already; "": nothing does */
};

/*
 * Stores a list of events in one commit, and returns when all are on stable storage that are not refused. Concurrent callers share a
 * commit. False with the reason in why: at least one of them is not stored, as far as this process knows.
 */
bool spool_put(struct spool *s, struct spool_event *first, char *why, size_t why_size);

/* A rejected delivery, for the bounded ring. Borrowed for the length of the call. */
struct spool_reject {
	const char *endpoint; /* NULL: no endpoint has that path */
	const char *code;     /* outcome code; static text */
	const char *reason;   /* for the operator */
	const char *remote_addr;
	const char *path, *method, *content_type; /* NULL: not said; their beginnings are kept */
	bool is_signed;    /* it has a signature of the scheme's form, right or wrong */
	int64_t received_at;
	int64_t bytes;     /* of the body, as far as it was read */
	struct slice body; /* p == NULL: not kept */
	struct slice headers; /* "Name: value\n" lines, with the body */
};

/* What is counted of a delivery. */
struct spool_tally {
	const char *endpoint; /* NULL: no endpoint has its path */
	const char *code;     /* outcome code; static text */
	int64_t secret;       /* the matching secret's id; 0: none */
	int64_t bytes;        /* of its body */
	int64_t at;           /* ms since the epoch */
	int64_t again;        /* the event that it is a duplicate of; 0: none */
};

/*
 * Counts a delivery by endpoint, outcome code and secret, and a duplicate by its event. Kept in memory until spool_flush(); the counters may lose the last second in a
 * crash, events never.
 */
void spool_count(struct spool *s, const struct spool_tally *t);

/* Notes a rejected delivery. It is kept in memory, with at most 511 others, until spool_flush(). */
void spool_reject(struct spool *s, const struct spool_reject *r);

/* Sets other limits. The next spool_flush() deletes rejected deliveries beyond them. */
void spool_limit(struct spool *s, struct reject_limits limits);

/* Copies this program's row; the next spool_flush() writes it. */
void spool_tell(struct spool *s, const struct spool_program *p);

/*
 * Finds out whether the spool can be written: opens it, waits for its lock for at most 1 s, writes some pages, and takes them back.
 * Nothing is stored. False with the reason in why.
 */
bool spool_probe(struct spool *s, char *why, size_t why_size);

/*
 * Writes counters, rejected deliveries and this program's row. Costs no fsync in WAL mode, unless a checkpoint is due. After a failure
 * all of them stay in memory for the next call.
 */
void spool_flush(struct spool *s);

#endif
