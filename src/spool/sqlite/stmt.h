/* SPDX-License-Identifier: ISC */
/* SQLite's statements, for stmt.h of src/spool: engine.h has what these functions do. */
#ifndef SPOOL_SQLITE_STMT_H
#define SPOOL_SQLITE_STMT_H

#include "spool/sqlite/db.h"

/* The statement that SQLite has of it. */
sqlite3_stmt *spool_sqlite_handle(struct spool_stmt *st);

struct spool_stmt *spool_sqlite_prepare(struct spool_db *db, const char *sql, bool kept);
void spool_sqlite_bind_int(struct spool_stmt *st, int parameter, int64_t value);
void spool_sqlite_bind_text(struct spool_stmt *st, int parameter, struct slice text);
void spool_sqlite_bind_blob(struct spool_stmt *st, int parameter, struct slice bytes);
enum spool_step spool_sqlite_step(struct spool_stmt *st);
int64_t spool_sqlite_int(struct spool_stmt *st, int column);
struct slice spool_sqlite_bytes(struct spool_stmt *st, int column);
const char *spool_sqlite_text(struct spool_stmt *st, int column);
bool spool_sqlite_is_null(struct spool_stmt *st, int column);
bool spool_sqlite_is_text(struct spool_stmt *st, int column);
void spool_sqlite_reset(struct spool_stmt *st);
void spool_sqlite_free(struct spool_stmt *st);
int64_t spool_sqlite_changes(struct spool_db *db);
void spool_sqlite_fail(struct spool_db *db);
void spool_sqlite_bound(struct spool_db *db, const int64_t *deadline);

#endif
