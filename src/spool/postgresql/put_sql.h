/* SPDX-License-Identifier: ISC */
/* The statements of a put. Their parameters are in the order of put_rows.h. */
#ifndef SPOOL_PUT_SQL_H
#define SPOOL_PUT_SQL_H

#include <libpq-fe.h>

#define PUT_CHANNEL "hookspool" /* of notifications, for relays */

enum put_statement {
	PUT_SET,           /* a time in ms, as a text: the settings of the transaction */
	PUT_LOCK_BYTES,    /* numbers */
	PUT_CLEAR_WINDOW,  /* put_rows.window */
	PUT_ADD_KEYS,      /* the first columns */
	PUT_ADD_EVENTS,    /* the columns of events */
	PUT_ADD_RELAYED,   /* all columns: events with their relays */
	PUT_ADD_NEW,       /* the columns of events */
	PUT_ADD_NEW_RELAYED, /* those and the relays', but for the last two */
	PUT_ADD_NEW_WAITED,  /* but for the last one */
	PUT_ACCEPT,        /* ids of refused deliveries */
	PUT_TELL,            /* nothing */
	PUT_STATEMENTS,
};

/* A connection prepares them once, under that name. */
extern const struct put_sql {
	const char *name, *text;
	const Oid *types; /* of the parameters */
	int n;
} put_sql[PUT_STATEMENTS];

#endif
