/* SPDX-License-Identifier: ISC */
/* SQLite's statements, for stmt.h of src/spool. */
#include "spool/sqlite/stmt.h"

#include <stdlib.h>

#include "core/clock.h"

enum { STEPS = 2000 }; /* of SQLite's machine between two looks at the clock: some 50 us */

struct sqlite_stmt {
	struct spool_stmt common;
	sqlite3_stmt *handle;
};

sqlite3_stmt *spool_sqlite_handle(struct spool_stmt *st)
{
	return ((struct sqlite_stmt *)st)->handle;
}

struct spool_stmt *spool_sqlite_prepare(struct spool_db *db, const char *sql, bool kept)
{
	struct sqlite_stmt *st = calloc(1, sizeof *st);

	if (!st) {
		spool_db_fail(db, SPOOL_ERROR_OTHER, "spool: memory is short");
		return NULL;
	}
	st->common.db = db;
	if (sqlite3_prepare_v3(db->sql, sql, -1, kept ? SQLITE_PREPARE_PERSISTENT : 0, &st->handle, NULL) == SQLITE_OK)
		return &st->common;
	spool_sqlite_fail(db);
	free(st);
	return NULL;
}

void spool_sqlite_bind_int(struct spool_stmt *st, int parameter, int64_t value)
{
	sqlite3_bind_int64(spool_sqlite_handle(st), parameter, value);
}

void spool_sqlite_bind_text(struct spool_stmt *st, int parameter, struct slice text)
{
	sqlite3_bind_text64(spool_sqlite_handle(st), parameter, text.p, text.n, SQLITE_STATIC, SQLITE_UTF8);
}

void spool_sqlite_bind_blob(struct spool_stmt *st, int parameter, struct slice bytes)
{
	sqlite3_bind_blob64(spool_sqlite_handle(st), parameter, bytes.p, bytes.n, SQLITE_STATIC);
}

enum spool_step spool_sqlite_step(struct spool_stmt *st)
{
	int rc = sqlite3_step(spool_sqlite_handle(st));

	return rc == SQLITE_ROW ? SPOOL_ROW : rc == SQLITE_DONE ? SPOOL_DONE : SPOOL_ERROR;
}

int64_t spool_sqlite_int(struct spool_stmt *st, int column)
{
	return sqlite3_column_int64(spool_sqlite_handle(st), column);
}

struct slice spool_sqlite_bytes(struct spool_stmt *st, int column)
{
	const void *p = sqlite3_column_blob(spool_sqlite_handle(st), column);

	return (struct slice){p, (size_t)sqlite3_column_bytes(spool_sqlite_handle(st), column)};
}

const char *spool_sqlite_text(struct spool_stmt *st, int column)
{
	return (const char *)sqlite3_column_text(spool_sqlite_handle(st), column);
}

bool spool_sqlite_is_null(struct spool_stmt *st, int column)
{
	return sqlite3_column_type(spool_sqlite_handle(st), column) == SQLITE_NULL;
}

bool spool_sqlite_is_text(struct spool_stmt *st, int column)
{
	return sqlite3_column_type(spool_sqlite_handle(st), column) == SQLITE_TEXT;
}

void spool_sqlite_reset(struct spool_stmt *st)
{
	sqlite3_reset(spool_sqlite_handle(st));
}

void spool_sqlite_free(struct spool_stmt *st)
{
	sqlite3_finalize(spool_sqlite_handle(st));
	free(st);
}

int64_t spool_sqlite_changes(struct spool_db *db)
{
	return sqlite3_changes(db->sql);
}

void spool_sqlite_fail(struct spool_db *db)
{
	spool_db_fail_code(db, sqlite3_errcode(db->sql), "spool: %s", sqlite3_errmsg(db->sql));
}

static int is_view_late(void *deadline)
{
	return clock_mono_us() > *(const int64_t *)deadline;
}

void spool_sqlite_bound(struct spool_db *db, const int64_t *deadline)
{
	sqlite3_progress_handler(db->sql, deadline ? STEPS : 0, deadline ? is_view_late : NULL, (void *)(uintptr_t)deadline);
}
