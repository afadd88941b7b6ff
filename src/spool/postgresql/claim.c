/* SPDX-License-Identifier: ISC */
/* Relays on several machines: which process has claimed which row. claim.h has the story. */
#include "spool/postgresql/claim.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "spool/postgresql/link.h"

enum { PARAMETERS_MOST = 16 };

#define LEASE_MS "30000" /* six beats of the relay */

PGresult *pg_claim_run(struct spool_db *db, const char *sql, struct pg_array *array, size_t n)
{
	const char *values[PARAMETERS_MOST];
	int lengths[PARAMETERS_MOST], formats[PARAMETERS_MOST];
	Oid types[PARAMETERS_MOST];
	uint64_t holder = (uint64_t)pg_link_of(db)->holder;
	char me[8];

	for (int i = 0; i < 8; i++)
		me[i] = (char)(holder >> (56 - 8 * i));
	values[0] = me;
	lengths[0] = 8;
	formats[0] = 1;
	types[0] = 20; /* int8 */
	for (size_t i = 0; i < n; i++) {
		if (!pg_array_end(&array[i])) {
			spool_db_fail(db, SPOOL_ERROR_OTHER, "spool: memory is short");
			return NULL;
		}
		values[i + 1] = array[i].bytes.data;
		lengths[i + 1] = (int)array[i].bytes.len;
		formats[i + 1] = 1;
		types[i + 1] = pg_array_oid(&array[i]);
	}
	return pg_link_exec(db, sql, &(struct pg_values){(int)n + 1, types, values, lengths, formats});
}

int64_t pg_claim_number(const PGresult *r, int row, int column)
{
	const unsigned char *p = (const unsigned char *)PQgetvalue(r, row, column);
	uint64_t n = 0;

	for (int i = 0; i < PQgetlength(r, row, column) && i < 8; i++)
		n = n << 8 | p[i];
	return (int64_t)n;
}

static bool run_claim(struct spool_db *db, const char *sql)
{
	PGresult *r = pg_claim_run(db, sql, NULL, 0);

	PQclear(r);
	return r != NULL;
}

/* ---- the lease */

/* Makes the row anew where it is gone: its lease had ended. */
static bool renew(struct spool_db *db)
{
	char host[65] = "";
	char *quoted, sql[512];
	bool ok;

	gethostname(host, sizeof host - 1);
	quoted = PQescapeLiteral(pg_link_of(db)->connection, host, strlen(host));
	snprintf(sql, sizeof sql, "INSERT INTO relayer(id, host, until) VALUES($1, %.200s, " CLAIM_NOW " + " LEASE_MS ")"
		" ON CONFLICT (id) DO UPDATE SET until = excluded.until", quoted ? quoted : "''");
	PQfreemem(quoted);
	ok = run_claim(db, sql);
	return ok;
}

/* A number of its own: from the server, whose generator is good. */
bool pg_claim_enter(struct spool_db *db)
{
	struct pg_link *l = pg_link_of(db);
	PGresult *r;

	if (l->holder)
		return true;
	r = pg_link_exec(db, "SELECT ('x' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 15))::bit(60)::bigint", &(struct pg_values){0});
	if (r && PQntuples(r) == 1)
		l->holder = pg_claim_number(r, 0, 0);
	PQclear(r);
	return l->holder && renew(db);
}

void pg_claim_leave(struct spool_db *db)
{
	struct pg_link *l = pg_link_of(db);

	if (l->holder && l->connection && PQstatus(l->connection) == CONNECTION_OK && !l->in_transaction)
		run_claim(db, "DELETE FROM relayer WHERE id = $1");
}

bool pg_claim_release(struct spool_db *db, const int64_t *relay, size_t n)
{
	struct pg_array ids = {.type = PG_NUMBER};
	PGresult *r;

	if (!n)
		return true;
	pg_array_clear(&ids);
	for (size_t i = 0; i < n; i++)
		pg_array_add_number(&ids, relay[i]);
	r = pg_claim_run(db, "UPDATE relay SET holder = 0 WHERE id = ANY($2) AND holder = $1", &ids, 1);
	PQclear(r);
	pg_array_free(&ids);
	return r != NULL;
}

/* ---- replies */

/*
 * Replies that a process was sending whose lease has ended: they may have arrived. This process's own are those of an earlier beat of
 * the same process, which are under way.
 */
