/* SPDX-License-Identifier: ISC */
/* Adds an answer to an event as a relay to a sink that sends answers. */
#include "spool/reply.h"

#include "spool/sqlite/sql.h"

/* Finds the relay that is there. One whose attempt is under way counts as pending, also when it was dropped. */
static bool find_reply(struct spool_db *db, const struct sink *sink, int64_t event, struct spool_reply *out)
{
	sqlite3_stmt *st;
	bool ok;
	int rc;

	if (!spool_sql_prepare(db, "SELECT id, iif(sending, 0, state) FROM relay WHERE event = ?1 AND sink = ?2", &st))
		return false;
	sqlite3_bind_int64(st, 1, event);
	sqlite3_bind_text(st, 2, sink->name, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	ok = rc == SQLITE_ROW || rc == SQLITE_DONE || spool_sql_fail(db);
	if (rc == SQLITE_ROW) {
		out->delivery = sqlite3_column_int64(st, 0);
		out->state = (enum spool_relay_state)spool_sql_number(st, 1, SPOOL_RELAY_PENDING, SPOOL_RELAY_DEAD);
	}
	sqlite3_finalize(st);
	return ok;
}

static bool insert_reply(struct spool_db *db, const struct sink *sink, int64_t event, struct slice text, int64_t now, struct spool_reply *out)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "INSERT INTO relay(event, sink, state, since, due, attempts, conversation, reply)"
			" SELECT id, ?2, 0, ?3, ?3, 0, iif(?4, conversation, NULL), ?5 FROM event WHERE id = ?1", &st))
		return false;
	sqlite3_bind_int64(st, 1, event);
	sqlite3_bind_text(st, 2, sink->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, now);
	sqlite3_bind_int(st, 4, sink->ordered);
	sqlite3_bind_text64(st, 5, text.p, text.n, SQLITE_STATIC, SQLITE_UTF8);
	ok = sqlite3_step(st) == SQLITE_DONE || spool_sql_fail(db);
	out->added = ok && sqlite3_changes(db->sql) > 0;
	sqlite3_finalize(st);
	return ok;
}

/*
 * Adds the relay in the place of the one that was there, which keeps its attempts. The new one has another id: the relay process may
 * have read the old one ahead, and would send its text.
 */
static bool replace_reply(struct spool_db *db, const struct sink *sink, int64_t event, struct slice text, int64_t now, struct spool_reply *out)
{
	int64_t old = out->delivery;

	if (!insert_reply(db, sink, event, text, now, out))
		return false;
	if (out->added)
		out->delivery = sqlite3_last_insert_rowid(db->sql);
	return !old || (spool_sql_run(db, "UPDATE attempt SET relay = ?2 WHERE relay = ?1", old, out->delivery) &&
		spool_sql_run(db, "DELETE FROM relay WHERE id = ?1 AND id <> ?2", old, out->delivery));
}

bool spool_reply_put(struct spool_db *db, const struct sink *sink, int64_t event, struct slice text, bool again, int64_t now,
	struct spool_reply *out)
{
	bool ok;

	*out = (struct spool_reply){0};
	if (!spool_db_begin(db, true))
		return false;
	ok = find_reply(db, sink, event, out);
	if (ok && (!out->delivery || (again && out->state != SPOOL_RELAY_PENDING)))
		ok = replace_reply(db, sink, event, text, now, out) && spool_db_commit(db);
	spool_db_end(db);
	if (!ok)
		out->added = false;
	return ok;
}
