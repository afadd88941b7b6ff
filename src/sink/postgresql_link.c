/* SPDX-License-Identifier: ISC */
/* A connection to a PostgreSQL server. */
#include "sink/postgresql_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sink/lookup.h"

enum { BYTEA = 17 }; /* the type's oid: PostgreSQL's pg_type.dat */

/* ---- the loop */

static void on_server_socket(void *ctx, int fd, unsigned events);

static void unwatch_server(struct postgresql_link *l)
{
	if (l->fd >= 0)
		loop_unwatch(l->loop, l->fd);
	l->fd = -1;
	l->events = 0;
}

/* Where the watch fails, the deadline of a message ends the link. */
static void watch_server(struct postgresql_link *l, unsigned events)
{
	if (l->events == events)
		return;
	l->fd = PQsocket(l->connection);
	l->events = loop_watch(l->loop, l->fd, events, on_server_socket, l) ? events : 0;
}

/* ---- the end */

void postgresql_link_close(struct postgresql_link *l)
{
	PGconn *connection = l->connection;

	if (l->lookup >= 0) {
		loop_unwatch(l->loop, l->lookup);
		close(l->lookup);
		l->lookup = -1;
	}
	unwatch_server(l);
	l->connection = NULL;
	l->ready = false;
	l->syncs = 0;
	PQfinish(connection); /* NULL is allowed */
}

const char *postgresql_link_error(const PGconn *connection, char out[256])
{
	const char *text = connection ? PQerrorMessage(connection) : "memory is short";

	snprintf(out, 256, "%.*s", (int)strcspn(text, "\n"), text);
	if (!*out)
		snprintf(out, 256, "the connection has ended");
	return out;
}

static void fail_server_link(struct postgresql_link *l, const char *why)
{
	char copy[256];

	snprintf(copy, sizeof copy, "%s", *l->setup_error ? l->setup_error : why);
	postgresql_link_close(l);
	l->on_end(l->ctx, copy);
}

static void fail_connection(struct postgresql_link *l)
{
	char why[256];

	fail_server_link(l, postgresql_link_error(l->connection, why));
}

/* ---- transactions */

/*
 * The weaker values of synchronous_commit acknowledge what a crash loses. remote_apply is stronger than on. A statement of this
 * transaction ends when its attempt has ended.
 */
static const char transaction_settings[] =
	"SELECT pg_catalog.set_config('synchronous_commit', CASE pg_catalog.current_setting('synchronous_commit') "
	"WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, true), "
	"pg_catalog.set_config('statement_timeout', $1, true), pg_catalog.set_config('lock_timeout', $1, true)";

bool postgresql_link_begin(struct postgresql_link *l)
{
	const char *value = l->timeout;

	return PQsendQueryParams(l->connection, transaction_settings, 1, NULL, &value, NULL, NULL, 0) &&
		PQsendPrepare(l->connection, "", buf_str(&l->sql), 0, NULL);
}

bool postgresql_link_insert(struct postgresql_link *l, const char *const *values, const int *lengths)
{
	int formats[POSTGRESQL_COLUMNS_MAX];

	for (size_t i = 0; i < l->options->columns.n; i++)
		formats[i] = l->binary[i];
	return PQsendQueryPrepared(l->connection, "", (int)l->options->columns.n, values, lengths, formats, 0);
}

static bool flush_link(struct postgresql_link *l)
{
	int left = PQflush(l->connection);

	if (left >= 0)
		watch_server(l, left ? LOOP_READ | LOOP_WRITE : LOOP_READ);
	return left >= 0;
}

bool postgresql_link_end(struct postgresql_link *l)
{
	if (!PQpipelineSync(l->connection))
		return false;
	l->syncs++;
	return flush_link(l);
}

/* ---- the setup: a transaction without an event, and the question for the columns' types */

static bool send_setup_transaction(struct postgresql_link *l)
{
	l->sql.len = 0;
	if (!postgresql_add_insert(l->connection, l->options, &l->sql))
		return false;
	for (size_t i = 0; i < l->options->columns.n; i++)
		buf_printf(&l->sql, i ? ", $%zu" : "$%zu", i + 1);
	return postgresql_add_conflict(l->connection, l->options, &l->sql) && postgresql_link_begin(l) &&
		PQsendDescribePrepared(l->connection, "") && postgresql_link_end(l);
}

