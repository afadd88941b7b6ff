/* SPDX-License-Identifier: ISC */
/* PostgreSQL's statements, for stmt.h of src/spool: engine.h has what these functions do. */
#ifndef SPOOL_PG_STMT_H
#define SPOOL_PG_STMT_H

#include "spool/engine.h"

struct spool_stmt *pg_stmt_prepare(struct spool_db *db, const char *sql, bool kept);
void pg_stmt_bind_int(struct spool_stmt *st, int parameter, int64_t value);
void pg_stmt_bind_bytes(struct spool_stmt *st, int parameter, struct slice bytes);
enum spool_step pg_stmt_step(struct spool_stmt *st);
int64_t pg_stmt_int(struct spool_stmt *st, int column);
struct slice pg_stmt_bytes(struct spool_stmt *st, int column);
const char *pg_stmt_text(struct spool_stmt *st, int column);
bool pg_stmt_is_null(struct spool_stmt *st, int column);
bool pg_stmt_is_text(struct spool_stmt *st, int column);
void pg_stmt_reset(struct spool_stmt *st);
void pg_stmt_free(struct spool_stmt *st);
int64_t pg_stmt_changes(struct spool_db *db);

#endif
