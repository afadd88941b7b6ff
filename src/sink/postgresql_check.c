/* SPDX-License-Identifier: ISC */
/* hookspool check, sinks of the type postgresql: is the server there, does it take a row, and is its acknowledgement durable? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sink/postgresql.h"

struct question {
	PGconn *connection;
	const struct postgresql_options *options;
	sink_say *say;
	void *ctx;
	bool fine;
};

static void say_finding(struct question *q, enum sink_finding finding, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void say_finding(struct question *q, enum sink_finding finding, const char *format, ...)
{
	struct buf text = {0};
	va_list arguments;

	va_start(arguments, format);
	buf_vprintf(&text, format, arguments);
	va_end(arguments);
	q->say(q->ctx, finding, buf_str(&text));
	q->fine = false;
	buf_free(&text);
}

/* ---- the connection */

/* Events wait for a server that is down, and they wait for a password too, but that one is an error of the configuration. */
static void say_no_connection(struct question *q, const struct postgresql_parameters *p)
{
	char why[256];

	postgresql_link_error(q->connection, why);
	if (PQpingParams(p->name, p->value, 1) == PQPING_OK)
		say_finding(q, SINK_WRONG, "the server refuses the connection: %s", why);
	else
		say_finding(q, SINK_DOUBTFUL, "the server can't be reached: %s", why);
}