static bool doubt_replies(struct spool_db *db, int64_t *n)
{
	PGresult *r;
	bool ok;

	*n = 0;
	if (!pg_claim_enter(db) || !spool_db_durable(db, true) || !spool_db_begin(db, true))
		return false;
	r = pg_claim_run(db, "WITH d AS (SELECT r.id, r.sending FROM relay AS r WHERE r.sending <> 0 AND r.holder <> $1 AND " CLAIM_IS_FREE
		" FOR UPDATE SKIP LOCKED), a AS (INSERT INTO attempt(relay, at, ms, status, error) SELECT id, sending, 0, 0,"
		" '" SPOOL_RELAY_ERROR_GONE "' FROM d)"
		" UPDATE relay AS r SET state = 2, due = d.sending, attempts = attempts + 1, sending = 0, was_state = 0, holder = 0 FROM d WHERE r.id = d.id",
		NULL, 0);
	if (r)
		*n = strtoll(PQcmdTuples(r), NULL, 10);
	ok = r && spool_db_commit(db);
	PQclear(r);
	spool_db_end(db);
	spool_db_durable(db, false);
	return ok;
}

/*
 * The commit of a mark that failed may have been made: the reply was not sent, and no process would send it while this one holds it. The
 * mark goes when the server is there again.
 */
static bool take_mark_back(struct spool_db *db)
{
	struct pg_link *l = pg_link_of(db);
	char sql[160];

	if (!l->unsure)
		return true;
	snprintf(sql, sizeof sql, "UPDATE relay SET sending = 0 WHERE id = %" PRId64 " AND sending = %" PRId64 " AND state = 0 AND holder = $1",
		l->unsure, l->unsure_at);
	if (!run_claim(db, sql))
		return false;
	l->unsure = 0;
	return true;
}

static bool beat(struct spool_db *db)
{
	int64_t n = 0;
	bool ok = pg_claim_enter(db) && renew(db) && take_mark_back(db) && doubt_replies(db, &n);

	if (n)
		log_message(LOG_LEVEL_ERROR, "%" PRId64 " repl%s of a relay that is gone may have arrived or not, and %s dead", n, n == 1 ? "y" : "ies",
			n == 1 ? "is" : "are");
	return ok;
}

/* ---- before an attempt */

void pg_claim_add_keys(struct pg_array *arrays, const struct spool_relay_key *keys, size_t n)
{
	pg_array_clear(&arrays[0]);
	pg_array_clear(&arrays[1]);
	for (size_t i = 0; i < n; i++) {
		pg_array_add_number(&arrays[0], keys[i].relay);
		pg_array_add_number(&arrays[1], keys[i].event);
	}
}

/* Those that are this process's still, and pending. */
static bool find_held(struct spool_db *db, struct spool_relay_key *keys, size_t n)
{
	struct pg_array arrays[2] = {{.type = PG_NUMBER}, {.type = PG_NUMBER}};
	PGresult *r;

	pg_claim_add_keys(arrays, keys, n);
	for (size_t i = 0; i < n; i++)
		keys[i].pending = false;
	r = pg_claim_run(db, "SELECT k.n FROM unnest($2, $3) WITH ORDINALITY AS k(id, event, n) JOIN relay AS r ON r.id = k.id AND r.event = k.event"
		" WHERE r.state = 0 AND r.holder = $1", arrays, 2);
	for (int i = 0; r && i < PQntuples(r); i++)
		keys[pg_claim_number(r, i, 0) - 1].pending = true;
	PQclear(r);
	pg_array_free(&arrays[0]);
	pg_array_free(&arrays[1]);
	return r != NULL;
}

/* Durably: a reply must not arrive twice. */
static bool note_sending(struct spool_db *db, struct spool_relay_key *key, int64_t now)
{
	struct pg_array arrays[2] = {{.type = PG_NUMBER}, {.type = PG_NUMBER}};
	PGresult *r = NULL;
	bool begun = take_mark_back(db) && spool_db_durable(db, true) && spool_db_begin(db, false), ok;
	char sql[160];

	pg_claim_add_keys(arrays, key, 1);
	snprintf(sql, sizeof sql, "UPDATE relay SET sending = %" PRId64 " WHERE id = ($2)[1] AND event = ($3)[1] AND state = 0 AND holder = $1", now);
	if (begun)
		r = pg_claim_run(db, sql, arrays, 2);
	key->pending = r && strcmp(PQcmdTuples(r), "1") == 0;
	ok = r && spool_db_commit(db);
	if (r && !ok) {
		pg_link_of(db)->unsure = key->relay;
		pg_link_of(db)->unsure_at = now;
	}
	PQclear(r);
	if (begun)
		spool_db_end(db);
	spool_db_durable(db, false);
	pg_array_free(&arrays[0]);
	pg_array_free(&arrays[1]);
	return ok;
}

const struct spool_relaying spool_postgresql_relaying = {
	.due = pg_claim_due, .find = pg_claim_find, .next = pg_claim_next, .end = pg_claim_end,
	.pending = find_held, .record = pg_claim_record, .sending = note_sending, .doubt = doubt_replies, .beat = beat,
	.listen = pg_claim_listen, .heard = pg_claim_heard,
};
