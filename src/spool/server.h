/* SPDX-License-Identifier: ISC */
/* The server that holds a spool, for `hookspool check`: is what it acknowledges durable, and may this role do what is needed? */
#ifndef SPOOL_SERVER_H
#define SPOOL_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "spool/db.h"

struct spool_server {
	char version[64];      /* such as "15.8" */
	int64_t version_number; /* 150008 */
	char address[128];     /* "": a Unix socket */
	bool encrypted;
	bool fsync, full_page_writes;
	char synchronous_commit[16]; /* of this role; the receiver sets its own where that is too little */
	bool sees;             /* this role may see the standbys */
	int64_t standbys;      /* that are connected */
	int64_t synchronous;   /* of these, those that a commit waits for */
	char names[256];       /* synchronous_standby_names; "": a commit waits for none */
	int64_t ahead_ms;      /* the server's clock against this machine's */
	int64_t unsure_ms;     /* the time that the answer took */
	char missing[256];     /* tables that this role may not read or write; "": none */
};

/* Fills in what the server says. False with the reason in the connection. Only for a spool that a server holds. */
bool spool_server_look(struct spool_db *db, struct spool_server *server);

#endif