static void take_setup(struct postgresql_link *l, const PGresult *r)
{
	if (PQresultStatus(r) == PGRES_FATAL_ERROR && !*l->setup_error) {
		const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

		snprintf(l->setup_error, sizeof l->setup_error, "%.200s", text ? text : "the server refuses the INSERT");
	} else if (PQresultStatus(r) == PGRES_COMMAND_OK) {
		for (int i = 0; i < PQnparams(r) && i < POSTGRESQL_COLUMNS_MAX; i++)
			l->binary[i] = PQparamtype(r, i) == BYTEA;
	} else if (PQresultStatus(r) == PGRES_PIPELINE_SYNC) {
		l->ready = !*l->setup_error;
	}
}

/* ---- what the server says */

/* False when the link is closed. */
static bool take_server_result(struct postgresql_link *l)
{
	PGresult *r = PQgetResult(l->connection);
	bool setup = !l->ready;

	if (r && PQresultStatus(r) == PGRES_PIPELINE_SYNC)
		l->syncs--;
	if (setup && r)
		take_setup(l, r);
	if (setup && l->ready)
		l->on_ready(l->ctx);
	else if (setup && l->syncs == 0)
		fail_server_link(l, l->setup_error);
	else if (!setup)
		l->on_result(l->ctx, r);
	PQclear(r);
	return l->connection != NULL;
}

static void take_results(struct postgresql_link *l)
{
	if (!PQconsumeInput(l->connection)) {
		fail_connection(l);
		return;
	}
	while (l->syncs && !PQisBusy(l->connection))
		if (PQstatus(l->connection) == CONNECTION_BAD || !take_server_result(l))
			break;
	if (l->connection && (PQstatus(l->connection) == CONNECTION_BAD || !flush_link(l)))
		fail_connection(l);
}

/* ---- the beginning */

static void no_notice(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

/* libpq may have closed its descriptor and opened another one, so the watch is made anew. */
static void go_on_connecting(struct postgresql_link *l)
{
	PostgresPollingStatusType status;

	unwatch_server(l);
	status = PQconnectPoll(l->connection);
	if (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING)
		watch_server(l, status == PGRES_POLLING_READING ? LOOP_READ : LOOP_WRITE);
	else if (status != PGRES_POLLING_OK || PQsetnonblocking(l->connection, 1) != 0 || !PQenterPipelineMode(l->connection) || !send_setup_transaction(l))
		fail_connection(l);
}

static void on_server_socket(void *ctx, int fd, unsigned events)
{
	struct postgresql_link *l = ctx;

	(void)fd;
	(void)events;
	if (PQpipelineStatus(l->connection) == PQ_PIPELINE_OFF)
		go_on_connecting(l);
	else
		take_results(l);
}

static void connect_to_server(struct postgresql_link *l, const char *address)
{
	struct postgresql_parameters p;

	postgresql_parameters(&p, l->options, l->password, address);
	l->connection = PQconnectStartParams(p.name, p.value, 1);
	if (!l->connection || PQstatus(l->connection) == CONNECTION_BAD) {
		fail_connection(l);
		return;
	}
	PQsetNoticeProcessor(l->connection, no_notice, NULL); /* libpq prints notices otherwise */
	watch_server(l, LOOP_WRITE);
}

static void on_address(void *ctx, int fd, unsigned events)
{
	struct postgresql_link *l = ctx;
	char address[LOOKUP_SIZE];
	bool ok = lookup_read(fd, address);

	(void)events;
	loop_unwatch(l->loop, fd);
	close(fd);
	l->lookup = -1;
	if (ok)
		connect_to_server(l, address);
	else
		fail_server_link(l, *address ? address : "the lookup of its host failed");
}

void postgresql_link_open(struct postgresql_link *l)
{
	char *host = postgresql_url_part(l->options->url, "host"), *address = postgresql_url_part(l->options->url, "hostaddr");

	*l->setup_error = '\0';
	if (!host || !*host || *host == '/' || *host == '@' || address) {
		connect_to_server(l, address);
	} else {
		l->lookup = lookup_start(host);
		if (l->lookup < 0 || !loop_watch(l->loop, l->lookup, LOOP_READ, on_address, l))
			fail_server_link(l, strerror(errno));
	}
	free(host);
	free(address);
}

bool postgresql_link_is_open(const struct postgresql_link *l)
{
	return l->connection || l->lookup >= 0;
}
