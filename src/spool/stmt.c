/* SPDX-License-Identifier: ISC */
/* Statements of SQL, which the connection's engine runs, and the kinds of their values. */
#include "spool/stmt.h"

#include <string.h>

bool spool_stmt_fail(struct spool_db *db)
{
	db->engine->fail(db);
	return false;
}

bool spool_stmt_prepare(struct spool_db *db, const char *sql, struct spool_stmt **st)
{
	*st = db->engine->prepare(db, sql, false);
	return *st != NULL;
}

bool spool_stmt_keep(struct spool_db *db, const char *sql, struct spool_stmt **st)
{
	size_t i = 0;

	while (i < SPOOL_DB_KEPT && db->kept[i].sql && db->kept[i].sql != sql)
		i++;
	*st = NULL;
	if (i == SPOOL_DB_KEPT)
		return spool_db_fail(db, SPOOL_ERROR_OTHER, "spool: too many statements are kept");
	if (!db->kept[i].sql && !(db->kept[i].st = db->engine->prepare(db, sql, true)))
		return false;
	db->kept[i].sql = sql;
	*st = db->kept[i].st;
	return true;
}

bool spool_stmt_run(struct spool_db *db, const char *sql, int64_t one, int64_t two)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, sql, &st))
		return false;
	spool_stmt_bind_int(st, 1, one);
	spool_stmt_bind_int(st, 2, two);
	ok = spool_stmt_step(st) == SPOOL_DONE || spool_stmt_fail(db);
	spool_stmt_free(st);
	return ok;
}

bool spool_stmt_exec(struct spool_db *db, const char *sql)
{
	return db->engine->exec(db, sql);
}

void spool_stmt_bind_int(struct spool_stmt *st, int i, int64_t value)
{
	if (st)
		st->db->engine->bind_int(st, i, value);
}

void spool_stmt_bind_text(struct spool_stmt *st, int i, const char *text)
{
	spool_stmt_bind_slice(st, i, (struct slice){text, text ? strlen(text) : 0});
}

void spool_stmt_bind_slice(struct spool_stmt *st, int i, struct slice text)
{
	if (st)
		st->db->engine->bind_text(st, i, text);
}

void spool_stmt_bind_blob(struct spool_stmt *st, int i, struct slice bytes)
{
	if (st)
		st->db->engine->bind_blob(st, i, bytes);
}

enum spool_step spool_stmt_step(struct spool_stmt *st)
{
	return st ? st->db->engine->step(st) : SPOOL_ERROR;
}

void spool_stmt_reset(struct spool_stmt *st)
{
	if (st)
		st->db->engine->reset(st);
}

void spool_stmt_free(struct spool_stmt *st)
{
	if (st)
		st->db->engine->free(st);
}

int64_t spool_stmt_changes(struct spool_db *db)
{
	return db->engine->changes(db);
}

struct slice spool_stmt_slice(struct spool_stmt *st, int column)
{
	return st->db->engine->column_bytes(st, column);
}

int64_t spool_stmt_int64(struct spool_stmt *st, int column)
{
	return st ? st->db->engine->column_int(st, column) : 0;
}

bool spool_stmt_is_null(struct spool_stmt *st, int column)
{
	return st->db->engine->column_is_null(st, column);
}

struct slice spool_stmt_stored_text(struct spool_stmt *st, int column)
{
	return st->db->engine->column_is_text(st, column) ? spool_stmt_present(st, column) : (struct slice){0};
}

const char *spool_stmt_text(struct spool_stmt *st, int column)
{
	const char *text = st->db->engine->column_text(st, column);

	return text ? text : "";
}

struct slice spool_stmt_present(struct spool_stmt *st, int column)
{
	struct slice s = spool_stmt_slice(st, column);

	return s.p ? s : (struct slice){"", 0};
}

int64_t spool_stmt_number(struct spool_stmt *st, int column, int64_t min, int64_t max)
{
	int64_t v = spool_stmt_int64(st, column);

	return v < min ? min : v > max ? max : v;
}

int64_t spool_stmt_time(struct spool_stmt *st, int column)
{
	return spool_stmt_number(st, column, -62135596800000, 253402300799999);
}

int64_t spool_stmt_count(struct spool_stmt *st, int column)
{
	return spool_stmt_number(st, column, 0, 1000000000000000);
}

int spool_stmt_int(struct spool_stmt *st, int column)
{
	return (int)spool_stmt_number(st, column, 0, 1000000);
}

enum spool_source spool_stmt_source(struct spool_stmt *st, int column)
{
	int64_t source = spool_stmt_int64(st, column);

	return source == SPOOL_SOURCE_CATCH_UP || source == SPOOL_SOURCE_OWN ? (enum spool_source)source : SPOOL_SOURCE_WEBHOOK;
}
