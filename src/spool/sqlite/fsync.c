/* SPDX-License-Identifier: ISC */
/* When SQLite waits for the disk: with PRAGMA synchronous it calls fsync(2) in each commit. */
#include "spool/sqlite/fsync.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "spool/sqlite/dir.h"

/* https://sqlite.org/pragma.html#pragma_synchronous: EXTRA also syncs the directory after a rollback journal is gone. */
bool spool_fsync_begin(struct spool_db *db)
{
#ifdef F_FULLFSYNC /* macOS: https://sqlite.org/pragma.html#pragma_fullfsync */
	if (!spool_db_exec(db, "PRAGMA fullfsync=ON") || !spool_db_exec(db, "PRAGMA checkpoint_fullfsync=ON"))
		return false;
#endif
	return spool_db_exec(db, db->wal ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=EXTRA");
}

bool spool_fsync_commits(struct spool_db *db, bool on)
{
	return !db->wal || spool_db_exec(db, on ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
}

bool spool_fsync_names(struct spool_db *db, const char *path, enum journal journal, bool new_log)
{
	bool made = new_log;

	if (journal == JOURNAL_DELETE && !spool_dir_make_file(db->dir_fd, "hookspool.db-journal", &made))
		return spool_db_fail_code(db, SQLITE_ERROR, "%s: %s", path, strerror(errno));
	if (!made)
		return true;
	if (spool_db_pragma(db, "PRAGMA user_version") < 0)
		return spool_db_fail_sql(db, "schema version");
	if (fsync(db->dir_fd) == 0)
		return true;
	db->fsync_failed = true;
	return spool_db_fail_code(db, SQLITE_ERROR, "%s: %s", path, strerror(errno));
}
