/* SPDX-License-Identifier: ISC */
/*
 * Repair after a failed fsync.
 *
 * The danger. A commit is durable because fsync(2) returned 0. When fsync(2) fails, Linux marks the pages that it could not write
 * as clean. Later reads still return their content, and no later fsync writes them: the next fsync returns 0 over a hole in the
 * file. SQLite reports the failed commit and rolls it back. It does not know about the hole, and builds the next commit on what it
 * reads. That commit is acknowledged. After a power cut the hole shows, and what was built on it is lost.
 *
 * What may be missing on the disk after a failed fsync:
 *   - frames of the write-ahead log (WAL): those of the failed commit, and those of earlier commits that nothing had synced
 *     (counters are committed without an fsync);
 *   - pages of the database that a checkpoint copied from the WAL;
 *   - names in the directory: of the database, the WAL, the journal;
 *   - bodies in a segment, which no committed row names;
 *   - without a WAL: the zeroed header that ends the rollback journal. SQLite writes the rest again when it rolls back.
 *
 * Other processes read the same page cache, so they too would build on the hole. Therefore the fact that an fsync failed must
 * outlive the process that saw it. Byte 0 of the lock file is a dirty flag: 1 while a process writes. A process sets it after it
 * took the lock and before its first write, and clears it before it releases the lock. A process that is killed, or that cannot
 * repair after a failed fsync, leaves it at 1. The next process repairs first. The flag itself is never synced: after a power cut
 * the page cache is empty, and each process reads what is on the disk.
 *
 *   state      dirty flag  fsync_failed  what happens next
 *   ---------  ----------  ------------  --------------------------------------------------------------------------------
 *   CLEAN      0           false         a process takes the lock and sets the flag                       -> WRITING
 *   WRITING    1 (own)     false         all is committed or rolled back; the flag is cleared             -> CLEAN
 *                                        SQLite reports an I/O error                                      -> FAILED
 *                                        the process is killed; the kernel releases its lock              -> ABANDONED
 *   FAILED     1 (own)     true          the repair succeeds                                              -> WRITING
 *                                        the repair fails; the lock is released with the flag set         -> ABANDONED
 *   ABANDONED  1 (found)   true          the next process with the lock repairs before it does anything   -> WRITING
 *                                        its repair fails: its transaction is refused, the flag stays     -> ABANDONED
 *
 * An I/O error of any kind counts as a failed fsync. A needless repair costs some milliseconds; a missing one costs events.
 *
 * The repair. It runs under the lock, inside a transaction that has written nothing. So no process writes, and SQLite knows
 * which journal there is.
 *   1. Sync the directory.
 *   2. With a WAL: read each of its frames and write it again as it is, which makes the page dirty in the page cache again. Do the
 *      same with the page of the database that the frame may have been copied to. Sync the WAL, then the database. In this order
 *      a power cut in between leaves a whole WAL, from which SQLite restores the pages.
 *      Without a WAL: end the journal again. No process is in a transaction, so no journal is needed. One that the disk still
 *      has would undo a commit that other processes have seen.
 *   3. Leave the segments that there are: the next long body goes to a new file (append.h). What rows name in them was synced before
 *      the rows were committed.
 *   4. Roll the empty transaction back.
 *
 * The tests: tests/crash/test_calls.py lets fsyncs fail, then cuts the power. They fail without this file.
 */
#include "spool/sqlite/repair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spool/sqlite/append.h"
#include "spool/sqlite/wal.h"

enum {
	CHECKPOINT_LOCK = 1,                /* WAL_CKPT_LOCK: walformat.html, section 2.3 */
	JOURNAL_HEADER = 28,                /* fileformat2.html, section 3: without its magic there is no journal */
};

static int rewrite_bytes(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	int rc = f->pMethods->xRead(f, p, n, at);

	return rc == SQLITE_OK ? f->pMethods->xWrite(f, p, n, at) : rc;
}

/* Writes a page of the database again. One beyond the file's end was never copied there. */
static int rewrite_page(sqlite3_file *db, unsigned char *p, int size, const unsigned char *number)
{
	sqlite3_int64 page = (sqlite3_int64)number[0] << 24 | number[1] << 16 | number[2] << 8 | number[3], end;
	int rc = db->pMethods->xFileSize(db, &end);

	return rc != SQLITE_OK || page == 0 || page * size > end ? rc : rewrite_bytes(db, p, size, (page - 1) * size);
}

/*
 * Writes the WAL again, and the pages that its frames were copied to. Stops at a frame with other salts than the header's: it is
 * older than the header, and was copied and synced before SQLite began the WAL anew. p has room for a frame, and for a page behind it.
 */
