/* SPDX-License-Identifier: ISC */
/* What libpq is told of a connection to the spool. */
#include "spool/postgresql/parameters.h"

#include <stddef.h>

void pg_parameters(struct pg_parameters *p, const char *place)
{
	/*
	 * https://www.postgresql.org/docs/15/libpq-connect.html section 34.1.2. The URL overrides what is before it. A peer that vanished
	 * is noticed within half a minute.
	 */
	const char *const all[][2] = {
		{"target_session_attrs", "read-write"},
		{"connect_timeout", "2"},
		{"keepalives_idle", "10"},
		{"keepalives_interval", "5"},
		{"keepalives_count", "3"},
		{"tcp_user_timeout", "20000"},
		{"gssencmode", "disable"},
		{"fallback_application_name", "hookspool"},
		{"dbname", place}, /* a URL is taken apart */
		{"client_encoding", "UTF8"},
	};
	size_t n = sizeof all / sizeof *all;

	for (size_t i = 0; i < n; i++) {
		p->name[i] = all[i][0];
		p->value[i] = all[i][1];
	}
	p->name[n] = p->value[n] = NULL;
}
