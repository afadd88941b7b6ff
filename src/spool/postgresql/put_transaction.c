/* SPDX-License-Identifier: ISC */
/* A transaction of a put: its statements go out in one pipeline, then their results come. put.h has the story. */
#include "spool/postgresql/put_transaction.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "spool/postgresql/put_sql.h"
#include "spool/relay.h"

enum { PARAMETERS_MOST = BATCH_COLUMNS };

/* ---- sending */

static bool send_put_statement(struct put_link *l, enum put_statement which, const char *const *values, const int *lengths, const int *formats)
{
	const struct put_sql *sql = &put_sql[which];

	if (l->unnamed)
		return PQsendQueryParams(l->connection, sql->text, sql->n, sql->types, values, lengths, formats, 0);
	return PQsendQueryPrepared(l->connection, sql->name, sql->n, values, lengths, formats, 0);
}

static bool send_arrays(struct put_link *l, enum put_statement which, const struct pg_array *array)
{
	const char *values[PARAMETERS_MOST];
	int lengths[PARAMETERS_MOST], formats[PARAMETERS_MOST];

	for (int i = 0; i < put_sql[which].n; i++) {
		values[i] = array[i].bytes.data;
		lengths[i] = (int)array[i].bytes.len;
		formats[i] = 1;
	}
	return send_put_statement(l, which, values, lengths, formats);
}

static bool send_settings(struct put_link *l, int64_t until)
{
	int64_t left = (until - clock_mono_us()) / 1000;
	char ms[24];
	const char *value = ms;

	snprintf(ms, sizeof ms, "%" PRId64, left > 1 ? left : 1);
	return send_put_statement(l, PUT_SET, &value, NULL, NULL);
}

/* Sends the statements of a run. Each step of take_run() takes the results of one. */
static bool send_run_statements(const struct put_transaction *t)
{
	const struct put_rows *b = t->b;
	bool relays = b->column[BATCH_RELAY_EVENT].n > 0, ok = !b->window[0].n || send_arrays(t->l, PUT_CLEAR_WINDOW, b->window);

	if (t->quick)
		return ok && send_arrays(t->l, !relays ? PUT_ADD_NEW : b->any_store ? PUT_ADD_NEW_WAITED : PUT_ADD_NEW_RELAYED, b->column);
	return ok && send_arrays(t->l, PUT_ADD_KEYS, b->column) &&
		send_arrays(t->l, relays ? PUT_ADD_RELAYED : PUT_ADD_EVENTS, b->column) &&
		(!b->accepted.n || send_arrays(t->l, PUT_ACCEPT, &b->accepted));
}

/* The locks of all runs come first. */
static bool send_locks(struct put_transaction *t)
{
	return put_rows_fill(t->b, t->from, t->to) && (!t->b->lock.n || send_arrays(t->l, PUT_LOCK_BYTES, &t->b->lock));
}

static bool send_put(struct put_transaction *t)
{
	bool ok = send_settings(t->l, t->until) && send_locks(t);

	for (size_t at = t->from, end; ok && at < t->to; at = end) {
		end = put_rows_run(t->b, at, t->to);
		ok = put_rows_fill(t->b, at, end) && send_run_statements(t);
		t->relayed = t->relayed || t->b->column[BATCH_RELAY_EVENT].n > 0;
	}
	return ok && PQpipelineSync(t->l->connection);
}

/* ---- taking results */

static void note_error(struct put_transaction *t, const PGresult *r)
{
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE), *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);

	if (*t->state)
		return;
	snprintf(t->state, sizeof t->state, "%s", state ? state : "?");
	snprintf(t->why, sizeof t->why, "PostgreSQL: %.180s", text ? text : "an error");
}

/* Takes the result of a statement; NULL after an error of the statement, or of the connection. */
static PGresult *take_statement(struct put_transaction *t)
{
	PGresult *r, *end;

	if (!put_link_take(t->l, t->until, &r, t->why, sizeof t->why) || (r && !put_link_take(t->l, t->until, &end, t->why, sizeof t->why))) {
		t->broken = true;
		return NULL;
	}
	if (PQresultStatus(r) == PGRES_TUPLES_OK || PQresultStatus(r) == PGRES_COMMAND_OK)
		return r;
	if (PQresultStatus(r) == PGRES_FATAL_ERROR)
		note_error(t, r);
	PQclear(r);
	return NULL;
}

