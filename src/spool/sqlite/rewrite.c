/* SPDX-License-Identifier: ISC */
#include "spool/sqlite/rewrite.h"

#include <stdlib.h>
#include <string.h>

enum {
	/* SQLite's file format, section 4.1 */
	WAL_HEADER = 32, FRAME_HEADER = 24, HEADER_SALTS = 16, FRAME_SALTS = 8, SALTS = 8,
	CHECKPOINT_LOCK = 1,                /* WAL_CKPT_LOCK: walformat.html, section 2.3 */
	JOURNAL_HEADER = 28,                /* fileformat2.html, section 3: without its magic there is no journal */
};

static int rewrite(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	int rc = f->pMethods->xRead(f, p, n, at);

	return rc == SQLITE_OK ? f->pMethods->xWrite(f, p, n, at) : rc;
}

/* A page of the database; one that is not there was never moved. */
static int rewrite_page(sqlite3_file *db, unsigned char *p, int size, const unsigned char *number)
{
	sqlite3_int64 page = (sqlite3_int64)number[0] << 24 | number[1] << 16 | number[2] << 8 | number[3], end;
	int rc = db->pMethods->xFileSize(db, &end);

	return rc != SQLITE_OK || page == 0 || page * size > end ? rc : rewrite(db, p, size, (page - 1) * size);
}

/*
 * p: a frame's bytes, and a page's behind them. What ends before a whole frame was no frame; and those with other salts than the
 * header's were all moved, and synced, before it was written.
 */
static int rewrite_all(sqlite3_file *wal, sqlite3_file *db, unsigned char *p, int page)
{
	unsigned char salts[SALTS];
	int frame = FRAME_HEADER + page;
	bool ours = true;
	sqlite3_int64 end;
	int rc = wal->pMethods->xFileSize(wal, &end);

	if (rc != SQLITE_OK || end < WAL_HEADER)
		return rc;
	rc = rewrite(wal, p, WAL_HEADER, 0);
	memcpy(salts, p + HEADER_SALTS, SALTS);
	for (sqlite3_int64 at = WAL_HEADER; rc == SQLITE_OK && ours && at + frame <= end; at += frame) {
		rc = rewrite(wal, p, frame, at);
		ours = memcmp(p + FRAME_SALTS, salts, SALTS) == 0;
		if (rc == SQLITE_OK && ours)
			rc = rewrite_page(db, p + frame, page, p);
	}
	if (rc == SQLITE_OK)
		rc = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
	return rc == SQLITE_OK ? db->pMethods->xSync(db, SQLITE_SYNC_NORMAL) : rc;
}

/* No other process may move pages during this, also one without our lock: its writes would be overwritten. */
static int without_checkpoints(sqlite3_file *wal, sqlite3_file *db, unsigned char *p, int page)
{
	int rc = db->pMethods->xShmLock(db, CHECKPOINT_LOCK, 1, SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE);

	if (rc != SQLITE_OK)
		return rc;
	rc = rewrite_all(wal, db, p, page);
	db->pMethods->xShmLock(db, CHECKPOINT_LOCK, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
	return rc;
}

/*
 * Nobody is in a transaction, so no journal is needed. One that the disk still has would undo a transaction of which
 * others know, and half of it where the next one's journal was being written over it.
 */
static int end_journal(sqlite3 *sql)
{
	static const unsigned char no_header[JOURNAL_HEADER];
	sqlite3_file *journal;
	sqlite3_vfs *vfs;
	int rc;

	sqlite3_file_control(sql, "main", SQLITE_FCNTL_VFS_POINTER, &vfs);
	journal = calloc(1, (size_t)vfs->szOsFile);
	if (!journal)
		return SQLITE_NOMEM;
	rc = vfs->xOpen(vfs, sqlite3_filename_journal(sqlite3_db_filename(sql, "main")), journal,
		SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
	if (rc == SQLITE_OK)
		rc = journal->pMethods->xWrite(journal, no_header, sizeof no_header, 0);
	if (rc == SQLITE_OK)
		rc = journal->pMethods->xSync(journal, SQLITE_SYNC_NORMAL);
	if (rc == SQLITE_OK)
		rc = journal->pMethods->xTruncate(journal, 0);
	if (journal->pMethods)
		journal->pMethods->xClose(journal);
	free(journal);
	return rc;
}

int spool_rewrite(sqlite3 *sql, int page, bool has_wal)
{
	unsigned char *p = page > 0 ? malloc(FRAME_HEADER + 2 * (size_t)page) : NULL;
	sqlite3_file *wal, *db;
	int rc = SQLITE_NOMEM;

	sqlite3_file_control(sql, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
	sqlite3_file_control(sql, "main", SQLITE_FCNTL_FILE_POINTER, &db);
	if (p)
		rc = has_wal ? without_checkpoints(wal, db, p, page) : end_journal(sql);
	free(p);
	return rc;
}
