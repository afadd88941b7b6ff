/* SPDX-License-Identifier: ISC */
/* The connection to a PostgreSQL server that a struct spool_db has. */
#ifndef SPOOL_PG_LINK_H
#define SPOOL_PG_LINK_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "spool/engine.h"

/* db->of_engine. After a failure it is connected again with the next statement that is outside of a transaction. */
struct pg_link {
	PGconn *connection;
	char *place;              /* the URI, without a password */
	enum spool_access access;
	bool in_transaction;
	bool lazy;                /* commits do not wait for the disk */
	const int64_t *deadline;  /* of a reading that is bounded, clock_mono_us(); NULL: none */
	int64_t changes;          /* rows that the last INSERT, UPDATE or DELETE changed */
	int64_t settled;          /* spool_db_settled() */
	int64_t unsure, unsure_at; /* a reply that may be marked as being sent, and is not: claim.c; 0: none */
	int64_t holder;           /* this process in the table relayer; 0: it is not there. claim.h */
};

struct pg_link *pg_link_of(struct spool_db *db);

/*
 * Connects to the server of that URI: any form that libpq takes, with defaults for what it leaves out. NULL with the reason in why.
 * The caller calls PQfinish().
 */
PGconn *pg_link_connect(const char *uri, char *why, size_t why_size);

/* Connects where there is no connection. False with the reason in the connection. */
bool pg_link_ready(struct spool_db *db);

/* The parameters of a statement, in libpq's form. */
struct pg_values {
	int n;
	const Oid *types;
	const char *const *values;
	const int *lengths, *formats;
};

/*
 * Runs a statement, and waits for its result, which the caller clears: binary values. NULL with the reason in the connection. Outside of
 * a transaction a statement is sent once more where the connection had ended.
 */
PGresult *pg_link_exec(struct spool_db *db, const char *sql, const struct pg_values *v);

/* Runs statements without parameters and results. */
bool pg_link_run(struct spool_db *db, const char *sql);

/* Keeps the reason of a failed result in the connection; r: NULL where there is none. Returns false. */
bool pg_link_fail(struct spool_db *db, const PGresult *r);

#endif
