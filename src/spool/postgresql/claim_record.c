/* SPDX-License-Identifier: ISC */
/* Writes the results of attempts, in batches: one statement for all results of a kind. */
#include <stdio.h>
#include <string.h>

#include "spool/postgresql/claim.h"
#include "spool/postgresql/link.h"

/* The columns of results. */
enum { ID, EVENT, AT, MS, STATUS, STATE, DUE_AT, SINCE, UNJUDGED, ERROR, ANSWER, REPLY_SINK, REPLY_ORDERED, REPLY, COLUMNS };

static const enum pg_type result_types[COLUMNS] = {
	[ID] = PG_NUMBER, [EVENT] = PG_NUMBER, [AT] = PG_NUMBER, [MS] = PG_NUMBER, [STATUS] = PG_NUMBER, [STATE] = PG_NUMBER, [DUE_AT] = PG_NUMBER,
	[SINCE] = PG_NUMBER, [UNJUDGED] = PG_NUMBER, [ERROR] = PG_BYTES, [ANSWER] = PG_BYTES, [REPLY_SINK] = PG_TEXT, [REPLY_ORDERED] = PG_BOOL,
	[REPLY] = PG_BYTES,
};

#define RESULTS "unnest($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) WITH ORDINALITY" \
	" AS v(id, event, at, ms, status, state, due, since, judge, error, answer, reply_sink, reply_ordered, reply, n)"

/*
 * A row whose lease has ended may be another process's, which is trying it: a failure of this one is not its result, and a delivery is. A
 * dead letter's due is when it died. One that was dropped by hand stays as it is, but for a delivery. The row is given back.
 */
#define WRITE_STATES "WITH v AS MATERIALIZED (SELECT * FROM " RESULTS ")," \
	" u AS (UPDATE relay AS r SET state = CASE WHEN r.state = 0 OR v.state = 1 THEN v.state ELSE r.state END," \
	" due = CASE WHEN v.state = 1 OR (v.state = 0 AND r.state <> 0) THEN r.due ELSE v.due END, attempts = r.attempts + 1," \
	" since = v.since, judge = v.judge, sending = 0, was_state = CASE WHEN v.state = 0 THEN r.was_state ELSE 0 END," \
	" was_attempts = CASE WHEN v.state = 0 THEN r.was_attempts ELSE 0 END, holder = 0" \
	" FROM v WHERE r.id = v.id AND r.event = v.event AND v.state <> 3 AND (v.state = 1 OR r.holder IN (0, $1)) RETURNING r.id, v.n)," \
	" a AS (INSERT INTO attempt(relay, at, ms, status, error, answer) SELECT v.id, v.at, v.ms, v.status, v.error, v.answer" \
	" FROM v JOIN u ON u.n = v.n ORDER BY v.n)" \
	" INSERT INTO relay(event, sink, state, since, due, attempts, conversation, reply)" \
	" SELECT e.id, v.reply_sink, 0, v.at + v.ms, v.at + v.ms, 0, CASE WHEN v.reply_ordered THEN e.conversation END, v.reply" \
	" FROM v JOIN u ON u.n = v.n JOIN event AS e ON e.id = v.event WHERE v.reply_sink IS NOT NULL ORDER BY v.n ON CONFLICT (event, sink) DO NOTHING"

#define FORGET "WITH v AS MATERIALIZED (SELECT * FROM " RESULTS ")," \
	" d AS (DELETE FROM relay AS r USING v WHERE r.id = v.id AND r.event = v.event AND v.state = 3 AND r.state = 0 AND r.holder IN (0, $1)" \
	" RETURNING r.id) DELETE FROM attempt AS a USING d WHERE a.relay = d.id"

/* 10: SPOOL_ATTEMPTS_KEPT */
#define CUT "DELETE FROM attempt AS a USING unnest($2) AS v(id) WHERE a.relay = v.id AND a.id <= (SELECT o.id FROM attempt AS o" \
	" WHERE o.relay = v.id ORDER BY o.id DESC OFFSET 10 LIMIT 1)"

static struct slice text_or_none(const char *text)
{
	return text ? slice_text(text) : (struct slice){0};
}

static void add_result_row(struct pg_array *column, const struct spool_attempt *a)
{
	const int64_t numbers[] = {a->relay, a->event, a->at, a->ms, a->status, a->state, a->due, a->since, a->unjudged};

	for (int i = ID; i <= UNJUDGED; i++)
		pg_array_add_number(&column[i], numbers[i]);
	pg_array_add(&column[ERROR], text_or_none(a->error));
	pg_array_add(&column[ANSWER], a->answer);
	pg_array_add(&column[REPLY_SINK], text_or_none(a->reply_to ? a->reply_to->name : NULL));
	pg_array_add_bool(&column[REPLY_ORDERED], a->reply_to && a->reply_to->ordered);
	pg_array_add(&column[REPLY], a->reply_to ? a->reply : (struct slice){0});
}

static bool run_results(struct spool_db *db, const char *sql, struct pg_array *column, size_t n)
{
	PGresult *r = pg_claim_run(db, sql, column, n);

	PQclear(r);
	return r != NULL;
}

static bool write_pauses(struct spool_db *db, const struct spool_attempt *a)
{
	struct pg_array pause[2] = {{.type = PG_TEXT}, {.type = PG_NUMBER}};
	bool ok = true;

	for (; ok && a; a = a->next) {
		if (!a->pauses)
			continue;
		pg_array_clear(&pause[0]);
		pg_array_clear(&pause[1]);
		pg_array_add(&pause[0], slice_text(a->pauses));
		pg_array_add_number(&pause[1], a->pause_until);
		pg_array_add_number(&pause[1], a->pause_failures);
		ok = run_results(db, a->pause_until ? "INSERT INTO pause(sink, until, failures) VALUES(($2)[1], ($3)[1], ($3)[2])"
			" ON CONFLICT (sink) DO UPDATE SET until = excluded.until, failures = excluded.failures"
			: "DELETE FROM pause WHERE sink = ($2)[1] AND ($3)[1] IS NOT NULL", pause, 2);
	}
	pg_array_free(&pause[0]);
	pg_array_free(&pause[1]);
	return ok;
}

bool pg_claim_record(struct spool_db *db, const struct spool_attempt *first)
{
	struct pg_array column[COLUMNS] = {0};
	bool unwanted = false, reply = false, begun, ok;

	for (int i = 0; i < COLUMNS; i++) {
		column[i].type = result_types[i];
		pg_array_clear(&column[i]);
	}
	for (const struct spool_attempt *a = first; a; a = a->next) {
		add_result_row(column, a);
		unwanted = unwanted || a->state == SPOOL_RELAY_UNWANTED;
		reply = reply || a->at_most_once;
	}
	begun = pg_claim_enter(db) && (!reply || spool_db_durable(db, true)) && spool_db_begin(db, false);
	ok = begun && write_pauses(db, first) && run_results(db, WRITE_STATES, column, COLUMNS) && run_results(db, CUT, column, 1) &&
		(!unwanted || run_results(db, FORGET, column, COLUMNS)) && spool_db_commit(db);
	if (begun)
		spool_db_end(db);
	if (reply)
		spool_db_durable(db, false);
	for (int i = 0; i < COLUMNS; i++)
		pg_array_free(&column[i]);
	return ok;
}
