/* SPDX-License-Identifier: ISC */
/* The keys of deleted events: kept and forgotten in the order of their table, in batches. */
#include "spool/query/purged.h"

#include "spool/query/yield.h"
#include "spool/stmt.h"

enum {
	FEW = 1000,       /* below that sorting gains little */
	BATCH = 2000,     /* keys of one transaction, at most */
	LEAST = 50,
	READ = 500,       /* events of one transaction that reads */
	HOLD_US = 20 * 1000, /* a delivery waits as long */
};

/* What is done with up to ?2 keys at a time, until a transaction changes none. */
struct batches {
	const char *sql[2]; /* the second one may be NULL */
	int64_t one;        /* ?1 */
	bool at_low;        /* also while the disk is full */
	bool low;           /* it is full */
};

static bool run_batch(struct spool_db *db, struct batches *b, int64_t most, struct spool_yield *y, int64_t *n)
{
	bool ok;

	*n = 0;
	if (!spool_delete_begin(db, &b->low))
		return false;
	spool_yield_begin(y, db);
	ok = (!b->low || b->at_low) && spool_stmt_run(db, b->sql[0], b->one, most) && (!b->sql[1] || spool_stmt_run(db, b->sql[1], b->one, most));
	*n = ok ? spool_stmt_changes(db) : 0;
	ok = ok && spool_db_commit(db);
	spool_delete_end(db, b->low);
	return ok;
}

static bool run_batches(struct spool_db *db, struct batches *b)
{
	struct spool_yield y = {0};
	int64_t most = BATCH / 8, n = most;
	bool ok = true;

	while (ok && n && !spool_yield_halted(db)) {
		ok = run_batch(db, b, most, &y, &n);
		if (spool_yield_end(&y, db) > HOLD_US)
			most = most > LEAST ? most / 2 : most;
		else if (most < BATCH)
			most *= 2;
	}
	return ok;
}

static bool sort_keys(struct spool_db *db, const struct spool_doomed *order, size_t n, int64_t keys_since)
{
	struct spool_stmt *st;
	bool ok = spool_stmt_prepare(db, "INSERT INTO temp.sorted(" SPOOL_PURGED_COLUMNS ") " SPOOL_PURGED_ROW
		SPOOL_PURGED_UPSERT, &st);

	for (size_t i = 0; ok && i < n; i++) {
		if (i % READ == 0)
			db->engine->snapshot(db, true);
		spool_stmt_bind_int(st, 1, order[i].id);
		spool_stmt_bind_int(st, 2, keys_since);
		ok = spool_stmt_step(st) == SPOOL_DONE || spool_stmt_fail(db);
		spool_stmt_reset(st);
		if (!ok || i % READ == READ - 1 || i == n - 1)
			db->engine->snapshot(db, false);
	}
	spool_stmt_free(st);
	return ok;
}

static bool make_sorted(struct spool_db *db)
{
	return spool_stmt_exec(db, "CREATE TEMP TABLE sorted(endpoint TEXT, key TEXT, id INTEGER, received_at INTEGER, digest BLOB,"
		" is_unsigned INTEGER, is_legacy INTEGER, PRIMARY KEY(endpoint, key)) WITHOUT ROWID") || spool_stmt_fail(db);
}

bool spool_purged_keep(struct spool_db *db, const struct spool_doomed *order, size_t n, int64_t keys_since, bool *all)
{
	struct batches keep = {.sql = {
		"INSERT INTO purged(" SPOOL_PURGED_COLUMNS ") SELECT " SPOOL_PURGED_COLUMNS " FROM temp.sorted WHERE ?1 = 0"
		" ORDER BY endpoint, key LIMIT ?2" SPOOL_PURGED_UPSERT,
		"DELETE FROM temp.sorted WHERE ?1 = 0 AND (endpoint, key) IN (SELECT endpoint, key FROM temp.sorted ORDER BY endpoint, key LIMIT ?2)"}};
	bool ok;

	*all = false;
	if (db->engine->ledger || n < FEW)
		return true;
	ok = make_sorted(db) && sort_keys(db, order, n, keys_since) && run_batches(db, &keep);
	*all = ok && !spool_yield_halted(db);
	ok = ok || keep.low || db->kind == SPOOL_ERROR_FULL;
	spool_stmt_exec(db, "DROP TABLE IF EXISTS temp.sorted");
	return ok;
}

/* The index of days has the keys of each day in the order of the table. */
bool spool_purged_forget(struct spool_db *db, int64_t before)
{
	struct batches forget = {.one = before, .at_low = true, .sql = {db->engine->ledger
		? "DELETE FROM event_key WHERE (endpoint, hash) IN (SELECT endpoint, hash FROM event_key WHERE purged AND received_at < ?1 LIMIT ?2)"
		: "DELETE FROM purged WHERE (endpoint, key) IN (SELECT endpoint, key FROM purged INDEXED BY purged_at"
		  " WHERE received_at / 86400000 <= ?1 / 86400000 AND received_at < ?1 LIMIT ?2)"}};

	return run_batches(db, &forget);
}
