/* SPDX-License-Identifier: ISC */
/* What libpq is told of a connection to the spool. */
#ifndef SPOOL_PARAMETERS_H
#define SPOOL_PARAMETERS_H

enum { PG_PARAMETERS = 16 };

/* The two lists that PQconnectStartParams() takes. */
struct pg_parameters {
	const char *name[PG_PARAMETERS], *value[PG_PARAMETERS];
};

void pg_parameters(struct pg_parameters *p, const char *place);

#endif
