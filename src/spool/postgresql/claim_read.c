/* SPDX-License-Identifier: ISC */
/* Reads relays that are due, and claims those that it hands out. */
#include <stdlib.h>
#include <string.h>

#include "spool/postgresql/claim.h"
#include "spool/postgresql/link.h"

enum {
	LOOK_MOST = 1000, /* rows that one reading looks at */
	CLAIM_MOST = 32,  /* rows of one statement, with their bodies */
};

struct claim_iter {
	struct spool_relay_iter head;
	struct spool_relay_cursor at, last; /* last: of the last row that was looked at */
	int64_t id[LOOK_MOST]; /* rows that the caller has not read before, in their order */
	size_t n, next;        /* next: the first that is not claimed yet */
	PGresult *rows;
	int row;
	bool whole;  /* there were no more rows to look at */
	bool failed;
};

static struct claim_iter *claim_iter_of(struct spool_relay_iter *head)
{
	return (struct claim_iter *)(void *)head;
}

/* ---- a row */

#define ROW "r.id, r.due, r.attempts, e.id, e.received_at, e.endpoint, e.event, e.key, e.account, e.sender_id, e.sender_name," \
	" e.conversation, e.sent_at, e.headers, e.body, r.since, r.judge, r.reply, r.state, r.sink, e.text, e.remote_addr, e.note, e.source," \
	" (r.state = 0 AND r.holder <> $1)::int"

static struct slice column(const PGresult *r, int row, int at)
{
	if (PQgetisnull(r, row, at))
		return (struct slice){0};
	return (struct slice){PQgetvalue(r, row, at), (size_t)PQgetlength(r, row, at)};
}

/* Values of a forged database are bounded where they are used in sums. */
static int64_t bounded(const PGresult *r, int row, int at, int64_t most)
{
	int64_t n = pg_claim_number(r, row, at);

	return n < 0 ? 0 : n > most ? most : n;
}

static void read_claimed(const PGresult *r, int row, struct spool_relay_row *out)
{
	enum { YEARS = 9999 };
	const int64_t time = (int64_t)YEARS * 366 * 86400000;

	*out = (struct spool_relay_row){
		.id = pg_claim_number(r, row, 0), .due = bounded(r, row, 1, time), .since = bounded(r, row, 15, time),
		.attempts = (int)bounded(r, row, 2, 1000000), .judge = pg_claim_number(r, row, 16) != 0, .reply = column(r, row, 17),
		.state = (enum spool_relay_state)bounded(r, row, 18, SPOOL_RELAY_DEAD), .sink = column(r, row, 19),
		.elsewhere = pg_claim_number(r, row, 24) != 0,
	};
	out->event = (struct spool_row){
		.id = pg_claim_number(r, row, 3), .received_at = bounded(r, row, 4, time), .endpoint = column(r, row, 5), .event = column(r, row, 6),
		.key = column(r, row, 7), .account = column(r, row, 8), .sender_id = column(r, row, 9), .sender_name = column(r, row, 10),
		.conversation = column(r, row, 11), .sent_at = column(r, row, 12), .headers = column(r, row, 13), .body = column(r, row, 14),
		.text = column(r, row, 20), .text_known = !PQgetisnull(r, row, 20), .remote_addr = column(r, row, 21), .note = column(r, row, 22),
		.source = bounded(r, row, 23, 1) ? SPOOL_SOURCE_CATCH_UP : SPOOL_SOURCE_WEBHOOK,
	};
	if (out->event.text_known && !out->event.text.n)
		out->event.text = (struct slice){0}; /* the event has none */
}

/* ---- what is due */

/* Of an ordered sink's relays of one conversation, the oldest pending one alone is due, whichever process holds it. */
#define DUE "SELECT r.id, r.due FROM relay AS r WHERE r.sink = ($2)[1] AND r.state = 0 AND (r.due, r.id) > (($3)[1], ($3)[2])" \
	" AND r.due <= ($3)[3] AND r.sending = 0 AND " CLAIM_IS_FREE " AND (r.conversation IS NULL OR NOT EXISTS(SELECT 1 FROM relay AS o" \
	" WHERE o.sink = r.sink AND sha256(o.conversation) = sha256(r.conversation) AND o.conversation IS NOT NULL AND o.state = 0 AND o.id < r.id))" \
	" ORDER BY r.due, r.id LIMIT 1000"

static bool look_for_claims(struct claim_iter *it, const char *sink, int64_t now, spool_relay_skip *skip, const void *ctx)
{
	struct pg_array arrays[2] = {{.type = PG_TEXT}, {.type = PG_NUMBER}};
	PGresult *r;

	pg_array_clear(&arrays[0]);
	pg_array_clear(&arrays[1]);
	pg_array_add(&arrays[0], slice_text(sink));
	pg_array_add_number(&arrays[1], it->at.due);
	pg_array_add_number(&arrays[1], it->at.id);
	pg_array_add_number(&arrays[1], now);
	r = pg_claim_run(it->head.db, DUE, arrays, 2);
	for (int i = 0; r && i < PQntuples(r) && i < LOOK_MOST; i++) {
		it->last = (struct spool_relay_cursor){pg_claim_number(r, i, 1), pg_claim_number(r, i, 0)};
		if (!skip || !skip(ctx, it->last.id))
			it->id[it->n++] = it->last.id;
	}
	it->whole = r && PQntuples(r) < LOOK_MOST;
	PQclear(r);
	pg_array_free(&arrays[0]);
	pg_array_free(&arrays[1]);
	return r != NULL;
}

