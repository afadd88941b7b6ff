/* SPDX-License-Identifier: ISC */
/* A transaction of a put: its statements go out in one pipeline, then their results come. put.h has the story. */
#ifndef SPOOL_PUT_TRANSACTION_H
#define SPOOL_PUT_TRANSACTION_H

#include "spool/postgresql/put_link.h"
#include "spool/postgresql/put_rows.h"

/* What became of a transaction. */
enum put_end {
	PUT_STORED,
	PUT_REFUSED, /* rolled back, for one of its events */
	PUT_AGAIN,   /* rolled back, for another transaction */
	PUT_FAILED,  /* rolled back for another reason, or it is not known */
};

/* A transaction over a link, of the items from `from` to before `to`. */
struct put_transaction {
	struct put_link *l;
	struct put_rows *b;
	size_t from, to; /* its items */
	int64_t until;
	bool quick;  /* by the one statement of new events; duplicates are left */
	bool relayed;
	bool broken; /* the connection */
	char state[6]; /* the SQLSTATE of its first error; "": none */
	char why[200];
};

/* Runs it, and sets the members of the events. The link is closed where the server's state is not known. */
enum put_end put_transaction_run(struct put_transaction *t);

/* Sets what spool_put() sets by a row of the answer. */
void put_transaction_take_row(struct spool_event *ev, const PGresult *r, int row);

/* Tells the relays of other machines that there is something to send. put_link_drain() takes the result, later. */
void put_transaction_tell(struct put_link *l);

/* Tries to write, and takes it back. */
bool put_transaction_probe(struct put_link *l, int64_t until, char *why, size_t why_size);

#endif
