/* SPDX-License-Identifier: ISC */
/* Counts what the spool has. */
#include "spool/totals.h"

#include <sys/stat.h>

#include "spool/sqlite/rows.h"
#include "spool/sqlite/sql.h"

static int64_t file_size(struct spool_db *db, const char *name)
{
	struct stat st;

	return fstatat(db->dir_fd, name, &st, 0) == 0 ? (int64_t)st.st_size : 0;
}

int64_t spool_totals_bytes(struct spool_db *db)
{
	return file_size(db, "hookspool.db") + file_size(db, "hookspool.db-wal");
}

bool spool_totals_read(struct spool_db *db, struct spool_totals *t)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "SELECT (SELECT count(*) FROM event), (SELECT received_at FROM event ORDER BY id LIMIT 1),"
			" (SELECT received_at FROM event ORDER BY id DESC LIMIT 1)", &st))
		return false;
	ok = sqlite3_step(st) == SQLITE_ROW;
	*t = (struct spool_totals){spool_sql_count(st, 0), spool_sql_time(st, 1), spool_sql_time(st, 2),
		spool_totals_bytes(db)};
	sqlite3_finalize(st);
	return ok || spool_sql_fail(db);
}

bool spool_totals_ahead(struct spool_db *db, int64_t now, int64_t *events, int64_t *latest)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "SELECT count(*), ifnull(max(received_at), 0) FROM"
			" (SELECT received_at FROM event ORDER BY id DESC LIMIT 1000) WHERE received_at > ?1", &st))
		return false;
	sqlite3_bind_int64(st, 1, now);
	ok = sqlite3_step(st) == SQLITE_ROW || spool_sql_fail(db);
	*events = sqlite3_column_int64(st, 0);
	*latest = sqlite3_column_int64(st, 1);
	sqlite3_finalize(st);
	return ok;
}

bool spool_totals_last(struct spool_db *db, const char *endpoint, int64_t *at)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "SELECT max(last_at) FROM counter WHERE endpoint = ?1 AND code IN ('stored', 'duplicate', 'altered', 'ignored')", &st))
		return false;
	sqlite3_bind_text(st, 1, endpoint, -1, SQLITE_STATIC);
	ok = sqlite3_step(st) == SQLITE_ROW || spool_sql_fail(db);
	*at = spool_sql_time(st, 0);
	sqlite3_finalize(st);
	return ok;
}

struct spool_rows *spool_totals_counters(struct spool_db *db)
{
	return spool_rows_begin(db, "SELECT endpoint, code, secret, n, last_at, bytes FROM counter ORDER BY endpoint, code, secret");
}

bool spool_totals_next(struct spool_rows *rows, struct spool_counter *c)
{
	if (!spool_rows_step(rows))
		return false;
	*c = (struct spool_counter){
		.endpoint = spool_sql_text(rows->st, 0),
		.code = spool_sql_text(rows->st, 1),
		.secret = sqlite3_column_int64(rows->st, 2),
		.n = spool_sql_count(rows->st, 3),
		.last_at = spool_sql_time(rows->st, 4),
		.bytes = spool_sql_count(rows->st, 5),
	};
	return true;
}
