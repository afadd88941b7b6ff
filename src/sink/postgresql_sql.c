/* SPDX-License-Identifier: ISC */
/* What libpq is told of a sink of the type postgresql: the parameters of a connection, and the text of the INSERT. */
#include <stdlib.h>
#include <string.h>

#include "sink/postgresql_link.h"

void postgresql_parameters(struct postgresql_parameters *p, const struct postgresql_options *o, const char *password, const char *address)
{
	/*
	 * https://www.postgresql.org/docs/15/libpq-connect.html section 34.1.2. The URL overrides what is before it: libpq looks for a
	 * certificate and passwords in the home directory otherwise, which may be that of another user. A peer that vanished is
	 * noticed within a minute.
	 */
	const char *const all[][2] = {
		{"sslcert", "/dev/null/none"},
		{"passfile", "/dev/null/none"},
		{"dbname", o->url}, /* a URL is taken apart */
		{"password", password},
		{"hostaddr", address},
		{"client_encoding", "UTF8"},
		{"target_session_attrs", "read-write"},
		{"gssencmode", "disable"},
		{"connect_timeout", "5"}, /* of hookspool check; the relay has the deadline of a message */
		{"keepalives_idle", "30"},
		{"keepalives_interval", "10"},
		{"keepalives_count", "3"},
		{"tcp_user_timeout", "30000"},
		{"fallback_application_name", "hookspool"},
	};
	size_t n = 0;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (!all[i][1])
			continue;
		p->name[n] = all[i][0];
		p->value[n++] = all[i][1];
	}
	p->name[n] = p->value[n] = NULL;
}

char *postgresql_url_part(const char *url, const char *name)
{
	PQconninfoOption *all = PQconninfoParse(url, NULL);
	char *value = NULL;

	for (PQconninfoOption *o = all; o && o->keyword; o++)
		if (strcmp(o->keyword, name) == 0 && o->val)
			value = strdup(o->val);
	PQconninfoFree(all);
	return value;
}

static bool add_identifier(PGconn *connection, const char *p, size_t n, struct buf *out)
{
	char *quoted = PQescapeIdentifier(connection, p, n);
	bool ok = quoted && buf_add(out, quoted, strlen(quoted));

	PQfreemem(quoted);
	return ok;
}

bool postgresql_add_table(PGconn *connection, const char *table, struct buf *out)
{
	size_t n = strcspn(table, ".");

	if (!table[n])
		return add_identifier(connection, table, n, out);
	return add_identifier(connection, table, n, out) && buf_add(out, ".", 1) &&
		add_identifier(connection, table + n + 1, strlen(table + n + 1), out);
}

bool postgresql_add_insert(PGconn *connection, const struct postgresql_options *o, struct buf *out)
{
	if (!buf_printf(out, "INSERT INTO ") || !postgresql_add_table(connection, o->table, out))
		return false;
	for (size_t i = 0; i < o->columns.n; i++)
		if (!buf_printf(out, i ? ", " : " (") || !add_identifier(connection, o->columns.item[i].name, strlen(o->columns.item[i].name), out))
			return false;
	return buf_printf(out, ") VALUES (");
}

/* Names the column: a conflict of another unique column is an error, and not taken for an event that is there already. */
bool postgresql_add_conflict(PGconn *connection, const struct postgresql_options *o, struct buf *out)
{
	return buf_printf(out, ") ON CONFLICT (") && add_identifier(connection, o->columns.item[0].name, strlen(o->columns.item[0].name), out) &&
		buf_printf(out, ") DO NOTHING");
}
