/* SPDX-License-Identifier: ISC */
/*
 * A connection to a PostgreSQL server: libpq in pipeline mode on the loop.
 *
 *   closed      nothing
 *   opening     the host is looked up, libpq connects, the server says which types the table's columns have
 *   ready       transactions may be sent
 *
 * A transaction is what stands between two Syncs: settings, the INSERT's text, and the INSERT for each event. It needs no
 * state of the session, so it passes through a pooler such as pgbouncer. The settings are made in each transaction.
 */
#ifndef POSTGRESQL_LINK_H
#define POSTGRESQL_LINK_H

#include <libpq-fe.h>
#include <stdbool.h>

#include "core/buf.h"
#include "core/loop.h"
#include "sink/postgresql_options.h"

struct postgresql_link {
	struct loop *loop;
	const struct postgresql_options *options;
	const char *password; /* NULL: none */
	char timeout[24];     /* ms of a statement, and of a wait for another transaction */

	void (*on_ready)(void *ctx);
	void (*on_result)(void *ctx, const PGresult *r); /* of a transaction; NULL at the end of a statement */
	void (*on_end)(void *ctx, const char *why);      /* the connection failed, and is closed */
	void *ctx;

	/* the link's own */
	PGconn *connection; /* NULL: none yet, or closed */
	int lookup;         /* descriptor; -1: no lookup */
	int fd;             /* that the loop watches; -1: none */
	unsigned events;    /* that it watches for */
	unsigned syncs;     /* that were sent and have no answer */
	bool ready;
	bool binary[POSTGRESQL_COLUMNS_MAX]; /* the column is a bytea */
	struct buf sql;       /* the INSERT */
	char setup_error[256];
};

/* Begins to open a link that is closed. on_ready() or on_end() follows, on_end() before this returns perhaps. */
void postgresql_link_open(struct postgresql_link *l);

/* True when it is opening or ready. */
bool postgresql_link_is_open(const struct postgresql_link *l);

/* Closes it, without a call of on_end(). */
void postgresql_link_close(struct postgresql_link *l);

/*
 * Sends a transaction: begin, an insert for each event, end. Values are those of the columns, and are copied; a text's length is
 * not read. False where the connection has failed or memory is short: the link is to be closed then.
 */
bool postgresql_link_begin(struct postgresql_link *l);
bool postgresql_link_insert(struct postgresql_link *l, const char *const *values, const int *lengths);
bool postgresql_link_end(struct postgresql_link *l);

/* What libpq says about the connection, its first line; valid until the next call. */
const char *postgresql_link_error(const PGconn *connection, char out[256]);

/* ---- what hookspool check needs too */

enum { POSTGRESQL_PARAMETERS_MAX = 16 };

/* Parameters for libpq, in the order of later ones overriding earlier ones. Values are borrowed. */
struct postgresql_parameters {
	const char *name[POSTGRESQL_PARAMETERS_MAX], *value[POSTGRESQL_PARAMETERS_MAX];
};

void postgresql_parameters(struct postgresql_parameters *p, const struct postgresql_options *o, const char *password, const char *address);

/* Appends the table's name, quoted. False when memory is short. */
bool postgresql_add_table(PGconn *connection, const char *table, struct buf *out);

/* Appends the INSERT up to its values, and behind them: ON CONFLICT. */
bool postgresql_add_insert(PGconn *connection, const struct postgresql_options *o, struct buf *out);
bool postgresql_add_conflict(PGconn *connection, const struct postgresql_options *o, struct buf *out);

/* The value of the URL's parameter, freed by the caller; NULL: it has none. */
char *postgresql_url_part(const char *url, const char *name);

#endif
