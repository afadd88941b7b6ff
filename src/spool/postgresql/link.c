/* SPDX-License-Identifier: ISC */
/* The connection to a PostgreSQL server that a struct spool_db has. */
#include "spool/postgresql/link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "spool/postgresql/parameters.h"

/*
 * A statement's time. A proxy that stops keeps its connections alive, so that keepalives notice nothing. A command may wait longer than a
 * program that serves others.
 */
enum { SERVED_MS = 30 * 1000, COMMAND_MS = 600 * 1000 };

struct pg_link *pg_link_of(struct spool_db *db)
{
	return db->of_engine;
}

static void ignore_notice(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

PGconn *pg_link_connect(const char *uri, char *why, size_t n)
{
	struct pg_parameters p;
	const char *text;
	PGconn *c;

	pg_parameters(&p, uri);
	c = PQconnectdbParams(p.name, p.value, 1);
	text = c ? PQerrorMessage(c) : "memory is short";
	if (c && PQstatus(c) == CONNECTION_OK) {
		PQsetNoticeProcessor(c, ignore_notice, NULL);
		PQclear(PQexec(c, "SET jit = off")); /* with a million relays it compiled for 0.8 s, for a query of 0.6 ms */
		return c;
	}
	snprintf(why, n, "PostgreSQL: %.*s", (int)strcspn(text, "\n"), text);
	PQfinish(c);
	return NULL;
}

bool pg_link_ready(struct spool_db *db)
{
	struct pg_link *l = db->of_engine;
	char why[512];

	if (l->connection && PQstatus(l->connection) == CONNECTION_OK)
		return true;
	PQfinish(l->connection);
	l->in_transaction = false;
	l->connection = pg_link_connect(l->place, why, sizeof why);
	return l->connection || spool_db_fail(db, SPOOL_ERROR_BUSY, "%s", why);
}

/* The kinds of errors: appendix A of PostgreSQL's manual. A class is the first two characters of a code. */
static enum spool_error kind_of_state(const char *state)
{
	static const struct {
		const char *state;
		enum spool_error kind;
	} kinds[] = {{"25006", SPOOL_ERROR_READONLY}, {"42501", SPOOL_ERROR_READONLY}, {"53100", SPOOL_ERROR_FULL}, {"55P03", SPOOL_ERROR_BUSY},
		{"40", SPOOL_ERROR_BUSY}, {"57", SPOOL_ERROR_BUSY}, {"53", SPOOL_ERROR_BUSY}, {"08", SPOOL_ERROR_BUSY},
		{"58", SPOOL_ERROR_DISK}, {"XX001", SPOOL_ERROR_DAMAGED}, {"XX002", SPOOL_ERROR_DAMAGED}};

	for (size_t i = 0; state && i < sizeof kinds / sizeof *kinds; i++)
		if (strncmp(state, kinds[i].state, strlen(kinds[i].state)) == 0)
			return kinds[i].kind;
	return state ? SPOOL_ERROR_OTHER : SPOOL_ERROR_BUSY;
}

bool pg_link_fail(struct spool_db *db, const PGresult *r)
{
	const struct pg_link *l = db->of_engine;
	const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL, *text = r ? PQresultErrorMessage(r) : "";

	if (!*text)
		text = l->connection ? PQerrorMessage(l->connection) : "";
	if (!*text)
		text = "the connection has ended";
	return spool_db_fail(db, kind_of_state(state), "spool: %.*s", (int)strcspn(text, "\n"), text);
}

/* ---- statements */

/* Waits until the result is there. False: the time is over, or the connection has ended. */
static bool wait_for_result(const struct pg_link *l)
{
	int64_t end = clock_mono_us() + (l->access == SPOOL_MANAGE ? COMMAND_MS : SERVED_MS) * INT64_C(1000);
	struct pollfd p = {.fd = PQsocket(l->connection), .events = POLLIN};
	int64_t left;

	while (PQisBusy(l->connection)) {
		left = (end - clock_mono_us()) / 1000;
		if (left <= 0)
			return false;
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return false;
		if (p.revents && !PQconsumeInput(l->connection))
			return false;
	}
	return true;
}

/* The last result of what was sent. NULL: the connection has ended, or is dropped because the time is over. */
static PGresult *take_last_result(struct pg_link *l)
{
	PGresult *r = NULL, *next;

	for (;;) {
		if (!wait_for_result(l))
			break;
		next = PQgetResult(l->connection);
		if (!next)
			return r;
		if (r && PQresultStatus(r) == PGRES_FATAL_ERROR) { /* the first error is the reason */
			PQclear(next);
			continue;
		}
		PQclear(r);
		r = next;
	}
	PQclear(r);
	PQfinish(l->connection);
	l->connection = NULL;
	return NULL;
}

static bool is_good(const PGresult *r)
{
	return PQresultStatus(r) == PGRES_COMMAND_OK || PQresultStatus(r) == PGRES_TUPLES_OK;
}

/* NULL v: several statements may be in sql. */
static PGresult *send_and_take(struct pg_link *l, const char *sql, const struct pg_values *v)
{
	int sent = v ? PQsendQueryParams(l->connection, sql, v->n, v->types, v->values, v->lengths, v->formats, 1) : PQsendQuery(l->connection, sql);

	return sent ? take_last_result(l) : NULL;
}

/* A reading's time goes to the server, which else would go on with it. */
static PGresult *send_bounded(struct pg_link *l, const char *sql, const struct pg_values *v)
{
	int64_t left = (*l->deadline - clock_mono_us()) / 1000;
	PGresult *r, *begun;
	char begin[96];

	snprintf(begin, sizeof begin, "BEGIN READ ONLY; SET LOCAL statement_timeout = %lld", (long long)(left > 1 ? left : 1));
	begun = send_and_take(l, begin, NULL);
	if (!is_good(begun))
		return begun;
	PQclear(begun);
	r = send_and_take(l, sql, v);
	if (l->connection)
		PQclear(send_and_take(l, "COMMIT", NULL));
	return r;
}

static PGresult *send_once(struct pg_link *l, const char *sql, const struct pg_values *v)
{
	return l->deadline && !l->in_transaction && v ? send_bounded(l, sql, v) : send_and_take(l, sql, v);
}

static bool has_ended(const struct pg_link *l)
{
	return !l->connection || PQstatus(l->connection) != CONNECTION_OK;
}

PGresult *pg_link_exec(struct spool_db *db, const char *sql, const struct pg_values *v)
{
	struct pg_link *l = db->of_engine;
	PGresult *r;

	if (!l->in_transaction && !pg_link_ready(db))
		return NULL;
	if (has_ended(l)) {
		spool_db_fail(db, SPOOL_ERROR_BUSY, "spool: the connection has ended");
		return NULL;
	}
	r = send_once(l, sql, v);
	if (!is_good(r) && has_ended(l) && !l->in_transaction) {
		PQclear(r);
		if (!pg_link_ready(db))
			return NULL;
		r = send_once(l, sql, v);
	}
	if (is_good(r)) {
		if (*PQcmdTuples(r))
			l->changes = strtoll(PQcmdTuples(r), NULL, 10);
		return r;
	}
	pg_link_fail(db, r);
	PQclear(r);
	return NULL;
}

bool pg_link_run(struct spool_db *db, const char *sql)
{
	PGresult *r = pg_link_exec(db, sql, NULL);

	PQclear(r);
	return r != NULL;
}