/* A statement without rows. */
static bool pass_statement(struct put_transaction *t)
{
	PGresult *r = take_statement(t);

	PQclear(r);
	return r != NULL;
}

/* "RELAY STATE RELAY STATE ...", of sinks in store */
static void take_waits(struct spool_event *ev, const char *text)
{
	char *end = NULL;

	for (;; text = end) {
		int64_t relay = strtoll(text, &end, 10), state = strtoll(end, &end, 10);

		if (end == text)
			break;
		if (state == SPOOL_RELAY_PENDING && ev->n_waits < ENDPOINT_STORES)
			ev->waits[ev->n_waits++] = relay;
		ev->store_dead = ev->store_dead || state == SPOOL_RELAY_DEAD;
	}
}

void put_transaction_take_row(struct spool_event *ev, const PGresult *r, int row)
{
	ev->id = strtoll(PQgetvalue(r, row, 0), NULL, 10);
	ev->duplicate = *PQgetvalue(r, row, 1) == 't';
	ev->altered = ev->duplicate && ev->identity == SPOOL_IDENTITY_SIGNED && *PQgetvalue(r, row, 2) == 't';
	ev->fetched = ev->duplicate && *PQgetvalue(r, row, 3) == 't';
	ev->same_as = strtoll(PQgetvalue(r, row, 4), NULL, 10); /* "" is 0 */
	ev->n_waits = 0;
	ev->store_dead = false;
	take_waits(ev, PQgetvalue(r, row, 5));
}

static bool take_events(struct put_transaction *t, size_t from, size_t to)
{
	PGresult *r = take_statement(t);
	bool ok = r && PQntuples(r) == (int)(to - from) && PQnfields(r) == 6;

	for (size_t i = from; ok && i < to; i++)
		put_transaction_take_row(t->b->item[i].ev, r, (int)(i - from));
	if (r && !ok && !*t->state)
		snprintf(t->why, sizeof t->why, "PostgreSQL: its answer has not a row for each event");
	PQclear(r);
	return ok;
}

/* A row for each event that is new: its number in the run, its id, and the relays that are waited for. */
static bool take_new(struct put_transaction *t, size_t from, size_t to)
{
	PGresult *r = take_statement(t);
	bool ok = r != NULL;

	for (int row = 0; ok && row < PQntuples(r); row++) {
		size_t at = from + (size_t)strtoll(PQgetvalue(r, row, 0), NULL, 10) - 1;
		struct spool_event *ev = at < to ? t->b->item[at].ev : NULL;

		ok = ev != NULL;
		if (!ok)
			break;
		t->b->item[at].is_new = true;
		ev->id = strtoll(PQgetvalue(r, row, 1), NULL, 10);
		ev->duplicate = ev->altered = ev->fetched = ev->store_dead = false;
		ev->same_as = 0;
		ev->n_waits = 0;
		take_waits(ev, PQgetvalue(r, row, 2));
	}
	PQclear(r);
	return ok;
}

/* What a run has sent is found out again from its items. */
static bool take_run(struct put_transaction *t, size_t from, size_t to)
{
	bool window = false, accepted = false;

	for (size_t i = from; i < to; i++) {
		const struct put_item *item = &t->b->item[i];

		window = window || (item->ev->identity == SPOOL_IDENTITY_BODY && item->key.whole.p);
		accepted = accepted || item->ev->reject;
	}
	if (window && !pass_statement(t))
		return false;
	if (t->quick)
		return take_new(t, from, to);
	return pass_statement(t) && take_events(t, from, to) && (!accepted || pass_statement(t));
}

