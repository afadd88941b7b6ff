/* SPDX-License-Identifier: ISC */
/* Deletes events with all that belongs to them, in batches. */
#include "spool/query/delete.h"

#include "spool/query/purged.h"
#include "spool/query/yield.h"
#include "spool/search.h"
#include "spool/stmt.h"

enum { HOLD_US = 20 * 1000 /* a delivery waits as long */, LEAST = 50 /* smaller batches would only sync more often */ };

/* The steps run in this order. ?1 is the event's id. */
enum step { PENDING, KEY, ATTEMPTS, DELIVERIES, CAME, EVENT, STEPS };

static const char *const steps[STEPS] = {
	[PENDING] = "SELECT count(*) FROM relay WHERE event = ?1 AND state = 0",
	[KEY] = "INSERT INTO purged(" SPOOL_PURGED_COLUMNS ") " SPOOL_PURGED_ROW SPOOL_PURGED_UPSERT,
	[ATTEMPTS] = "DELETE FROM attempt WHERE relay IN (SELECT id FROM relay WHERE event = ?1)",
	[DELIVERIES] = "DELETE FROM relay WHERE event = ?1",
	[CAME] = "DELETE FROM came WHERE event = ?1",
	[EVENT] = "DELETE FROM event WHERE id = ?1",
};

/* A dry run counts in place of deleting. */
static const char *const counts[STEPS] = {
	[PENDING] = "SELECT count(*) FROM relay WHERE event = ?1 AND state = 0",
	[ATTEMPTS] = "SELECT count(*) FROM attempt WHERE relay IN (SELECT id FROM relay WHERE event = ?1)",
	[DELIVERIES] = "SELECT count(*) FROM relay WHERE event = ?1",
	[EVENT] = "SELECT count(*) FROM event WHERE id = ?1",
};

struct deletion {
	struct spool_stmt *st[STEPS];
	int64_t keys_since;
	bool spare, dry_run;
	bool keys_kept; /* of all events */
	struct spool_yield yield;
};

static bool prepare_deletion(struct spool_db *db, struct deletion *d)
{
	const char *const *sql = d->dry_run ? counts : steps;

	if (db->counts_ended) /* the triggers keep the ids of events from being used again */
		return spool_db_fail(db, SPOOL_ERROR_OTHER, "the relay's connection deletes no events");
	if (db->engine->ledger)
		return true;
	for (int i = 0; i < STEPS; i++)
		if (sql[i] && !spool_stmt_prepare(db, sql[i], &d->st[i]))
			return false;
	return true;
}

static void finalize_deletion(struct deletion *d)
{
	for (int i = 0; i < STEPS; i++)
		spool_stmt_free(d->st[i]);
}

/* Runs a step for an event. *n becomes the number of rows that it deleted or counted. */
static bool run_step(struct spool_db *db, struct deletion *d, enum step step, int64_t id, int64_t *n)
{
	struct spool_stmt *st = d->st[step];
	enum spool_step rc;

	*n = 0;
	if (!st)
		return true;
	spool_stmt_bind_int(st, 1, id);
	if (step == KEY)
		spool_stmt_bind_int(st, 2, d->keys_since);
	rc = spool_stmt_step(st);
	*n = rc == SPOOL_ROW ? spool_stmt_int64(st, 0) : spool_stmt_changes(db);
	spool_stmt_reset(st);
	return rc == SPOOL_ROW || rc == SPOOL_DONE;
}

static bool delete_one(struct spool_db *db, struct deletion *d, int64_t id, struct spool_deleted *sum)
{
	int64_t n[STEPS] = {0};
	bool ok = run_step(db, d, PENDING, id, &n[PENDING]);

	if (ok && d->spare && n[PENDING]) {
		sum->spared++;
		return true;
	}
	for (int i = d->keys_kept ? KEY + 1 : KEY; ok && i < STEPS; i++)
		ok = run_step(db, d, (enum step)i, id, &n[i]);
	if (!ok || !n[EVENT])
		return ok;
	sum->pending += n[PENDING];
	sum->attempts += n[ATTEMPTS];
	sum->deliveries += n[DELIVERIES];
	sum->events++;
	return true;
}

