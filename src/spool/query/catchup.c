/* SPDX-License-Identifier: ISC */
/* Catch-ups: the tables catchup and catchup_item, and what tells of a gap. */
#include "spool/catchup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spool/program.h"
#include "spool/query/rows.h"
#include "spool/stmt.h"

#define COLUMNS "name, account, complete_until, run_from, run_until, cursor, tried_at, completed_at, not_before, error, error_since," \
	" found, last_found, found_from, found_until, requests"

static void read_catchup(struct spool_stmt *st, struct spool_catchup *c)
{
	c->complete_until = spool_stmt_time(st, 2);
	c->run_from = spool_stmt_time(st, 3);
	c->run_until = spool_stmt_time(st, 4);
	snprintf(c->cursor, sizeof c->cursor, "%s", spool_stmt_text(st, 5));
	c->tried_at = spool_stmt_time(st, 6);
	c->completed_at = spool_stmt_time(st, 7);
	c->not_before = spool_stmt_time(st, 8);
	snprintf(c->error, sizeof c->error, "%s", spool_stmt_text(st, 9));
	c->error_since = spool_stmt_time(st, 10);
	c->found = spool_stmt_count(st, 11);
	c->last_found = spool_stmt_count(st, 12);
	c->found_from = spool_stmt_time(st, 13);
	c->found_until = spool_stmt_time(st, 14);
	c->requests = spool_stmt_count(st, 15);
}

bool spool_catchup_read(struct spool_db *db, const char *name, const char *account, struct spool_catchup *c)
{
	struct spool_stmt *st;
	enum spool_step rc;

	*c = (struct spool_catchup){.name = name, .account = account};
	if (!spool_stmt_prepare(db, "SELECT " COLUMNS " FROM catchup WHERE name = ?1 AND account = ?2", &st))
		return false;
	spool_stmt_bind_text(st, 1, name);
	spool_stmt_bind_text(st, 2, account);
	rc = spool_stmt_step(st);
	if (rc == SPOOL_ROW)
		read_catchup(st, c);
	else if (rc != SPOOL_DONE)
		spool_stmt_fail(db);
	spool_stmt_free(st);
	return rc == SPOOL_ROW || rc == SPOOL_DONE;
}

static bool write_catchup(struct spool_db *db, const struct spool_catchup *c)
{
	const int64_t numbers[] = {c->complete_until, c->run_from, c->run_until, c->tried_at, c->completed_at, c->not_before, c->error_since,
		c->found, c->last_found, c->found_from, c->found_until, c->requests};
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, "INSERT INTO catchup(name, account, cursor, error, complete_until, run_from, run_until, tried_at,"
			" completed_at, not_before, error_since, found, last_found, found_from, found_until, requests)"
			" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) ON CONFLICT(name, account) DO UPDATE SET"
			" cursor = excluded.cursor, error = excluded.error, complete_until = excluded.complete_until, run_from = excluded.run_from,"
			" run_until = excluded.run_until, tried_at = excluded.tried_at, completed_at = excluded.completed_at,"
			" not_before = excluded.not_before, error_since = excluded.error_since, found = excluded.found,"
			" last_found = excluded.last_found, found_from = excluded.found_from, found_until = excluded.found_until,"
			" requests = excluded.requests", &st))
		return false;
	spool_stmt_bind_text(st, 1, c->name);
	spool_stmt_bind_text(st, 2, c->account);
	spool_stmt_bind_text(st, 3, c->cursor);
	spool_stmt_bind_text(st, 4, c->error);
	for (int i = 0; i < (int)(sizeof numbers / sizeof *numbers); i++)
		spool_stmt_bind_int(st, 5 + i, numbers[i]);
	ok = spool_stmt_step(st) == SPOOL_DONE || spool_stmt_fail(db);
	spool_stmt_free(st);
	return ok;
}

/* The hash of an item's id, as SQL; ?3 is the id. */
#define ITEM_HASH "key_hash((SELECT salt FROM spool), ?3)"

static void bind_item(struct spool_stmt *st, const struct spool_catchup *c, struct slice id)
{
	spool_stmt_bind_text(st, 1, c->name);
	spool_stmt_bind_text(st, 2, c->account);
	spool_stmt_bind_slice(st, 3, id);
}

static bool write_items(struct spool_db *db, const struct spool_catchup *c, const struct spool_catchup_item *items, size_t n, int64_t now)
{
	struct spool_stmt *st;
	bool ok = true;

	if (n == 0)
		return true;
	if (!spool_stmt_prepare(db, "INSERT INTO catchup_item(name, account, item, until, at) VALUES(?1, ?2, " ITEM_HASH ", ?4, ?5)"
			" ON CONFLICT(name, account, item) DO UPDATE SET until = excluded.until, at = excluded.at", &st))
		return false;
	for (size_t i = 0; ok && i < n; i++) {
		bind_item(st, c, items[i].id);
		spool_stmt_bind_int(st, 4, items[i].until);
		spool_stmt_bind_int(st, 5, now);
		ok = spool_stmt_step(st) == SPOOL_DONE || spool_stmt_fail(db);
		spool_stmt_reset(st);
	}
	spool_stmt_free(st);
	return ok;
}

bool spool_catchup_write(struct spool_db *db, const struct spool_catchup *c, const struct spool_catchup_item *items, size_t n, int64_t now)
{
	bool ok;

	if (!spool_db_begin(db, true))
		return false;
	ok = write_catchup(db, c) && write_items(db, c, items, n, now) && spool_db_commit(db);
	spool_db_end(db);
	return ok;
}

