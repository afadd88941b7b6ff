/* SPDX-License-Identifier: ISC */
/* The first event of each conversation: table conversation, which the relay fills. */
#include "spool/conversation.h"

#include "spool/sqlite/delete.h"
#include "spool/sqlite/sql.h"

enum { BATCH = 1000 };

/* Finds the last event of the next batch; *to == *from: there is none. *more becomes true when there are events behind it. */
static bool next_unnoted(struct spool_db *db, int64_t *from, int64_t *to, bool *more)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "SELECT conversations, ifnull((SELECT max(id) FROM"
			" (SELECT id FROM event WHERE id > conversations ORDER BY id LIMIT ?1)), conversations),"
			" ifnull((SELECT max(id) FROM event), 0) FROM spool", &st))
		return false;
	sqlite3_bind_int(st, 1, BATCH);
	ok = sqlite3_step(st) == SQLITE_ROW || spool_sql_fail(db);
	*from = sqlite3_column_int64(st, 0);
	*to = sqlite3_column_int64(st, 1);
	*more = sqlite3_column_int64(st, 2) > *to;
	sqlite3_finalize(st);
	return ok;
}

bool spool_conversation_note(struct spool_db *db, int64_t *noted, bool *more)
{
	int64_t from;
	bool ok;

	if (!next_unnoted(db, &from, noted, more))
		return false;
	if (*noted == from)
		return true;
	if (!spool_db_begin(db, false))
		return false;
	ok = spool_sql_run(db, "INSERT INTO conversation SELECT endpoint, conversation, id, received_at FROM event"
			" WHERE id > ?1 AND id <= ?2 AND conversation IS NOT NULL ORDER BY id"
			" ON CONFLICT DO UPDATE SET last_at = max(last_at, excluded.last_at)", from, *noted) &&
		spool_sql_run(db, "UPDATE spool SET conversations = ?2 WHERE conversations = ?1", from, *noted) && spool_db_commit(db);
	spool_db_end(db);
	return ok;
}

bool spool_conversation_first(struct spool_db *db, struct slice endpoint, struct slice conversation, int64_t event, bool *first)
{
	sqlite3_stmt *st;
	int rc;

	if (!spool_sql_prepare(db, "SELECT event FROM conversation WHERE endpoint = ?1 AND conversation = ?2", &st))
		return false;
	sqlite3_bind_text64(st, 1, endpoint.p, endpoint.n, SQLITE_STATIC, SQLITE_UTF8);
	sqlite3_bind_text64(st, 2, conversation.p, conversation.n, SQLITE_STATIC, SQLITE_UTF8);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE)
		*first = rc == SQLITE_ROW && sqlite3_column_int64(st, 0) == event;
	sqlite3_finalize(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE || spool_sql_fail(db);
}

/* Notes all events, if any conversation is old: a newer event that is not noted yet keeps it. */
static bool note_all(struct spool_db *db, int64_t before)
{
	sqlite3_stmt *st;
	bool ok, more;
	int64_t noted;

	if (!spool_sql_prepare(db, "SELECT EXISTS(SELECT 1 FROM conversation WHERE last_at < ?1)", &st))
		return false;
	sqlite3_bind_int64(st, 1, before);
	ok = sqlite3_step(st) == SQLITE_ROW || spool_sql_fail(db);
	more = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	while (ok && more)
		ok = spool_conversation_note(db, &noted, &more);
	return ok;
}

bool spool_conversation_purge(struct spool_db *db, const char *endpoint, int64_t before)
{
	sqlite3_stmt *st = NULL;
	bool ok, low;

	if (!note_all(db, before) || !spool_delete_begin(db, &low))
		return false;
	/* events that came after note_all() are looked up in the table; they are few */
	ok = spool_sql_prepare(db, "DELETE FROM conversation WHERE endpoint = ?1 AND last_at < ?2 AND (endpoint, conversation) NOT IN"
			" (SELECT endpoint, conversation FROM event WHERE id > (SELECT conversations FROM spool) AND conversation IS NOT NULL)",
			&st);
	sqlite3_bind_text(st, 1, endpoint, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, before);
	ok = ok && (sqlite3_step(st) == SQLITE_DONE || spool_sql_fail(db));
	sqlite3_finalize(st);
	ok = ok && spool_db_commit(db);
	spool_delete_end(db, low);
	return ok;
}
