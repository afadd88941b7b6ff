/* SPDX-License-Identifier: ISC */
/* The receiver's connection to a PostgreSQL server, in pipeline mode. No function of it waits beyond a time that the caller gives. */
#ifndef SPOOL_PUT_LINK_H
#define SPOOL_PUT_LINK_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PUT_SALT_MAX = 64 };

/* Closed when zero-initialised. */
struct put_link {
	PGconn *connection; /* NULL: closed */
	char salt[PUT_SALT_MAX]; /* of the spool's hashes */
	size_t salt_n;
	char warning[128];  /* that the server sent since it was last cleared */
	bool unnamed;       /* a pooler gives each transaction to another server process: nothing is prepared */
	const _Atomic bool *stop; /* ends all waits; NULL: nothing does */
	bool told;          /* put_transaction_tell() has sent something whose result is not taken */
	bool no_schema;     /* put_link_open() failed as the database has no tables of a spool */
};

/* Connects, prepares the statements of put_sql.h, and reads the salt. until: clock_mono_us(). False with the reason in why; it is closed then. */
bool put_link_open(struct put_link *l, const char *place, int64_t until, char *why, size_t why_size);

/* Call it where the struct was copied to another place. */
void put_link_adopt(struct put_link *l);

void put_link_close(struct put_link *l);

/* True when the connection is open, as far as can be known without asking the server. */
bool put_link_is_open(struct put_link *l);

/* Takes what was left of put_transaction_tell(). False: the connection failed or the time is over, with the reason in why. */
bool put_link_drain(struct put_link *l, int64_t until, char *why, size_t why_size);

/* Takes the next result of a pipeline, which may be NULL, into *out. False: the connection failed or the time is over, with the reason in why. */
bool put_link_take(struct put_link *l, int64_t until, PGresult **out, char *why, size_t why_size);

#endif
