/* SPDX-License-Identifier: ISC */
/*
 * Wipes what deletion leaves in the files, and deletes on a full disk.
 *
 * SQLite overwrites deleted content with zeros (PRAGMA secure_delete). Copies of it stay in the write-ahead log, until a
 * checkpoint of kind TRUNCATE. Such a checkpoint runs under the spool's lock, as every other one.
 */
#include "spool/sqlite/wipe.h"

#include <time.h>

#include "core/clock.h"
#include "spool/sqlite/disk_reserve.h"
#include "spool/sqlite/hole.h"
#include "spool/sqlite/scrub.h"
#include "spool/sqlite/sql.h"
#include "spool/sqlite/wal.h"

enum {
	WIPE_WAIT_MS = 10 * 1000,
	VACUUM_BYTES = 64 << 20, /* a VACUUM of that takes less than a second, and deliveries wait for it */
	WIPE_AGAIN_NS = 100 * 1000 * 1000,
};

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
	return spool_db_exec(db, "BEGIN IMMEDIATE") || spool_sql_fail(db);
}

bool spool_wipe_begin(struct spool_db *db, bool *low)
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

void spool_wipe_end(struct spool_db *db, bool low)
{
	if (low && sqlite3_get_autocommit(db->sql))
		checkpoint_in_place(db);
	spool_db_end(db);
}

bool spool_wipe_vacuum(struct spool_db *db)
{
	return spool_db_exec(db, "PRAGMA incremental_vacuum") || spool_sql_fail(db);
}

/* Holds the lock: a checkpoint beside another process's commit can corrupt the database (SQLite before 3.51.3). */
static bool checkpoint_deleted(struct spool_db *db, bool *busy)
{
	if (!spool_wal_checkpoint(db, SQLITE_CHECKPOINT_TRUNCATE, busy))
		return false;
	db->wal_pages = 0;
	return true;
}

/* A checkpoint needs to be outside of a transaction. The lock stays held behind the commit. */
static bool list_holes(struct spool_db *db, struct buf *holes)
{
	return (spool_db_exec(db, "BEGIN IMMEDIATE") || spool_sql_fail(db)) && spool_hole_list(db, holes) && spool_db_commit(db);
}

/* Empties the log, and with `holes` lists those that no reader sees as bodies any more. */
static bool empty_log(struct spool_db *db, struct buf *holes, bool *busy)
{
	bool ok;

	*busy = false;
	if (!db->wal && !holes)
		return true;
	if (!spool_db_begin(db, true))
		return false;
	ok = spool_db_commit(db) && checkpoint_deleted(db, busy) && (!holes || list_holes(db, holes));
	spool_db_end(db);
	return ok;
}

/* Wipes the bodies of deleted events. Their holes' rows leave pages in the log, so it is emptied once more. */
static bool wipe_bodies(struct spool_db *db, bool *busy)
{
	struct buf holes = {0};
	bool ok = empty_log(db, &holes, busy) && (!holes.len || (spool_hole_wipe(db, &holes) && empty_log(db, NULL, busy)));

	buf_free(&holes);
	return ok;
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
		(spool_db_exec(db, "PRAGMA auto_vacuum=INCREMENTAL; VACUUM") || spool_sql_fail(db));
	spool_db_end(db);
	return ok;
}

static bool cut_log(struct spool_db *db, bool *busy)
{
	return empty_log(db, NULL, busy);
}

/* Does a part again where a reader is in the way, for some seconds. */
static bool do_without_readers(struct spool_db *db, bool (*part)(struct spool_db *, bool *))
{
	int64_t end = clock_mono_us() + WIPE_WAIT_MS * INT64_C(1000);
	const struct timespec pause = {.tv_nsec = WIPE_AGAIN_NS};
	bool ok, busy;

	while (!(ok = part(db, &busy)) && busy && clock_mono_us() < end)
		nanosleep(&pause, NULL);
	if (!ok && busy)
		spool_db_fail_code(db, SQLITE_BUSY, "what was deleted is still in a file of the spool, as another process reads it; run this again");
	return ok;
}

bool spool_wipe(struct spool_db *db)
{
	bool ok;

	if (!add_auto_vacuum(db))
		return false;
	ok = do_without_readers(db, wipe_bodies) && do_without_readers(db, spool_scrub) && do_without_readers(db, cut_log);
	spool_disk_reserve_make(db->dir_fd);
	return ok;
}

void spool_wipe_rest(struct spool_db *db)
{
	bool busy;

	if (spool_hole_any(db))
		wipe_bodies(db, &busy); /* where that fails, the next pass does it */
	spool_disk_reserve_make(db->dir_fd);
}