static bool is_local(const char *host)
{
	return !host || !*host || *host == '/' || *host == '@' || strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static void check_encryption(struct question *q)
{
	char *mode = postgresql_url_part(q->options->url, "sslmode");

	if (!is_local(PQhost(q->connection)) && !(mode && strcmp(mode, "verify-full") == 0))
		say_finding(q, SINK_DOUBTFUL, "%s: others in the network may read or take the events; "
			"add ?sslmode=verify-full&sslrootcert=FILE to the url", PQsslInUse(q->connection)
			? "the server's certificate is not verified" : "the connection is not encrypted");
	free(mode);
}

/* ---- the table */

/* The fix for errors of the INSERT, by SQLSTATE. */
static const char *fix_of(const char *state)
{
	static const char *const fixes[][2] = {
		{"42P01", "; hookspool.conf(5) has the CREATE TABLE"},
		{"42703", "; hookspool.conf(5) has the CREATE TABLE, and the option columns names others"},
		{"42P10", "; the column of the id needs PRIMARY KEY, or a unique index of its own"},
		{"42501", "; the user needs GRANT INSERT, SELECT on the table, and USAGE on its schema"},
	};

	for (size_t i = 0; i < sizeof fixes / sizeof *fixes; i++)
		if (strcmp(fixes[i][0], state) == 0)
			return fixes[i][1];
	return "";
}

/* Plans the INSERT and does not run it: the server looks for table, columns, the id's unique index and the privileges. */
static bool check_insert(struct question *q)
{
	const struct postgresql_options *o = q->options;
	struct buf sql = {0}, why = {0};
	const char *state, *text;
	PGresult *r;
	bool ok;

	buf_printf(&sql, "EXPLAIN ");
	postgresql_add_insert(q->connection, o, &sql);
	for (size_t i = 0; i < o->columns.n; i++)
		buf_printf(&sql, i ? ", NULL" : "NULL");
	postgresql_add_conflict(q->connection, o, &sql);
	r = PQexec(q->connection, buf_str(&sql));
	ok = PQresultStatus(r) == PGRES_TUPLES_OK;
	if (!ok) {
		state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
		text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
		buf_printf(&why, "%.300s%s", text ? text : "memory is short", fix_of(state ? state : ""));
		say_finding(q, SINK_WRONG, "the server refuses the INSERT: %s", buf_str(&why));
	}
	PQclear(r);
	buf_free(&sql);
	buf_free(&why);
	return ok;
}

static bool has_column(const struct postgresql_options *o, const char *name)
{
	for (size_t i = 0; i < o->columns.n; i++)
		if (strcmp(o->columns.item[i].name, name) == 0)
			return true;
	return false;
}

/* Asks for rows of texts about the table. */
static PGresult *ask_of_table(struct question *q, const char *sql)
{
	struct buf table = {0};
	const char *value;
	PGresult *r;

	postgresql_add_table(q->connection, q->options->table, &table);
	value = buf_str(&table);
	r = PQexecParams(q->connection, sql, 1, NULL, &value, NULL, NULL, 0);
	buf_free(&table);
	return r;
}

static void check_columns_of_table(struct question *q)
{
	PGresult *r = ask_of_table(q, "SELECT attname FROM pg_catalog.pg_attribute WHERE attrelid = $1::pg_catalog.regclass AND attnum > 0 "
		"AND NOT attisdropped AND attnotnull AND NOT atthasdef AND attidentity = ''");

	for (int i = 0; i < PQntuples(r); i++)
		if (!has_column(q->options, PQgetvalue(r, i, 0)))
			say_finding(q, SINK_WRONG, "the table refuses every event: its column %s is NOT NULL, without a default, and not in columns", PQgetvalue(r, i, 0));
	PQclear(r);
}

static void check_persistence(struct question *q)
{
	PGresult *r = ask_of_table(q, "SELECT relpersistence FROM pg_catalog.pg_class WHERE oid = $1::pg_catalog.regclass AND relpersistence <> 'p'");

	if (PQntuples(r) > 0)
		say_finding(q, SINK_DOUBTFUL, "a crash of the server empties the table, which is not permanent; for one that is UNLOGGED: ALTER TABLE ... SET LOGGED");
	PQclear(r);
}

/* ---- the settings */

/* synchronous_commit is not here: each transaction sets it. */
static const struct {
	const char *name, *finding;
} settings_needed[] = {
	{"fsync", "the server acknowledges before the event is on the disk, so a delivered event may be lost; in postgresql.conf: fsync = on"},
	{"full_page_writes", "a crash of the machine may damage the server's data; in postgresql.conf: full_page_writes = on"},
};

static void check_settings(struct question *q)
{
	for (size_t i = 0; i < sizeof settings_needed / sizeof *settings_needed; i++) {
		PGresult *r = PQexecParams(q->connection, "SELECT pg_catalog.current_setting($1)", 1, NULL, &settings_needed[i].name, NULL, NULL, 0);
		const char *value = PQntuples(r) == 1 ? PQgetvalue(r, 0, 0) : "";

		if (strcmp(value, "on") != 0)
			say_finding(q, SINK_DOUBTFUL, "%s", settings_needed[i].finding);
		PQclear(r);
	}
}

static void check_commit(struct question *q)
{
	PGresult *r = PQexec(q->connection, "SELECT pg_catalog.set_config('synchronous_commit', 'on', false)");

	if (PQntuples(r) != 1 || strcmp(PQgetvalue(r, 0, 0), "on") != 0)
		say_finding(q, SINK_DOUBTFUL, "the server does not let the session set synchronous_commit to on");
	PQclear(r);
}

void postgresql_check(struct postgresql *p, sink_say *say, void *ctx)
{
	struct question q = {.options = p->link.options, .say = say, .ctx = ctx, .fine = true};
	struct postgresql_parameters parameters;

	postgresql_parameters(&parameters, q.options, p->link.password, NULL);
	q.connection = PQconnectdbParams(parameters.name, parameters.value, 1);
	if (PQstatus(q.connection) != CONNECTION_OK) {
		say_no_connection(&q, &parameters);
	} else {
		check_encryption(&q);
		check_settings(&q);
		check_commit(&q);
		if (check_insert(&q)) {
			check_columns_of_table(&q);
			check_persistence(&q);
		}
		if (q.fine)
			say(ctx, SINK_FINE, "the server acknowledges an event when it is on the disk");
	}
	PQfinish(q.connection);
}
