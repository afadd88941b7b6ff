/* SPDX-License-Identifier: ISC */
/* A delivery from request to outcome. */
#ifndef HANDLE_H
#define HANDLE_H

#include "conf/conf.h"
#include "hook/event.h"
#include "hook/handshake.h"
#include "hook/outcome.h"
#include "hook/request.h"
#include "hook/verify.h"
#include "spool/spool.h"

/* What became of the acknowledgements that the answer waits for; hook/acknowledge.h. */
enum store_state { STORE_NOT_ASKED, STORE_WAITING, STORE_DONE, STORE_REFUSED, STORE_NO_RELAY, STORE_PENDING };

/*
 * A delivery and its outcome. Zero-initialised before the first use, then used again and again. It borrows from the request
 * and the configuration of the last call.
 */
struct delivery {
	enum outcome outcome;
	const struct endpoint *endpoint; /* NULL: no endpoint has that path */
	int64_t id;                      /* of the event, when stored or duplicate */
	int secret;                      /* which matched, from 1; 0: none */
	bool quarantined;                /* refused, and to be kept with body and headers */
	int64_t retry_after;             /* ms, for OUTCOME_RATE_LIMITED */
	const char *reason;              /* for the operator only; NULL: the outcome says all */
	const char *note;                /* of an event that is kept: what a reader must know of it; static text, or NULL */
	bool proven;                     /* its sender is proven: it is kept, whatever its content is */
	bool unread;                     /* the body cannot be read */
	int64_t received_at;             /* ms since the epoch */
	int64_t started, answered;       /* clock_mono_us() */
	int64_t answer_by;               /* the same: by then it must be answered; 0: not said. The caller sets it before handle() */
	enum store_state store;
	int64_t store_since, store_by;   /* clock_mono_us(): when waiting began, and when it ends at the latest */
	int64_t store_us;                /* how long it lasted */
	struct event event;              /* empty unless the body was parsed */
	struct spool_event stored;       /* the same for the spool */

	struct verify verify;
	struct handshake_answer challenge; /* for OUTCOME_CHALLENGE */

	/* Of a refused delivery, for `hookspool rejects`: the request may be gone by then. */
	char method[32], content_type[128];
	bool is_signed; /* it has a signature, a secret or an Authorization of the right form, whatever its value */

	struct buf headers; /* that are kept: of an event those that prove it; reused */
	char why[256];      /* storage for reason */
};

/* Judges the request. True: it carries an event, and has no outcome before handle_store(). */
bool handle(struct request *r, const struct conf *c, struct delivery *d);

/*
 * Judges a refused delivery again that was kept with its body, as of the time when it came. It begins with the signature: the
 * steps before that had their result then.
 */
bool handle_again(const struct request *r, const struct endpoint *e, int64_t received_at, struct delivery *d);

/* Gives a delivery this outcome without reading its body. */
void handle_refuse(const struct request *r, const struct conf *c, enum outcome outcome, struct delivery *d);

/* Stores the events of n deliveries (n >= 1), all in one commit. */
void handle_store(struct spool *s, struct delivery *const *d, size_t n);

/* The bytes of the largest buffer that a delivery keeps for the next one. */
size_t handle_memory(const struct delivery *d);

void handle_free(struct delivery *d);

#endif
