/* SPDX-License-Identifier: ISC */
/* PostgreSQL's part of a connection to the spool: opening and closing, transactions, and what a reading sees. */
#include "spool/postgresql/db.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "spool/postgresql/claim.h"
#include "spool/postgresql/link.h"
#include "spool/postgresql/schema.h"

enum {
	SETTLE_MS = 1000,         /* a reader waits so long for transactions that may store events with lower ids */
	SETTLE_NS = 5 * 1000 * 1000,
};

/* ---- opening and closing */

static bool open_link(struct spool_db *db)
{
	struct pg_link *l = db->of_engine;
	bool missing = false;
	char why[512];

	return pg_link_ready(db) && (spool_pg_migrate(l->connection, l->access == SPOOL_RECEIVE, &missing, why, sizeof why) ||
		spool_db_fail(db, missing ? SPOOL_ERROR_MISSING : SPOOL_ERROR_OTHER, "%s", why));
}

bool pg_db_open(struct spool_db *db, const char *place, enum journal journal, enum spool_access access)
{
	struct pg_link *l = calloc(1, sizeof *l);

	(void)journal;
	db->of_engine = l;
	if (l)
		l->place = strdup(place);
	if (!l || !l->place) {
		spool_db_fail(db, SPOOL_ERROR_OTHER, "spool: memory is short");
	} else {
		l->access = access;
		l->lazy = access == SPOOL_RELAY;
		if (open_link(db))
			return true;
	}
	pg_db_close(db);
	return false;
}

void pg_db_close(struct spool_db *db)
{
	struct pg_link *l = db->of_engine;

	if (!l)
		return;
	pg_claim_leave(db);
	PQfinish(l->connection);
	free(l->place);
	free(l);
	db->of_engine = NULL;
}

/* ---- transactions */

/*
 * The settings are the transaction's: behind pgbouncer a session is not this process's own. remote_apply waits for more than on does.
 * A transaction whose client has vanished ends after a minute.
 */
bool pg_db_begin(struct spool_db *db, bool urgent)
{
	struct pg_link *l = db->of_engine;
	char sql[512];

	if (l->access == SPOOL_READ)
		return spool_db_fail(db, SPOOL_ERROR_READONLY, "spool: attempt to write a readonly database");
	snprintf(sql, sizeof sql, "BEGIN; SELECT set_config('synchronous_commit', %s, true), set_config('lock_timeout', '%s', true),"
		" set_config('idle_in_transaction_session_timeout', '60s', true)",
		l->lazy ? "'off'" : "CASE current_setting('synchronous_commit') WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END",
		urgent && !db->housekeeping ? "8s" : "1s");
	l->in_transaction = pg_link_run(db, sql);
	return l->in_transaction;
}

bool pg_db_commit(struct spool_db *db)
{
	struct pg_link *l = db->of_engine;
	PGresult *r = pg_link_exec(db, "COMMIT", NULL);
	/* of a transaction that failed, COMMIT is a ROLLBACK without an error */
	bool ok = r && strcmp(PQcmdStatus(r), "COMMIT") == 0;

	if (r && !ok)
		spool_db_fail(db, SPOOL_ERROR_OTHER, "spool: the transaction was rolled back");
	PQclear(r);
	l->in_transaction = l->in_transaction && !ok;
	return ok;
}

void pg_db_end(struct spool_db *db)
{
	struct pg_link *l = db->of_engine;
	char why[sizeof db->error];
	enum spool_error kind = db->kind;

	if (!l->in_transaction)
		return;
	memcpy(why, db->error, sizeof why);
	pg_link_run(db, "ROLLBACK");
	l->in_transaction = false;
	spool_db_fail(db, kind, "%s", why); /* the first reason stays */
}

bool pg_db_durable(struct spool_db *db, bool on)
{
	pg_link_of(db)->lazy = !on;
	return true;
}

bool pg_db_begin_deletion(struct spool_db *db, bool *low)
{
	*low = false;
	return pg_db_begin(db, true);
}

void pg_db_end_deletion(struct spool_db *db, bool low)
{
	(void)low;
	pg_db_end(db);
}

bool pg_db_nothing(struct spool_db *db)
{
	(void)db;
	return true;
}

/* The server looks after its disk. */
void pg_db_rest(struct spool_db *db)
{
	(void)db;
}

/* pg_link_exec() has kept the reason. */
void pg_db_fail(struct spool_db *db)
{
	(void)db;
}

/* ---- readings */