static bool delete_each(struct spool_db *db, struct deletion *d, const struct spool_doomed *order, size_t count, struct spool_deleted *sum)
{
	if (db->engine->ledger)
		return spool_delete_many(db, order, count, d->keys_since, d->spare, d->dry_run, sum);
	for (size_t i = 0; i < count; i++)
		if (!delete_one(db, d, order[i].id, sum))
			return spool_stmt_fail(db);
	return true;
}

bool spool_delete_begin(struct spool_db *db, bool *low)
{
	return db->engine->begin_deletion(db, low);
}

void spool_delete_end(struct spool_db *db, bool low)
{
	db->engine->end_deletion(db, low);
}

bool spool_delete_wipe(struct spool_db *db)
{
	return db->engine->wipe(db);
}

/* Deletes a batch in one transaction. *full becomes true when the disk is too full for it; then nothing is deleted. */
static bool delete_batch(struct spool_db *db, struct deletion *d, const struct spool_doomed *order, size_t count, struct spool_deleted *sum,
	bool *full)
{
	struct spool_deleted new = *sum;
	bool ok, low, removed = false;

	*full = false;
	if (!spool_delete_begin(db, &low))
		return false;
	spool_yield_begin(&d->yield, db);
	ok = delete_each(db, d, order, count, &new) && db->engine->vacuum(db) &&
		spool_search_forget(db, order, count, &removed, false) && spool_db_commit(db);
	*full = !ok && db->kind == SPOOL_ERROR_FULL;
	if (ok)
		*sum = new;
	spool_delete_end(db, low);
	return ok && spool_search_forget(db, order, count, &removed, true);
}

static size_t next_doomed(const struct spool_doomed *order, size_t n, size_t most)
{
	int64_t bytes = n ? order[0].bytes : 0;
	size_t i = 1;

	while (i < n && i < most && bytes + order[i].bytes <= SPOOL_DELETE_BYTES)
		bytes += order[i++].bytes;
	return i;
}

/* A commit waits for no disk, but for the last one, which covers those before it. Batches are smaller where the disk is slow or full. */
static bool delete_in_batches(struct spool_db *db, struct deletion *d, const struct spool_doomed *order, size_t count, struct spool_deleted *sum)
{
	size_t most = SPOOL_DELETE_BATCH, batch;
	bool ok = true, full = false;

	for (size_t i = 0; ok && i < count && !spool_yield_halted(db);) {
		batch = next_doomed(order + i, count - i, most);
		ok = (batch < count - i || db->engine->durable(db, true)) && delete_batch(db, d, order + i, batch, sum, &full);
		if (ok)
			i += batch;
		if (spool_yield_end(&d->yield, db) > HOLD_US || full)
			most = full || batch > 2 * LEAST ? batch / 2 : LEAST;
		else if (most < SPOOL_DELETE_BATCH)
			most++;
		ok = ok || (full && most > 0);
	}
	return ok || (full && spool_db_fail(db, SPOOL_ERROR_FULL,
		"the disk is full, and the reserve does not do: free some MiB on the spool's disk, then run this again"));
}

bool spool_delete(struct spool_db *db, const struct spool_doomed *order, size_t count, int64_t keys_since, bool spare, bool dry_run,
	struct spool_deleted *sum)
{
	struct deletion d = {.keys_since = keys_since, .spare = spare, .dry_run = dry_run};
	bool ok = prepare_deletion(db, &d);

	if (ok && dry_run)
		ok = delete_each(db, &d, order, count, sum);
	else if (ok)
		ok = db->engine->durable(db, false) && spool_purged_keep(db, order, count, keys_since, &d.keys_kept) &&
			delete_in_batches(db, &d, order, count, sum);
	finalize_deletion(&d);
	return (dry_run || db->engine->durable(db, true)) && ok;
}
