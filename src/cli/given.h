/* SPDX-License-Identifier: ISC */
/* A delivery that is given on the command line, as verify and identify take it: its headers, its query, and a secret. */
#ifndef GIVEN_H
#define GIVEN_H

#include "core/buf.h"

struct given {
	const char *header_file, *query, *secret_file; /* NULL: not given */
	struct buf headers; /* a line each, as stored_request() takes them; the options' own, and then those of header_file and the query */
	struct buf secret;  /* what secret_file holds: root may read that, the spool's owner may not */
};

/* Reads the files. Returns CLI_OK, or an exit status after the error was printed; `command` is the subcommand's name. */
int given_read(struct given *g, const char *command);

/* Forgets the secret. */
void given_free(struct given *g);

#endif
