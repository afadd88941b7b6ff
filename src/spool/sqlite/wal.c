/* SPDX-License-Identifier: ISC */
/*
 * The write-ahead log goes into the database when it is long: a checkpoint. The commit behind a checkpoint begins the log anew.
 *
 * A process that opens the log alone does not know about checkpoints: it reads all of the log, and goes on at its end. So a program that
 * commits once checkpoints before its commit. A checkpoint after the commit does not help: the next program goes on at the log's end.
 */
#include "spool/sqlite/wal.h"

#include <stdint.h>
#include <string.h>

#include "spool/sqlite/repair.h"
#include "spool/sqlite/sql.h"

enum {
	MOST_PAGES = 256, /* 4 MiB: what more would save in CPU, the longer pauses cost in latency */
	BUSY_MS = 50, /* with the lock held: a delivery waits as long */
	MOST_AT_FIRST = 128, /* before a connection's first commit: a CGI program reads all of the log each time */
};

/* True when the page of that number is of the log as it is now, and not of an older one that was longer. */
static bool has_page(struct spool_db *db, unsigned number)
{
	unsigned char head[SPOOL_WAL_HEADER], frame[SPOOL_WAL_FRAME_HEADER];
	const unsigned char *p = head + SPOOL_WAL_HEADER_PAGE_SIZE;
	sqlite3_file *wal = NULL;
	int64_t size;

	if (sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal) != SQLITE_OK || !wal || !wal->pMethods ||
	    wal->pMethods->xRead(wal, head, sizeof head, 0) != SQLITE_OK)
		return false;
	size = (int64_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
	return wal->pMethods->xRead(wal, frame, sizeof frame, SPOOL_WAL_HEADER + (number - 1) * (SPOOL_WAL_FRAME_HEADER + size)) == SQLITE_OK &&
		memcmp(frame + SPOOL_WAL_FRAME_SALTS, head + SPOOL_WAL_HEADER_SALTS, SPOOL_WAL_SALTS) == 0;
}

static bool checkpoint_log(struct spool_db *db)
{
	if (sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) == SQLITE_OK)
		return true;
	spool_repair_note_error(db);
	return spool_repair(db);
}

bool spool_wal_before(struct spool_db *db)
{
	return !db->wal || db->wal_pages || !has_page(db, MOST_AT_FIRST) || checkpoint_log(db);
}

void spool_wal_after(struct spool_db *db)
{
	if (db->wal_pages >= MOST_PAGES)
		checkpoint_log(db);
}

bool spool_wal_checkpoint(struct spool_db *db, int mode, bool *busy)
{
	int rc = SQLITE_OK;

	if (db->wal) {
		sqlite3_busy_timeout(db->sql, BUSY_MS);
		rc = sqlite3_wal_checkpoint_v2(db->sql, NULL, mode, NULL, NULL);
		sqlite3_busy_timeout(db->sql, SPOOL_DB_BUSY_MS);
	}
	*busy = rc == SQLITE_BUSY;
	return rc == SQLITE_OK || spool_sql_fail(db);
}
