/* SPDX-License-Identifier: ISC */
/* PostgreSQL's part of a connection to the spool: engine.h has what these functions do. */
#ifndef SPOOL_PG_DB_H
#define SPOOL_PG_DB_H

#include "spool/engine.h"

bool pg_db_open(struct spool_db *db, const char *place, enum journal journal, enum spool_access access);
void pg_db_close(struct spool_db *db);
bool pg_db_begin(struct spool_db *db, bool urgent);
bool pg_db_commit(struct spool_db *db);
void pg_db_end(struct spool_db *db);
bool pg_db_durable(struct spool_db *db, bool on);
bool pg_db_begin_deletion(struct spool_db *db, bool *low);
void pg_db_end_deletion(struct spool_db *db, bool low);
bool pg_db_nothing(struct spool_db *db); /* for what PostgreSQL does by itself; true */
void pg_db_rest(struct spool_db *db);
void pg_db_fail(struct spool_db *db);
void pg_db_snapshot(struct spool_db *db, bool on);
int64_t pg_db_version(struct spool_db *db);
bool pg_db_moved(struct spool_db *db);
bool pg_db_settled(struct spool_db *db, int64_t *id);
void pg_db_bound(struct spool_db *db, const int64_t *deadline);

/* The kind of file that a spool has: of inspect.h, view.h and totals.h. */
void pg_db_disk(struct spool_db *db, int64_t *bytes, int64_t *free_bytes);
bool pg_db_try(struct spool_db *db);
int64_t pg_db_size(struct spool_db *db);
bool pg_db_inspect(struct spool_db *db, bool deep, struct spool_faults *faults);

#endif