static bool take_settings(struct put_transaction *t)
{
	PGresult *r = take_statement(t);
	const char *value = r ? PQgetvalue(r, 0, 0) : "";
	bool ok = strcmp(value, "on") == 0 || strcmp(value, "remote_apply") == 0;

	if (r && !ok)
		snprintf(t->why, sizeof t->why, "PostgreSQL: synchronous_commit can't be set");
	PQclear(r);
	return ok;
}

/* Reads the results up to the end of the transaction. False: the connection failed before the end, so the commit is unknown. */
static bool take_sync(struct put_transaction *t)
{
	PGresult *r;
	bool end = false;

	while (!end) {
		if (!put_link_take(t->l, t->until, &r, t->why, sizeof t->why))
			return false;
		if (r && PQresultStatus(r) == PGRES_FATAL_ERROR)
			note_error(t, r);
		end = r && PQresultStatus(r) == PGRES_PIPELINE_SYNC;
		PQclear(r);
	}
	return true;
}

static bool take_transaction(struct put_transaction *t)
{
	bool any_lock = false, ok = take_settings(t);

	for (size_t i = t->from; i < t->to; i++)
		any_lock = any_lock || t->b->item[i].is_unsigned;
	ok = ok && (!any_lock || pass_statement(t));
	for (size_t at = t->from, end; ok && at < t->to; at = end) {
		end = put_rows_run(t->b, at, t->to);
		ok = take_run(t, at, end);
	}
	*t->l->warning = '\0';
	if (t->broken || !take_sync(t))
		return false;
	if (ok && *t->l->warning)
		snprintf(t->why, sizeof t->why, "PostgreSQL: %.150s", t->l->warning);
	return ok && !*t->state && !*t->l->warning;
}

/* ---- a transaction, and what follows from its end */

/* https://www.postgresql.org/docs/15/errcodes-appendix.html: by its class, an error is that of a value, or of the server. */
static enum put_end end_of(const char *state)
{
	static const char *const of_values[] = {"22", "23", "P0", "54"};

	if (strcmp(state, "40P01") == 0 || strcmp(state, "40001") == 0 || strcmp(state, "26000") == 0)
		return PUT_AGAIN;
	for (size_t i = 0; i < sizeof of_values / sizeof *of_values; i++)
		if (strncmp(state, of_values[i], 2) == 0)
			return PUT_REFUSED;
	return PUT_FAILED;
}

enum put_end put_transaction_run(struct put_transaction *t)
{
	t->relayed = t->broken = false;
	*t->state = '\0';
	if (!send_put(t)) {
		snprintf(t->why, sizeof t->why, "PostgreSQL: %.150s", PQerrorMessage(t->l->connection));
		t->why[strcspn(t->why, "\n")] = '\0';
		put_link_close(t->l);
		return PUT_FAILED;
	}
	if (take_transaction(t))
		return PUT_STORED;
	t->l->unnamed = t->l->unnamed || strcmp(t->state, "26000") == 0; /* a pooler: another server process has the statement */
	return *t->state && t->l->connection ? end_of(t->state) : PUT_FAILED;
}

void put_transaction_tell(struct put_link *l)
{
	if (!l->connection || l->told)
		return;
	/* after a failure the next put finds the connection broken */
	l->told = send_put_statement(l, PUT_TELL, NULL, NULL, NULL) && PQpipelineSync(l->connection);
	PQflush(l->connection);
}

bool put_transaction_probe(struct put_link *l, int64_t until, char *why, size_t n)
{
	static const char *const statements[] = {"BEGIN", "UPDATE spool SET name = name", "ROLLBACK"};
	struct put_transaction t = {.l = l, .until = until};
	bool ok = true;

	for (size_t i = 0; ok && i < 3; i++)
		ok = PQsendQueryParams(l->connection, statements[i], 0, NULL, NULL, NULL, NULL, 0);
	ok = ok && PQpipelineSync(l->connection);
	for (size_t i = 0; ok && i < 3; i++)
		ok = pass_statement(&t);
	if (ok && take_sync(&t))
		return true;
	snprintf(why, n, "%s", t.why);
	put_link_close(l);
	return false;
}
