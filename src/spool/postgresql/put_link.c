/* SPDX-License-Identifier: ISC */
/* The receiver's connection to a PostgreSQL server, in pipeline mode. No function of it waits beyond a time that the caller gives. */
#include "spool/postgresql/put_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "spool/postgresql/parameters.h"
#include "spool/postgresql/put_sql.h"

enum { SLICE_US = 50 * 1000 };

void put_link_close(struct put_link *l)
{
	PQfinish(l->connection); /* NULL is allowed */
	l->connection = NULL;
	l->told = false;
}

/* Keeps the reason, and closes the connection. Returns false. */
static bool fail_put_link(struct put_link *l, char *why, size_t n)
{
	const char *text = l->connection ? PQerrorMessage(l->connection) : "memory is short";
	size_t length = strcspn(text, "\n");

	snprintf(why, n, "PostgreSQL: %.*s", length ? (int)length : 28, length ? text : "the connection was closed");
	put_link_close(l);
	return false;
}

static bool fail_late(struct put_link *l, char *why, size_t n)
{
	snprintf(why, n, "PostgreSQL: it has not answered in time");
	put_link_close(l);
	return false;
}

/* Waits until the socket is ready. False: the time is over. */
static bool wait_for_server(struct put_link *l, short events, int64_t until)
{
	struct pollfd p = {.fd = PQsocket(l->connection), .events = events};
	int64_t left;
	int rc;

	do {
		left = until - clock_mono_us();
		if (left <= 0 || (l->stop && *l->stop))
			return false;
		left = l->stop && left > SLICE_US ? SLICE_US : left;
		rc = poll(&p, 1, (int)((left + 999) / 1000));
	} while (rc == 0 || (rc < 0 && errno == EINTR));
	return rc > 0;
}

bool put_link_take(struct put_link *l, int64_t until, PGresult **out, char *why, size_t n)
{
	int left;

	*out = NULL;
	while ((left = PQflush(l->connection)) > 0 || (left == 0 && PQisBusy(l->connection))) {
		if (!wait_for_server(l, (short)(left ? POLLIN | POLLOUT : POLLIN), until))
			return fail_late(l, why, n);
		if (!PQconsumeInput(l->connection))
			return fail_put_link(l, why, n);
	}
	if (left < 0)
		return fail_put_link(l, why, n);
	*out = PQgetResult(l->connection);
	if (PQstatus(l->connection) != CONNECTION_BAD)
		return true;
	PQclear(*out);
	*out = NULL;
	return fail_put_link(l, why, n);
}

bool put_link_is_open(struct put_link *l)
{
	struct pollfd p = {.events = POLLIN};

	if (!l->connection)
		return false;
	p.fd = PQsocket(l->connection);
	/* between two pipelines the server says nothing, but that it ends */
	if (poll(&p, 1, 0) == 0 || (PQconsumeInput(l->connection) && PQstatus(l->connection) == CONNECTION_OK))
		return true;
	put_link_close(l);
	return false;
}

/* A commit that no replica has confirmed ends with a warning, and without an error. */
static void note_warning(void *ctx, const PGresult *r)
{
	struct put_link *l = ctx;
	const char *severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED), *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

	if (severity && strcmp(severity, "WARNING") == 0)
		snprintf(l->warning, sizeof l->warning, "%s", text ? text : "a warning");
}

void put_link_adopt(struct put_link *l)
{
	PQsetNoticeReceiver(l->connection, note_warning, l);
}

static bool connect_link(struct put_link *l, const char *place, int64_t until, char *why, size_t n)
{
	struct pg_parameters p;
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;

	pg_parameters(&p, place);
	l->connection = PQconnectStartParams(p.name, p.value, 1);
	if (!l->connection || PQstatus(l->connection) == CONNECTION_BAD)
		return fail_put_link(l, why, n);
	put_link_adopt(l);
	while (status != PGRES_POLLING_OK) {
		if (status == PGRES_POLLING_FAILED)
			return fail_put_link(l, why, n);
		if (!wait_for_server(l, status == PGRES_POLLING_READING ? POLLIN : POLLOUT, until))
			return fail_late(l, why, n);
		status = PQconnectPoll(l->connection);
	}
	return true;
}

