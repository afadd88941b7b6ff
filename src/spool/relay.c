/* SPDX-License-Identifier: ISC */
/* The relays of a spool: calls the engine that holds it. */
#include "spool/relay.h"

#include <stdio.h>

#include "spool/relaying.h"
#include "spool/stmt.h"

struct spool_relay_iter *spool_relay_due(struct spool_db *db, const char *sink, int64_t now, const struct spool_relay_cursor *from,
	spool_relay_skip *skip, const void *ctx)
{
	return db->engine->relaying->due(db, sink, now, from, skip, ctx);
}

struct spool_relay_iter *spool_relay_find(struct spool_db *db, const struct spool_relay_key *keys, size_t n)
{
	return db->engine->relaying->find(db, keys, n);
}

bool spool_relay_next(struct spool_relay_iter *it, struct spool_relay_row *row)
{
	return it && it->db->engine->relaying->next(it, row);
}

bool spool_relay_end(struct spool_relay_iter *it, struct spool_relay_cursor *cursor, bool *more)
{
	*more = false;
	return it && it->db->engine->relaying->end(it, cursor, more);
}

bool spool_relay_pending(struct spool_db *db, struct spool_relay_key *keys, size_t n)
{
	return db->engine->relaying->pending(db, keys, n);
}

bool spool_relay_record(struct spool_db *db, const struct spool_attempt *first)
{
	return db->engine->relaying->record(db, first);
}

bool spool_relay_sending(struct spool_db *db, struct spool_relay_key *key, int64_t now)
{
	return db->engine->relaying->sending(db, key, now);
}

bool spool_relay_doubt(struct spool_db *db, int64_t *n)
{
	return db->engine->relaying->doubt(db, n);
}

int spool_relay_listen(struct spool_db *db)
{
	return db->engine->relaying->listen ? db->engine->relaying->listen(db) : -1;
}

bool spool_relay_heard(struct spool_db *db)
{
	return db->engine->relaying->heard && db->engine->relaying->heard(db);
}

bool spool_relay_next_due(struct spool_db *db, const char *sink, int64_t now, int64_t *due)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_keep(db, "SELECT min(due) FROM relay WHERE sink = ?1 AND state = 0 AND due > ?2", &st))
		return false;
	spool_stmt_bind_text(st, 1, sink);
	spool_stmt_bind_int(st, 2, now);
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	*due = spool_stmt_time(st, 0);
	spool_stmt_reset(st);
	return ok;
}

bool spool_relay_name(struct spool_db *db, char name[16])
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, "SELECT name FROM spool", &st))
		return false;
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	if (ok)
		snprintf(name, 16, "%s", spool_stmt_text(st, 0));
	spool_stmt_free(st);
	return ok;
}