void pg_db_snapshot(struct spool_db *db, bool on)
{
	struct pg_link *l = db->of_engine;

	if (l->access == SPOOL_RELAY)
		return; /* it claims what it reads, and one statement reads all */
	if (on) {
		l->in_transaction = pg_link_run(db, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
	} else if (l->in_transaction) {
		pg_link_run(db, "COMMIT");
		l->in_transaction = false;
	}
}

/* The number in the first column of the only row. False on an error. */
static bool read_number(struct spool_db *db, const char *sql, const char *text, int64_t *value)
{
	const char *values[] = {text};
	PGresult *r = pg_link_exec(db, sql, &(struct pg_values){text ? 1 : 0, NULL, values, NULL, NULL});
	bool ok = r && PQntuples(r) == 1 && PQgetlength(r, 0, 0) == 8;
	uint64_t n = 0;

	for (int i = 0; ok && i < 8; i++)
		n = n << 8 | (unsigned char)PQgetvalue(r, 0, 0)[i];
	*value = (int64_t)n;
	PQclear(r);
	return ok;
}

/* A snapshot changes with each commit of a transaction that writes, also of another database of the server. */
int64_t pg_db_version(struct spool_db *db)
{
	int64_t version;

	return read_number(db, "SELECT hashtextextended(pg_current_snapshot()::text, 0)", NULL, &version) ? version : 0;
}

bool pg_db_moved(struct spool_db *db)
{
	(void)db;
	return false;
}

void pg_db_bound(struct spool_db *db, const int64_t *deadline)
{
	pg_link_of(db)->deadline = deadline;
}

/* Fills in the transactions that may have drawn ids of events: an INSERT takes this lock before it draws, and keeps it to the end. */
static bool list_writers(struct spool_db *db, char *list, size_t n)
{
	PGresult *r = pg_link_exec(db, "SELECT coalesce('{' || string_agg(virtualtransaction, ',') || '}', '')"
		" FROM pg_locks WHERE relation = to_regclass('event') AND mode = 'RowExclusiveLock' AND pid <> pg_backend_pid()",
		&(struct pg_values){0});
	bool ok = r && PQntuples(r) == 1 && (size_t)PQgetlength(r, 0, 0) < n;

	if (ok)
		snprintf(list, n, "%s", PQgetvalue(r, 0, 0));
	else if (r)
		spool_db_fail(db, SPOOL_ERROR_BUSY, "spool: too many transactions store events");
	PQclear(r);
	return ok;
}

static bool wait_for_writers(struct spool_db *db, const char *list, bool *gone)
{
	int64_t end = clock_mono_us() + SETTLE_MS * INT64_C(1000), left = 1;
	const struct timespec pause = {.tv_nsec = SETTLE_NS};
	bool ok = true;

	*gone = !*list;
	while (ok && !*gone && clock_mono_us() < end) {
		ok = read_number(db, "SELECT count(*) FROM pg_locks WHERE relation = to_regclass('event') AND mode = 'RowExclusiveLock'"
			" AND virtualtransaction = ANY($1::text[])", list, &left);
		*gone = ok && left == 0;
		if (ok && !*gone)
			nanosleep(&pause, NULL);
	}
	return ok;
}

/* Where transactions do not end in time, the id stays as it was. */
bool pg_db_settled(struct spool_db *db, int64_t *id)
{
	struct pg_link *l = db->of_engine;
	char writers[8192];
	int64_t newest;
	bool gone = true, ok = read_number(db, "SELECT coalesce(max(id), 0) FROM event", NULL, &newest);

	if (ok && newest > l->settled)
		ok = list_writers(db, writers, sizeof writers) && wait_for_writers(db, writers, &gone);
	if (ok && gone && newest > l->settled)
		l->settled = newest;
	*id = l->settled;
	return ok;
}

/* ---- the size, and whether it is whole */

int64_t pg_db_size(struct spool_db *db)
{
	int64_t bytes;

	return read_number(db, "SELECT sum(pg_total_relation_size(to_regclass(name)))::bigint FROM unnest(ARRAY['event', 'event_key', 'relay',"
		" 'attempt', 'reject', 'counter', 'conversation', 'catchup_item']) AS name", NULL, &bytes) ? bytes : 0;
}

void pg_db_disk(struct spool_db *db, int64_t *bytes, int64_t *free_bytes)
{
	*bytes = pg_db_size(db);
	*free_bytes = -1; /* the server does not tell */
}

bool pg_db_try(struct spool_db *db)
{
	bool ok;

	if (!pg_db_begin(db, true))
		return false;
	ok = pg_link_run(db, "INSERT INTO attempt(relay, at, ms, status) VALUES(0, 0, 0, 0)");
	pg_db_end(db);
	return ok || spool_db_fail(db, db->kind, "can't be written: %s", strchr(db->error, ' ') ? strchr(db->error, ' ') + 1 : "unknown");
}

/* Counts rows that belong to deleted rows. No release leaves such rows. The server looks after its pages by itself. */
bool pg_db_inspect(struct spool_db *db, bool deep, struct spool_faults *f)
{
	int64_t relays = 0, attempts = 0;

	(void)deep;
	f->n = 0;
	if (!read_number(db, "SELECT count(*) FROM relay AS r WHERE NOT EXISTS(SELECT 1 FROM event WHERE id = r.event)", NULL, &relays) ||
	    !read_number(db, "SELECT count(*) FROM attempt AS a WHERE NOT EXISTS(SELECT 1 FROM relay WHERE id = a.relay)", NULL, &attempts))
		snprintf(f->text[f->n++], SPOOL_INSPECT_TEXT, "%.500s", db->error);
	if (relays > 0 || attempts > 0)
		snprintf(f->text[f->n++], SPOOL_INSPECT_TEXT, "%" PRId64 " deliveries without their event, and %" PRId64
			" attempts without their delivery", relays, attempts);
	return f->n == 0;
}