static bool take_salt(struct put_link *l, const PGresult *r, char *why, size_t n)
{
	const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;

	l->no_schema = state && (strcmp(state, "42P01") == 0 || strcmp(state, "3F000") == 0);
	if (!r || PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1 || PQgetlength(r, 0, 0) > PUT_SALT_MAX) {
		snprintf(why, n, "PostgreSQL: the spool can't be read: %.150s", r ? PQresultErrorMessage(r) : "no answer");
		why[strcspn(why, "\n")] = '\0';
		put_link_close(l);
		return false;
	}
	l->salt_n = (size_t)PQgetlength(r, 0, 0);
	memcpy(l->salt, PQgetvalue(r, 0, 0), l->salt_n);
	return true;
}

/* Takes the results until the end of a pipeline. *state becomes the SQLSTATE of the first error, or "". */
static bool pass_pipeline(struct put_link *l, int64_t until, char state[6], char *why, size_t n)
{
	const char *found;
	PGresult *r;
	bool end = false;

	*state = '\0';
	while (!end) {
		if (!put_link_take(l, until, &r, why, n))
			return false;
		if (r && PQresultStatus(r) == PGRES_FATAL_ERROR && !*state) {
			found = PQresultErrorField(r, PG_DIAG_SQLSTATE);
			snprintf(state, 6, "%s", found ? found : "?");
			snprintf(why, n, "PostgreSQL: %.150s", PQresultErrorMessage(r));
			why[strcspn(why, "\n")] = '\0';
		}
		end = r && PQresultStatus(r) == PGRES_PIPELINE_SYNC;
		PQclear(r);
	}
	return true;
}

bool put_link_drain(struct put_link *l, int64_t until, char *why, size_t n)
{
	char state[6];

	if (!l->told)
		return true;
	l->told = false;
	if (!pass_pipeline(l, until, state, why, n))
		return false;
	l->unnamed = l->unnamed || strcmp(state, "26000") == 0;
	return true;
}

/* A server process of a pooler may have statements of these names from another client: none is prepared then. */
static bool prepare_statements(struct put_link *l, int64_t until, char *why, size_t n)
{
	char state[6];
	bool ok = true;

	for (int i = 0; ok && i < PUT_STATEMENTS; i++)
		ok = PQsendPrepare(l->connection, put_sql[i].name, put_sql[i].text, put_sql[i].n, put_sql[i].types);
	if (!ok || !PQpipelineSync(l->connection))
		return fail_put_link(l, why, n);
	if (!pass_pipeline(l, until, state, why, n))
		return false;
	l->unnamed = l->unnamed || strcmp(state, "42P05") == 0;
	if (!*state || l->unnamed)
		return true;
	put_link_close(l);
	return false;
}

static bool read_salt(struct put_link *l, int64_t until, char *why, size_t n)
{
	PGresult *r = NULL, *end = NULL;
	bool ok;

	if (PQsetnonblocking(l->connection, 1) != 0 || !PQsendQueryParams(l->connection, "SELECT salt FROM spool", 0, NULL, NULL, NULL, NULL, 1))
		return fail_put_link(l, why, n);
	ok = put_link_take(l, until, &r, why, n) && take_salt(l, r, why, n) && put_link_take(l, until, &end, why, n);
	PQclear(r);
	PQclear(end);
	return ok && (PQenterPipelineMode(l->connection) || fail_put_link(l, why, n)) && prepare_statements(l, until, why, n);
}

bool put_link_open(struct put_link *l, const char *place, int64_t until, char *why, size_t n)
{
	put_link_close(l);
	return connect_link(l, place, until, why, n) && read_salt(l, until, why, n);
}
