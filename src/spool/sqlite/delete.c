/* SPDX-License-Identifier: ISC */
/*
 * Deletes events with all that belongs to them, and wipes what deletion leaves in the files.
 *
 * SQLite overwrites deleted content with zeros (PRAGMA secure_delete). Copies of it stay in the write-ahead log, until a
 * checkpoint of kind TRUNCATE. Such a checkpoint runs under the spool's lock, as every other one.
 */
#include "spool/sqlite/delete.h"

#include <time.h>

#include "core/clock.h"
#include "spool/sqlite/disk_reserve.h"
#include "spool/sqlite/scrub.h"
#include "spool/sqlite/sql.h"

enum {
	WIPE_WAIT_MS = 10 * 1000,
	WIPE_BUSY_MS = 200, /* with the lock held: deliveries wait for it */
	VACUUM_BYTES = 64 << 20, /* a VACUUM of that takes less than a second, and deliveries wait for it */
	WIPE_AGAIN_NS = 100 * 1000 * 1000,
};

/* The steps run in this order. ?1 is the event's id. */
enum step { PENDING, KEY, ATTEMPTS, DELIVERIES, EVENT, STEPS };

static const char *const steps[STEPS] = {
	[PENDING] = "SELECT count(*) FROM relay WHERE event = ?1 AND state = 0",
	[KEY] = "INSERT OR REPLACE INTO purged(endpoint, key, id, received_at, digest)"
		" SELECT endpoint, key_hash((SELECT salt FROM spool), key || scope), id, received_at,"
		" ifnull(digest, key_hash(X'', body)) FROM event"
		" WHERE id = ?1 AND received_at >= ?2 AND key IS NOT NULL",
	[ATTEMPTS] = "DELETE FROM attempt WHERE relay IN (SELECT id FROM relay WHERE event = ?1)",
	[DELIVERIES] = "DELETE FROM relay WHERE event = ?1",
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
	sqlite3_stmt *st[STEPS];
	int64_t keys_since;
	bool spare, dry_run;
};

static bool prepare_deletion(struct spool_db *db, struct deletion *d)
{
	const char *const *sql = d->dry_run ? counts : steps;

	if (db->counts_ended) /* the triggers keep the ids of events from being used again */
		return spool_db_fail(db, SQLITE_MISUSE, "the relay's connection deletes no events");
	for (int i = 0; i < STEPS; i++)
		if (sql[i] && !spool_sql_prepare(db, sql[i], &d->st[i]))
			return false;
	return true;
}

static void finalize_deletion(struct deletion *d)
{
	for (int i = 0; i < STEPS; i++)
		sqlite3_finalize(d->st[i]);
}

