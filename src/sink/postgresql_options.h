/* SPDX-License-Identifier: ISC */
/* The options of sinks of the type postgresql, beside those of all sinks. */
#ifndef POSTGRESQL_OPTIONS_H
#define POSTGRESQL_OPTIONS_H

#include "conf/sink.h"
#include "sink/named_templates.h"

enum {
	POSTGRESQL_COLUMNS_MAX = 32,
	POSTGRESQL_NAME_MAX = 63, /* bytes of an identifier: NAMEDATALEN - 1 */
};

struct postgresql_options {
	char *url;           /* a connection URI of libpq, without a password */
	char *password_file; /* NULL: none is needed */
	char *table;         /* "NAME" or "SCHEMA.NAME" */
	struct named_templates columns; /* the first is the event's id, which is unique in the table */
};

/* The options of a sink of this type. */
static inline const struct postgresql_options *postgresql_options(const struct sink *s)
{
	return s->options;
}

#endif
