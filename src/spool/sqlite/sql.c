/* SPDX-License-Identifier: ISC */
/* Helpers for all that reads and writes the spool's tables. */
#include "spool/sqlite/sql.h"

bool spool_sql_fail(struct spool_db *db)
{
	return spool_db_fail(db, sqlite3_errcode(db->sql), "spool: %s", sqlite3_errmsg(db->sql));
}

bool spool_sql_prepare(struct spool_db *db, const char *sql, sqlite3_stmt **st)
{
	return sqlite3_prepare_v2(db->sql, sql, -1, st, NULL) == SQLITE_OK || spool_sql_fail(db);
}

bool spool_sql_keep(struct spool_db *db, const char *sql, sqlite3_stmt **st)
{
	size_t i = 0;

	while (i < SPOOL_DB_KEPT && db->kept[i].sql && db->kept[i].sql != sql)
		i++;
	*st = NULL;
	if (i == SPOOL_DB_KEPT)
		return spool_db_fail(db, SQLITE_ERROR, "spool: too many statements are kept");
	if (!db->kept[i].sql && sqlite3_prepare_v3(db->sql, sql, -1, SQLITE_PREPARE_PERSISTENT, &db->kept[i].st, NULL) != SQLITE_OK)
		return spool_sql_fail(db);
	db->kept[i].sql = sql;
	*st = db->kept[i].st;
	return true;
}

bool spool_sql_run(struct spool_db *db, const char *sql, int64_t one, int64_t two)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, sql, &st))
		return false;
	sqlite3_bind_int64(st, 1, one);
	sqlite3_bind_int64(st, 2, two);
	ok = sqlite3_step(st) == SQLITE_DONE || spool_sql_fail(db);
	sqlite3_finalize(st);
	return ok;
}

void spool_sql_bind_slice(sqlite3_stmt *st, int i, struct slice v)
{
	sqlite3_bind_text64(st, i, v.p, v.n, SQLITE_STATIC, SQLITE_UTF8);
}

void spool_sql_bind_body(sqlite3_stmt *st, int i, struct slice body)
{
	if (body.n)
		sqlite3_bind_blob64(st, i, body.p, body.n, SQLITE_STATIC);
	else
		sqlite3_bind_zeroblob(st, i, 0); /* not NULL */
}

struct slice spool_sql_slice(sqlite3_stmt *st, int column)
{
	return (struct slice){sqlite3_column_blob(st, column), (size_t)sqlite3_column_bytes(st, column)};
}

struct slice spool_sql_stored_text(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_TEXT ? spool_sql_present(st, column) : (struct slice){0};
}

const char *spool_sql_text(sqlite3_stmt *st, int column)
{
	const unsigned char *text = sqlite3_column_text(st, column);

	return text ? (const char *)text : "";
}

struct slice spool_sql_present(sqlite3_stmt *st, int column)
{
	struct slice s = spool_sql_slice(st, column);

	return s.p ? s : (struct slice){"", 0};
}

int64_t spool_sql_number(sqlite3_stmt *st, int column, int64_t min, int64_t max)
{
	int64_t v = sqlite3_column_int64(st, column);

	return v < min ? min : v > max ? max : v;
}

int64_t spool_sql_time(sqlite3_stmt *st, int column)
{
	return spool_sql_number(st, column, -62135596800000, 253402300799999);
}

int64_t spool_sql_count(sqlite3_stmt *st, int column)
{
	return spool_sql_number(st, column, 0, 1000000000000000);
}

int spool_sql_int(sqlite3_stmt *st, int column)
{
	return (int)spool_sql_number(st, column, 0, 1000000);
}

enum spool_source spool_sql_source(sqlite3_stmt *st, int column)
{
	int source = sqlite3_column_int(st, column);

	return source == SPOOL_SOURCE_CATCH_UP || source == SPOOL_SOURCE_OWN ? (enum spool_source)source : SPOOL_SOURCE_WEBHOOK;
}
