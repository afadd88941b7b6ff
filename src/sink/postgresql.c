/* SPDX-License-Identifier: ISC */
/*
 * Sinks of the type postgresql: a row of a table for each event, which the table has once.
 *
 * The messages without a result are in one list. Those that wait go together when the messages before them have ended: a batch is
 * one transaction, one round trip and one commit. A transaction that one event spoils ends for all of its events, so each is
 * sent again in a transaction of its own, all in one round trip, and only the event that spoils its own is refused.
 *
 * When the connection fails, or the first message's time is over, all end with it. Whether the server has committed is not
 * known then; the id in the table makes the next attempt harmless.
 */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "config.h"
#include "sink/postgresql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/io.h"
#include "sink/module.h"

enum { TRANSACTION_MOST = 256, FIRST_INSERT = 2 /* behind the settings and the INSERT's text */ };

struct postgresql_sent {
	struct postgresql_sent *next;
	struct sink_message *message;
	int64_t began;  /* clock_mono_us() */
	bool under_way;
	bool alone;     /* in a transaction of its own */
	bool was_there; /* the table had it */
};

/* ---- the list */

static void report_row(struct postgresql *p, struct postgresql_sent *s, struct sink_result r)
{
	r.ms = (clock_mono_us() - s->began) / 1000;
	p->done(s->message, &r);
	free(s);
}

static void report_first(struct postgresql *p, struct sink_result r)
{
	struct postgresql_sent *s = p->first;

	p->first = s->next;
	if (!p->first)
		p->last = &p->first;
	report_row(p, s, r);
}

static void set_first_deadline(struct postgresql *p)
{
	loop_timer_stop(&p->timer);
	if (p->first)
		loop_timer_set(&p->timer, p->first->message->deadline);
}

/* Ends all messages, with the link closed. */
static void fail_messages(struct postgresql *p, const char *why)
{
	struct postgresql_sent *s = p->first, *next;

	p->first = NULL;
	p->last = &p->first;
	p->n_sent = 0;
	loop_timer_stop(&p->timer);
	for (; s; s = next) {
		next = s->next;
		report_row(p, s, (struct sink_result){.verdict = SINK_RETRY, .in_doubt = s->under_way, .target_failed = true, .error = why});
	}
}

static void close_and_fail(struct postgresql *p, const char *why)
{
	postgresql_link_close(&p->link);
	fail_messages(p, why);
}

/* ---- sending */

static bool send_transaction(struct postgresql *p, struct postgresql_sent *s, size_t n)
{
	const char *values[POSTGRESQL_COLUMNS_MAX];
	int lengths[POSTGRESQL_COLUMNS_MAX];

	if (!postgresql_link_begin(&p->link))
		return false;
	for (; n--; s = s->next) {
		s->under_way = true;
		if (!postgresql_values(p, s->message, values, lengths) || !postgresql_link_insert(&p->link, values, lengths))
			return false;
	}
	return postgresql_link_end(&p->link);
}

static bool send_alone(struct postgresql *p)
{
	for (struct postgresql_sent *s = p->first; s && s->alone; s = s->next) {
		p->n_sent++;
		if (!send_transaction(p, s, 1))
			return false;
	}
	return true;
}

static bool send_together(struct postgresql *p)
{
	size_t most = p->sink->batch && p->sink->batch < TRANSACTION_MOST ? p->sink->batch : TRANSACTION_MOST;

	for (struct postgresql_sent *s = p->first; s && p->n_sent < most; s = s->next)
		p->n_sent++;
	return send_transaction(p, p->first, p->n_sent);
}

static void begin_transaction_answer(struct postgresql *p)
{
	p->statement = 0;
	p->at = p->first;
	p->error = (struct postgresql_error){.set = false};
}

/* Sends what waits, unless something is under way. */
static void send_waiting_rows(void *ctx)
{
	struct postgresql *p = ctx;
	char why[256];

	if (!p->first || p->n_sent)
		return;
	begin_transaction_answer(p);
	if (!(p->first->alone ? send_alone(p) : send_together(p)))
		close_and_fail(p, postgresql_link_error(p->link.connection, why));
}

/* ---- answers */

static void deliver_first(struct postgresql *p)
{
	char place[192];

	snprintf(place, sizeof place, "%s%s", postgresql_options(p->sink)->table, p->first->was_there ? ", which had it" : "");
	report_first(p, (struct sink_result){.verdict = SINK_DELIVERED, .place = place});
}

/* The server has ended the transaction of the first message or messages. */
static void end_transaction_of_rows(struct postgresql *p)
{
	size_t n = p->first->alone ? 1 : p->n_sent;
	struct postgresql_sent *s = p->first;

	p->n_sent -= n;
	if (p->error.set && n > 1 && postgresql_is_of_event(&p->error)) {
		for (; n--; s = s->next)
			s->alone = true;
	} else {
		while (n--)
			if (p->error.set)
				report_first(p, postgresql_result(&p->error));
			else
				deliver_first(p);
	}
	begin_transaction_answer(p);
	set_first_deadline(p);
	if (p->link.ready)
		send_waiting_rows(p);
}