bool spool_catchup_item(struct spool_db *db, const struct spool_catchup *c, struct slice id, int64_t since, int64_t *until)
{
	struct spool_stmt *st;
	enum spool_step rc;

	*until = INT64_MIN;
	if (!spool_stmt_prepare(db, "SELECT until FROM catchup_item WHERE name = ?1 AND account = ?2 AND item = " ITEM_HASH " AND at >= ?4", &st))
		return false;
	bind_item(st, c, id);
	spool_stmt_bind_int(st, 4, since);
	rc = spool_stmt_step(st);
	if (rc == SPOOL_ROW)
		*until = spool_stmt_int64(st, 0);
	else if (rc != SPOOL_DONE)
		spool_stmt_fail(db);
	spool_stmt_free(st);
	return rc == SPOOL_ROW || rc == SPOOL_DONE;
}

/* Runs a deletion in a transaction; ?3, where the statement has it, is `before`. */
static bool delete_rows(struct spool_db *db, const struct spool_catchup *c, const char *sql, int64_t before)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, sql, &st))
		return false;
	spool_stmt_bind_text(st, 1, c->name);
	spool_stmt_bind_text(st, 2, c->account);
	spool_stmt_bind_int(st, 3, before);
	ok = spool_db_begin(db, true);
	if (ok) {
		ok = (spool_stmt_step(st) == SPOOL_DONE || spool_stmt_fail(db)) && spool_db_commit(db);
		spool_stmt_reset(st);
		spool_db_end(db);
	}
	spool_stmt_free(st);
	return ok;
}

bool spool_catchup_forget(struct spool_db *db, const struct spool_catchup *c, int64_t before)
{
	return delete_rows(db, c, "DELETE FROM catchup_item WHERE name = ?1 AND account = ?2 AND at < ?3", before);
}

bool spool_catchup_delete(struct spool_db *db, const struct spool_catchup *c)
{
	return spool_catchup_forget(db, c, INT64_MAX) &&
		delete_rows(db, c, "DELETE FROM catchup WHERE name = ?1 AND account = ?2 AND ?3 IS NOT NULL", 0);
}

struct spool_rows *spool_catchup_list(struct spool_db *db)
{
	return spool_rows_begin(db, "SELECT " COLUMNS " FROM catchup ORDER BY name, account");
}

bool spool_catchup_next(struct spool_rows *rows, struct spool_catchup *c)
{
	if (!spool_rows_step(rows))
		return false;
	*c = (struct spool_catchup){.name = spool_stmt_text(rows->st, 0), .account = spool_stmt_text(rows->st, 1)};
	read_catchup(rows->st, c);
	return true;
}

bool spool_catchup_has(struct spool_db *db, const char *endpoint, struct slice id, struct slice whole, bool *has)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, db->engine->ledger
			? "SELECT EXISTS(SELECT 1 FROM event_key WHERE endpoint = ?1 AND hash = key_hash((SELECT salt FROM spool), ?3))"
			  " OR EXISTS(SELECT 1 FROM event WHERE endpoint = ?1 AND key = ?2)" /* no index: that of an id that the bytes complete */
			: "SELECT EXISTS(SELECT 1 FROM event WHERE endpoint = ?1 AND key = ?2)"
			  " OR EXISTS(SELECT 1 FROM purged WHERE endpoint = ?1 AND key = key_hash((SELECT salt FROM spool), ?3))", &st))
		return false;
	spool_stmt_bind_text(st, 1, endpoint);
	spool_stmt_bind_slice(st, 2, id);
	spool_stmt_bind_slice(st, 3, whole);
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	*has = ok && (int)spool_stmt_int64(st, 0);
	spool_stmt_free(st);
	return ok;
}

enum { RECEIVERS_MAX = 64 }; /* beyond that, one of them runs in any case */

/* True when the receiver ran at that time. One that was killed has no end; one of another container may have ended. */
static bool ran_at(const struct spool_program *p, int64_t at)
{
	enum process_state state = p->ended_at ? PROCESS_GONE : process_look(&p->process);

	return p->started_at < at && (p->ended_at > at || state == PROCESS_RUNS || state == PROCESS_STOPPED);
}

/* The last start of a receiver at whose time no other ran. */
static bool find_start(struct spool_db *db, int64_t *at)
{
	struct spool_rows *rows = spool_program_list(db);
	struct spool_program *all = calloc(RECEIVERS_MAX, sizeof *all), p;
	size_t n = 0;

	*at = 0;
	while (spool_program_next(rows, &p))
		if (all && n < RECEIVERS_MAX && strcmp(p.role, SPOOL_PROGRAM_RECEIVER) == 0)
			all[n++] = p;
	for (size_t i = 0; i < n; i++) {
		bool alone = true;

		for (size_t k = 0; k < n; k++)
			alone = alone && !ran_at(&all[k], all[i].started_at);
		if (alone && all[i].started_at > *at)
			*at = all[i].started_at;
	}
	free(all);
	return spool_rows_end(rows);
}

bool spool_catchup_look(struct spool_db *db, const char *endpoint, struct spool_catchup_signs *signs)
{
	struct spool_stmt *st;
	bool ok;

	if (!find_start(db, &signs->started_at) ||
	    /* the outcomes that are answered 503, without the one whose event is stored: hook/outcome.c */
	    !spool_stmt_prepare(db, "SELECT (SELECT max(last_at) FROM counter WHERE endpoint = ?1 AND code IN ('unavailable', 'busy')),"
			" (SELECT max(last_at) FROM counter WHERE endpoint = ?1 AND code IN ('stored', 'duplicate'))", &st))
		return false;
	spool_stmt_bind_text(st, 1, endpoint);
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	signs->refused_at = spool_stmt_time(st, 0);
	signs->heard_at = spool_stmt_time(st, 1);
	spool_stmt_free(st);
	return ok;
}
