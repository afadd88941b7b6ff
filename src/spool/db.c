/* SPDX-License-Identifier: ISC */
/* A connection to the spool: calls the engine that holds it. */
#include "spool/db.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "conf/place.h"
#include "spool/engine.h"

bool spool_db_fail(struct spool_db *db, enum spool_error kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(db->error, sizeof db->error, fmt, ap);
	va_end(ap);
	db->kind = kind;
	return false;
}

const char *spool_db_error(const struct spool_db *db)
{
	return db ? db->error : "memory is short";
}

enum spool_error spool_db_error_kind(const struct spool_db *db)
{
	return db->kind;
}

struct spool_db *spool_db_new(void)
{
	struct spool_db *db = calloc(1, sizeof *db);

	if (db)
		db->lock_fd = db->dir_fd = db->relay_lock_fd = -1;
	return db;
}

bool spool_db_exists(const char *place)
{
	return place_is_server(place) || spool_sqlite_engine.exists(place);
}

bool spool_db_open(struct spool_db *db, const char *place, enum journal journal, enum spool_access access)
{
	char why[sizeof db->error];

	db->kind = SPOOL_ERROR_OTHER;
	db->engine = spool_engine_find(place, why, sizeof why);
	return db->engine ? db->engine->open(db, place, journal, access) : spool_db_fail(db, SPOOL_ERROR_OTHER, "%s", why);
}

void spool_db_close(struct spool_db *db)
{
	if (!db->engine)
		return;
	for (size_t i = 0; i < SPOOL_DB_KEPT; i++) {
		if (db->kept[i].st)
			db->engine->free(db->kept[i].st);
		db->kept[i].sql = NULL;
		db->kept[i].st = NULL;
	}
	db->engine->close(db);
	db->halt = NULL;
	db->housekeeping = db->contended = db->counts_ended = false;
}

void spool_db_free(struct spool_db *db)
{
	if (!db)
		return;
	spool_db_close(db);
	if (db->relay_lock_fd >= 0)
		close(db->relay_lock_fd);
	free(db);
}

bool spool_db_begin(struct spool_db *db, bool urgent)
{
	return db->engine->begin(db, urgent);
}

bool spool_db_commit(struct spool_db *db)
{
	return db->engine->commit(db);
}

void spool_db_end(struct spool_db *db)
{
	db->engine->end(db);
}

bool spool_db_durable(struct spool_db *db, bool on)
{
	return db->engine->durable(db, on);
}

void spool_db_snapshot(struct spool_db *db, bool on)
{
	db->engine->snapshot(db, on);
}

bool spool_db_contended(const struct spool_db *db)
{
	return db->contended;
}

int64_t spool_db_version(struct spool_db *db)
{
	return db->engine->version(db);
}

bool spool_db_settled(struct spool_db *db, int64_t *id)
{
	return db->engine->settled(db, id);
}

bool spool_db_moved(struct spool_db *db)
{
	return db->engine->moved(db);
}

bool spool_db_in_place(struct spool_db *db)
{
	return !spool_db_moved(db) || spool_db_fail(db, SPOOL_ERROR_OTHER,
		"the spool was moved or replaced: events go to another file now; run this again");
}