struct spool_relay_iter *pg_claim_due(struct spool_db *db, const char *sink, int64_t now, const struct spool_relay_cursor *from,
	spool_relay_skip *skip, const void *ctx)
{
	struct claim_iter *it = calloc(1, sizeof *it);

	if (!it) {
		spool_db_fail(db, SPOOL_ERROR_OTHER, "spool: memory is short");
		return NULL;
	}
	it->head.db = db;
	it->at = it->last = *from;
	it->failed = !pg_claim_enter(db) || !look_for_claims(it, sink, now, skip, ctx);
	return &it->head;
}

/* Claims the next rows. Those that another process has taken in between are left out. */
static void claim_some(struct claim_iter *it)
{
	struct pg_array ids = {.type = PG_NUMBER};

	PQclear(it->rows);
	it->row = 0;
	pg_array_clear(&ids);
	for (int i = 0; i < CLAIM_MOST && it->next < it->n; i++)
		pg_array_add_number(&ids, it->id[it->next++]);
	it->rows = pg_claim_run(it->head.db, "WITH c AS (SELECT r.id FROM relay AS r WHERE r.id = ANY($2) AND r.state = 0 AND r.sending = 0 AND "
		CLAIM_IS_FREE " FOR UPDATE SKIP LOCKED), r AS (UPDATE relay AS u SET holder = $1 FROM c WHERE u.id = c.id RETURNING u.*)"
		" SELECT " ROW " FROM r JOIN event AS e ON e.id = r.event ORDER BY r.due, r.id", &ids, 1);
	it->failed = !it->rows;
	pg_array_free(&ids);
}

bool pg_claim_next(struct spool_relay_iter *head, struct spool_relay_row *row)
{
	struct claim_iter *it = claim_iter_of(head);

	while (!it->failed && (!it->rows || it->row >= PQntuples(it->rows)) && it->next < it->n)
		claim_some(it);
	if (it->failed || !it->rows || it->row >= PQntuples(it->rows)) {
		it->at = it->last;
		return false;
	}
	read_claimed(it->rows, it->row++, row);
	it->at = (struct spool_relay_cursor){row->due, row->id};
	return true;
}

bool pg_claim_end(struct spool_relay_iter *head, struct spool_relay_cursor *cursor, bool *more)
{
	struct claim_iter *it = claim_iter_of(head);
	bool left = it->next < it->n, ok = !it->failed;
	int64_t unread[CLAIM_MOST];
	size_t n = 0;

	for (; ok && it->rows && it->row < PQntuples(it->rows) && n < CLAIM_MOST; it->row++, left = true)
		unread[n++] = pg_claim_number(it->rows, it->row, 0);
	ok = ok && pg_claim_release(it->head.db, unread, n);
	*more = ok && (left || !it->whole);
	*cursor = it->at;
	PQclear(it->rows);
	free(it);
	return ok;
}

/* ---- what the caller names */

static bool find_and_claim(struct claim_iter *it, struct pg_array *arrays)
{
	PGresult *r = pg_claim_run(it->head.db, "WITH c AS (SELECT r.id FROM unnest($2, $3) AS k(id, event)"
		" JOIN relay AS r ON r.id = k.id AND r.event = k.event WHERE r.state = 0 AND r.sending = 0 AND " CLAIM_IS_FREE
		" FOR UPDATE OF r SKIP LOCKED) UPDATE relay AS u SET holder = $1 FROM c WHERE u.id = c.id", arrays, 2);
	bool ok = r != NULL;

	PQclear(r);
	if (ok)
		it->rows = pg_claim_run(it->head.db, "SELECT " ROW " FROM unnest($2, $3) WITH ORDINALITY AS k(id, event, n)"
			" JOIN relay AS r ON r.id = k.id AND r.event = k.event JOIN event AS e ON e.id = r.event ORDER BY k.n", arrays, 2);
	return it->rows != NULL;
}

struct spool_relay_iter *pg_claim_find(struct spool_db *db, const struct spool_relay_key *keys, size_t n)
{
	struct pg_array arrays[2] = {{.type = PG_NUMBER}, {.type = PG_NUMBER}};
	struct claim_iter *it = calloc(1, sizeof *it);

	if (!it) {
		spool_db_fail(db, SPOOL_ERROR_OTHER, "spool: memory is short");
		return NULL;
	}
	it->head.db = db;
	it->whole = true;
	pg_claim_add_keys(arrays, keys, n);
	it->failed = !pg_claim_enter(db) || !find_and_claim(it, arrays);
	pg_array_free(&arrays[0]);
	pg_array_free(&arrays[1]);
	return &it->head;
}