static int rewrite_wal(sqlite3_file *wal, sqlite3_file *db, unsigned char *p, int page)
{
	unsigned char salts[SPOOL_WAL_SALTS];
	int frame = SPOOL_WAL_FRAME_HEADER + page;
	bool ours = true;
	sqlite3_int64 end;
	int rc = wal->pMethods->xFileSize(wal, &end);

	if (rc != SQLITE_OK || end < SPOOL_WAL_HEADER)
		return rc;
	rc = rewrite_bytes(wal, p, SPOOL_WAL_HEADER, 0);
	memcpy(salts, p + SPOOL_WAL_HEADER_SALTS, SPOOL_WAL_SALTS);
	for (sqlite3_int64 at = SPOOL_WAL_HEADER; rc == SQLITE_OK && ours && at + frame <= end; at += frame) {
		rc = rewrite_bytes(wal, p, frame, at);
		ours = memcmp(p + SPOOL_WAL_FRAME_SALTS, salts, SPOOL_WAL_SALTS) == 0;
		if (rc == SQLITE_OK && ours)
			rc = rewrite_page(db, p + frame, page, p);
	}
	if (rc == SQLITE_OK)
		rc = wal->pMethods->xSync(wal, SQLITE_SYNC_NORMAL);
	return rc == SQLITE_OK ? db->pMethods->xSync(db, SQLITE_SYNC_NORMAL) : rc;
}

/* No process may copy pages during the repair, not even one that does not know our lock: its writes would be overwritten. */
static int without_checkpoints(sqlite3_file *wal, sqlite3_file *db, unsigned char *p, int page)
{
	int rc = db->pMethods->xShmLock(db, CHECKPOINT_LOCK, 1, SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE);

	if (rc != SQLITE_OK)
		return rc;
	rc = rewrite_wal(wal, db, p, page);
	db->pMethods->xShmLock(db, CHECKPOINT_LOCK, 1, SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE);
	return rc;
}

/* Zeros the journal's header and syncs that, before the journal is cut: half of an old one must not be taken for a whole one. */
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

static int rewrite_files(struct spool_db *db)
{
	int size = spool_db_pragma(db, "PRAGMA page_size"), rc = SQLITE_NOMEM;
	unsigned char *p = size > 0 ? malloc(SPOOL_WAL_FRAME_HEADER + 2 * (size_t)size) : NULL;
	sqlite3_file *wal, *file;

	sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
	sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_FILE_POINTER, &file);
	if (p)
		rc = db->wal ? without_checkpoints(wal, file, p, size) : end_journal(db->sql);
	free(p);
	return rc;
}

/* No process appends to the segments that there are. Older schemas have none. */
static bool leave_segment(struct spool_db *db)
{
	sqlite3_stmt *st;
	bool ok;

	if (spool_db_pragma(db, "SELECT count(*) FROM pragma_table_info('event') WHERE name = 'segment'") == 0)
		return true;
	if (sqlite3_prepare_v2(db->sql, "SELECT coalesce(max(segment), 0) FROM event WHERE segment IS NOT NULL", -1, &st, NULL) != SQLITE_OK)
		return false;
	ok = sqlite3_step(st) == SQLITE_ROW && spool_append_leave(db, sqlite3_column_int64(st, 0));
	sqlite3_finalize(st);
	return ok;
}

bool spool_repair(struct spool_db *db)
{
	if (!db->fsync_failed)
		return true;
	if (fsync(db->dir_fd) != 0 || !spool_db_exec(db, "BEGIN IMMEDIATE"))
		return false;
	db->fsync_failed = !spool_db_find_wal(db) || rewrite_files(db) != SQLITE_OK || !leave_segment(db);
	spool_db_exec(db, "ROLLBACK");
	return !db->fsync_failed;
}

void spool_repair_note_error(struct spool_db *db)
{
	if ((sqlite3_extended_errcode(db->sql) & 0xFF) == SQLITE_IOERR)
		db->fsync_failed = true;
}

bool spool_repair_read_flag(struct spool_db *db)
{
	char flag = 0;

	if (pread(db->lock_fd, &flag, 1, 0) < 0)
		return spool_db_fail_code(db, SQLITE_ERROR, "lock: %s", strerror(errno));
	db->dirty = flag;
	db->fsync_failed = db->fsync_failed || db->dirty;
	return true;
}

bool spool_repair_set_flag(struct spool_db *db)
{
	static const char flag = 1;

	db->dirty = db->dirty || pwrite(db->lock_fd, &flag, 1, 0) == 1;
	return db->dirty || spool_db_fail_code(db, SQLITE_ERROR, "lock: %s", strerror(errno));
}

void spool_repair_clear_flag(struct spool_db *db)
{
	if (db->dirty && !db->fsync_failed)
		(void)!pwrite(db->lock_fd, "", 1, 0); /* where that fails, the next process repairs needlessly */
}