/* Runs a step for an event. *n becomes the number of rows that it deleted or counted. */
static bool run_step(struct spool_db *db, struct deletion *d, enum step step, int64_t id, int64_t *n)
{
	sqlite3_stmt *st = d->st[step];
	int rc;

	*n = 0;
	if (!st)
		return true;
	sqlite3_bind_int64(st, 1, id);
	if (step == KEY)
		sqlite3_bind_int64(st, 2, d->keys_since);
	rc = sqlite3_step(st);
	*n = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : sqlite3_changes(db->sql);
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

static bool delete_one(struct spool_db *db, struct deletion *d, int64_t id, struct spool_deleted *sum)
{
	int64_t n[STEPS] = {0};
	bool ok = run_step(db, d, PENDING, id, &n[PENDING]);

	if (ok && d->spare && n[PENDING]) {
		sum->spared++;
		return true;
	}
	for (int i = KEY; ok && i < STEPS; i++)
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
	for (size_t i = 0; i < count; i++)
		if (!delete_one(db, d, order[i].id, sum))
			return spool_sql_fail(db);
	return true;
}

static int64_t database_bytes(struct spool_db *db)
{
	return (int64_t)spool_db_pragma(db, "PRAGMA page_count") * spool_db_pragma(db, "PRAGMA page_size");
}

/* On a full disk, with the lock held: gives back the room of the write-ahead log, if there is enough for the database to grow. */
static void checkpoint_in_place(struct spool_db *db)
{
	if (db->wal && spool_disk_reserve_fits(db->dir_fd, database_bytes(db)))
		sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

/* Ends the transaction and begins another one. The lock stays held, so that no delivery takes the room. */
static bool make_room_on_disk(struct spool_db *db)
{
	if (!spool_db_commit(db))
		return false;
	checkpoint_in_place(db);
	return sqlite3_exec(db->sql, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK || spool_sql_fail(db);
}

bool spool_delete_begin(struct spool_db *db, bool *low)
{
	*low = false;
	if (!spool_db_begin(db, true))
		return false;
	*low = spool_disk_reserve_release(db->dir_fd);
	if (!*low || make_room_on_disk(db))
		return true;
	spool_db_end(db);
	return false;
}

void spool_delete_end(struct spool_db *db, bool low)
{
	if (low && sqlite3_get_autocommit(db->sql))
		checkpoint_in_place(db);
	spool_db_end(db);
}

/* Deletes a batch in one transaction. *full becomes true when the disk is too full for it; then nothing is deleted. */
static bool delete_batch(struct spool_db *db, struct deletion *d, const struct spool_doomed *order, size_t count, struct spool_deleted *sum,
	bool *full)
{
	struct spool_deleted new = *sum;
	bool ok, low;

	*full = false;
	if (!spool_delete_begin(db, &low))
		return false;
	ok = delete_each(db, d, order, count, &new) &&
		(sqlite3_exec(db->sql, "PRAGMA incremental_vacuum", NULL, NULL, NULL) == SQLITE_OK || spool_sql_fail(db)) &&
		spool_db_commit(db);
	*full = !ok && sqlite3_errcode(db->sql) == SQLITE_FULL;
	if (ok)
		*sum = new;
	spool_delete_end(db, low);
	return ok;
}

static size_t next_doomed(const struct spool_doomed *order, size_t n, size_t most)
{
	int64_t bytes = n ? order[0].bytes : 0;
	size_t i = 1;

	while (i < n && i < most && bytes + order[i].bytes <= SPOOL_DELETE_BYTES)
		bytes += order[i++].bytes;
	return i;
}

bool spool_delete(struct spool_db *db, const struct spool_doomed *order, size_t count, int64_t keys_since, bool spare, bool dry_run,
	struct spool_deleted *sum)
{
	struct deletion d = {.keys_since = keys_since, .spare = spare, .dry_run = dry_run};
	size_t most = SPOOL_DELETE_BATCH, batch;
	bool ok = prepare_deletion(db, &d), full = false;

	if (ok && dry_run)
		ok = delete_each(db, &d, order, count, sum);
	for (size_t i = 0; ok && !dry_run && i < count;) {
		batch = next_doomed(order + i, count - i, most);
		ok = delete_batch(db, &d, order + i, batch, sum, &full);
		if (ok)
			i += batch;
		most = full ? batch / 2 : most;
		ok = ok || (full && most > 0);
	}
	if (!ok && full)
		spool_db_fail(db, SQLITE_FULL, "the disk is full, and the reserve does not do: free some MiB on the spool's disk, then run this again");
	finalize_deletion(&d);
	return ok;
}

/* Holds the lock: a checkpoint beside another process's commit can corrupt the database (SQLite before 3.51.3). */
static bool checkpoint_deleted(struct spool_db *db, bool *busy)
{
	int rc;

	*busy = false;
	if (!db->wal)
		return true;
	if (!spool_db_begin(db, true))
		return false;
	rc = spool_db_commit(db) ? SQLITE_OK : SQLITE_ERROR;
	if (rc == SQLITE_OK) {
		sqlite3_busy_timeout(db->sql, WIPE_BUSY_MS);
		rc = sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
		sqlite3_busy_timeout(db->sql, SPOOL_DB_BUSY_MS);
		if (rc != SQLITE_OK)
			spool_sql_fail(db);
		else
			db->wal_pages = 0;
	}
	*busy = rc == SQLITE_BUSY;
	spool_db_end(db);
	return rc == SQLITE_OK;
}

/*
 * A database that another program made, from a dump for example, lacks auto_vacuum. It gives back no room and cannot be scrubbed. A
 * VACUUM of a small one corrects both.
 */
static bool add_auto_vacuum(struct spool_db *db)
{
	bool ok;

	if (spool_db_pragma(db, "PRAGMA auto_vacuum") != 0 || database_bytes(db) > VACUUM_BYTES)
		return true;
	if (!spool_db_begin(db, true))
		return false;
	/* VACUUM runs outside of a transaction; the lock stays held */
	ok = spool_db_commit(db) &&
		(sqlite3_exec(db->sql, "PRAGMA auto_vacuum=INCREMENTAL; VACUUM", NULL, NULL, NULL) == SQLITE_OK || spool_sql_fail(db));
	spool_db_end(db);
	return ok;
}

bool spool_delete_wipe(struct spool_db *db)
{
	int64_t end = clock_mono_us() + WIPE_WAIT_MS * INT64_C(1000);
	const struct timespec pause = {.tv_nsec = WIPE_AGAIN_NS};
	bool ok = add_auto_vacuum(db), busy, again;

	if (!ok)
		return false;
	do {
		ok = checkpoint_deleted(db, &busy) && spool_scrub(db, &busy);
		again = !ok && busy && clock_mono_us() < end;
		if (again)
			nanosleep(&pause, NULL);
	} while (again);
	spool_disk_reserve_make(db->dir_fd);
	if (!ok && busy)
		spool_db_fail(db, SQLITE_BUSY, "what was deleted is still in a file of the spool, as another process reads it; run this again");
	return ok;
}
