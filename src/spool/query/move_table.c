/* SPDX-License-Identifier: ISC */
/* Copying rows of a table from one spool to another, whose engine may have other types. */
#include "spool/query/move_table.h"

#include <stdio.h>
#include <string.h>

#define EVENT(body) {"event", "id, received_at, endpoint, secret, event, key, account, sender_id, sender_name, conversation," \
	" sent_at, remote_addr, headers, " body ", note, digest, scope, text, source", "iititttttttttbtbtxi"}

const struct move_table move_event = EVENT("body"), move_event_read = EVENT("event_body(body, segment, id)");

const struct move_table move_relay = {"relay", "id, event, sink, state, since, due, attempts, conversation, judge, reply, sending, was_state,"
	" was_attempts", "iitiiiititiii"};

const struct move_table move_attempt = {"attempt", "id, relay, at, ms, status, error, answer", "iiiiitb"};

const struct move_table move_small[] = {
	{"reject", "id, received_at, endpoint, code, reason, bytes, remote_addr, body, headers, path, method, content_type, signed, net, kept",
		"iitttitbttttiti"},
	{"counter", "endpoint, code, secret, n, last_at, bytes", "ttiiii"},
	{"conversation", "endpoint, conversation, event, last_at", "ttii"},
	{"catchup", "name, account, complete_until, run_from, run_until, cursor, tried_at, completed_at, not_before, error, error_since,"
		" found, last_found, found_from, found_until, requests", "ttiiitiiitiiiiii"},
	{"catchup_item", "name, account, item, until, at", "ttbii"},
	{"pause", "sink, until, failures", "tii"},
	{"alert", "name, subject, since, over, raised_at", "ttiii"},
	{"came", "event, again, last_at", "iii"},
	{0},
};

bool move_select(struct spool_db *db, const struct move_table *t, const char *where, struct spool_stmt **st)
{
	char sql[1024];

	snprintf(sql, sizeof sql, "SELECT %s FROM %s %s", t->columns, t->name, where);
	return spool_stmt_prepare(db, sql, st);
}

bool move_insert(struct spool_db *db, const struct move_table *t, const char *more, struct spool_stmt **st)
{
	char sql[2048];
	int at = snprintf(sql, sizeof sql, "INSERT INTO %s(%s) VALUES(", t->name, t->columns);

	for (size_t i = 1; i <= strlen(t->kinds); i++)
		at += snprintf(sql + at, sizeof sql - (size_t)at, i == 1 ? "?%zu" : ", ?%zu", i);
	snprintf(sql + at, sizeof sql - (size_t)at, ") %s", more);
	return spool_stmt_prepare(db, sql, st);
}

/*
 * The column text has three values. It was not stored: NULL. The event has none: a value that is no text, which is an empty one. A
 * text that is empty becomes NULL where an empty value has the other meaning, and the body tells again.
 */
static void move_text(struct spool_stmt *st, int column, struct spool_stmt *to, int parameter)
{
	struct slice text = spool_stmt_stored_text(st, column);

	if (spool_stmt_is_null(st, column))
		spool_stmt_bind_slice(to, parameter, (struct slice){0});
	else if (!text.p)
		spool_stmt_bind_blob(to, parameter, (struct slice){"", 0});
	else
		spool_stmt_bind_slice(to, parameter, text.n || !to->db->engine->ledger ? text : (struct slice){0});
}

void move_value(char kind, struct spool_stmt *st, int column, struct spool_stmt *to, int parameter)
{
	struct slice value = spool_stmt_is_null(st, column) ? (struct slice){0} : spool_stmt_present(st, column);

	switch (kind) {
	case 'i':
		spool_stmt_bind_int(to, parameter, spool_stmt_int64(st, column));
		break;
	case 'b':
		spool_stmt_bind_blob(to, parameter, value);
		break;
	case 'x':
		move_text(st, column, to, parameter);
		break;
	default:
		spool_stmt_bind_slice(to, parameter, value);
	}
}

bool move_row(const struct move_table *t, struct spool_stmt *st, struct spool_stmt *insert)
{
	bool ok;

	for (int i = 0; t->kinds[i]; i++)
		move_value(t->kinds[i], st, i, insert, i + 1);
	ok = spool_stmt_step(insert) == SPOOL_DONE || spool_stmt_fail(insert->db);
	spool_stmt_reset(insert);
	return ok;
}

bool move_all(const struct move_table *t, struct spool_db *from, struct spool_db *to)
{
	struct spool_stmt *st = NULL, *insert = NULL;
	enum spool_step rc = SPOOL_ERROR;
	bool ok = move_insert(to, t, "ON CONFLICT DO NOTHING", &insert) &&
		(move_select(from, t, "", &st) || spool_db_fail(to, from->kind, "%s", from->error));

	while (ok && (rc = spool_stmt_step(st)) == SPOOL_ROW)
		ok = move_row(t, st, insert);
	if (ok && rc != SPOOL_DONE) {
		spool_stmt_fail(from);
		ok = spool_db_fail(to, from->kind, "%s", from->error);
	}
	spool_stmt_free(st);
	spool_stmt_free(insert);
	return ok;
}