/* The first statement returns the setting that the transaction commits with. */
static void check_setting(struct postgresql *p, const PGresult *r)
{
	const char *value = PQntuples(r) == 1 ? PQgetvalue(r, 0, 0) : "";

	if (!p->error.set && strcmp(value, "on") != 0 && strcmp(value, "remote_apply") != 0)
		p->error = (struct postgresql_error){.set = true, .text = "the server does not set synchronous_commit to on"};
}

static void end_statement(struct postgresql *p)
{
	if (p->statement++ >= FIRST_INSERT && p->at)
		p->at = p->at->next;
}

static void on_rows_result(void *ctx, const PGresult *r)
{
	struct postgresql *p = ctx;

	switch (r ? PQresultStatus(r) : PGRES_EMPTY_QUERY) {
	case PGRES_EMPTY_QUERY:
		end_statement(p);
		break;
	case PGRES_PIPELINE_SYNC:
		end_transaction_of_rows(p);
		break;
	case PGRES_TUPLES_OK:
		check_setting(p, r);
		break;
	case PGRES_COMMAND_OK:
		if (p->statement >= FIRST_INSERT && p->at)
			p->at->was_there = strcmp(PQcmdTuples((PGresult *)(uintptr_t)r), "0") == 0;
		break;
	case PGRES_PIPELINE_ABORTED:
		break;
	default:
		postgresql_note_error(&p->error, r);
	}
}

static void on_server_end(void *ctx, const char *why)
{
	struct postgresql *p = ctx;
	char text[256];

	snprintf(text, sizeof text, "%s", p->n_sent && p->error.set && *p->error.state ? p->error.text : why);
	fail_messages(p, text);
}

static void on_rows_deadline(void *ctx)
{
	close_and_fail(ctx, "no answer in time");
}

/* ---- the driver */

static void add_row(struct postgresql *p, struct sink_message *m)
{
	struct postgresql_sent *s = calloc(1, sizeof *s);

	if (!s) {
		p->done(m, &(struct sink_result){.verdict = SINK_RETRY, .unsent = true, .error = "memory is short"});
		return;
	}
	s->message = m;
	s->began = clock_mono_us();
	*p->last = s;
	p->last = &s->next;
}

static void postgresql_send(struct sink_target *base, struct sink_message *batch)
{
	struct postgresql *p = (struct postgresql *)(void *)base;
	struct sink_message *next;

	for (struct sink_message *m = batch; m; m = next) {
		next = m->next;
		add_row(p, m);
	}
	set_first_deadline(p);
	if (p->link.ready)
		send_waiting_rows(p);
	else if (p->first && !postgresql_link_is_open(&p->link))
		postgresql_link_open(&p->link);
}

static void postgresql_close(struct sink_target *base)
{
	struct postgresql *p = (struct postgresql *)(void *)base;
	struct postgresql_sent *s;

	postgresql_link_close(&p->link);
	buf_free(&p->link.sql);
	loop_timer_stop(&p->timer);
	while ((s = p->first)) {
		p->first = s->next;
		free(s);
	}
	for (size_t i = 0; i < POSTGRESQL_COLUMNS_MAX; i++)
		buf_free(&p->value[i]);
	if (p->password.data)
		explicit_bzero(p->password.data, p->password.cap);
	buf_free(&p->password);
	free(p);
}

/* libpq reads the rest of the URL than what the configuration was checked for. */
static bool check_libpq_url(const char *url, char *why, size_t n)
{
	char *error = NULL;
	PQconninfoOption *all = PQconninfoParse(url, &error);
	char *host = all ? postgresql_url_part(url, "host") : NULL;
	bool ok = all && !(host && strchr(host, ','));

	if (!ok)
		snprintf(why, n, "url: %.*s", error ? (int)strcspn(error, "\n") : 80, error ? error : "one host is what it takes");
	PQfreemem(error);
	PQconninfoFree(all);
	free(host);
	return ok;
}

static struct sink_target *postgresql_open(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t n)
{
	const struct postgresql_options *o = postgresql_options(s);
	struct postgresql *p = calloc(1, sizeof *p);

	if (!p) {
		snprintf(why, n, "memory is short");
		return NULL;
	}
	p->sink = s;
	p->done = done;
	p->last = &p->first;
	p->link = (struct postgresql_link){.loop = l, .options = o, .on_ready = send_waiting_rows, .on_result = on_rows_result, .on_end = on_server_end,
		.ctx = p, .lookup = -1, .fd = -1};
	snprintf(p->link.timeout, sizeof p->link.timeout, "%" PRId64, s->timeout);
	loop_timer_init(&p->timer, l, on_rows_deadline, p);
	if (!check_libpq_url(o->url, why, n) || (o->password_file && !io_read_secret(o->password_file, &p->password, why, n))) {
		postgresql_close(&p->base);
		return NULL;
	}
	p->link.password = o->password_file ? buf_str(&p->password) : NULL;
	return &p->base;
}

static void check_postgresql_sink(struct sink_target *base, sink_say *say, void *ctx)
{
	postgresql_check((struct postgresql *)(void *)base, say, ctx);
}

static const struct sink_driver postgresql_driver = {
	.type = "postgresql",
	.open = postgresql_open,
	.send = postgresql_send,
	.close = postgresql_close,
	.check = check_postgresql_sink,
};

SINK_MODULE(postgresql_driver);
