/* SPDX-License-Identifier: ISC */
/* The first event of each conversation: table conversation, which the relay fills. */
#include "spool/conversation.h"

#include "spool/query/delete.h"
#include "spool/stmt.h"

enum { BATCH = 1000 };

/* Finds the last event of the next batch; *to == *from: there is none. *more becomes true when there are events behind it. */
static bool next_unnoted(struct spool_db *db, int64_t *from, int64_t *to, bool *more)
{
	struct spool_stmt *st;
	int64_t settled;
	bool ok;

	if (!spool_db_settled(db, &settled) || !spool_stmt_prepare(db, "SELECT conversations, coalesce((SELECT max(id) FROM"
			" (SELECT id FROM event WHERE id > conversations AND id <= ?2 ORDER BY id LIMIT ?1) AS batch), conversations),"
			" coalesce((SELECT max(id) FROM event WHERE id <= ?2), 0) FROM spool", &st))
		return false;
	spool_stmt_bind_int(st, 1, BATCH);
	spool_stmt_bind_int(st, 2, settled);
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	*from = spool_stmt_int64(st, 0);
	*to = spool_stmt_int64(st, 1);
	*more = spool_stmt_int64(st, 2) > *to;
	spool_stmt_free(st);
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
	ok = spool_stmt_run(db, "INSERT INTO conversation(endpoint, conversation, event, last_at)"
			" SELECT endpoint, conversation, min(id), max(received_at) FROM event"
			" WHERE id > ?1 AND id <= ?2 AND conversation IS NOT NULL GROUP BY endpoint, conversation"
			" ON CONFLICT(endpoint, " SPOOL_STMT_HASHED "conversation) DO UPDATE SET last_at ="
			" CASE WHEN conversation.last_at > excluded.last_at THEN conversation.last_at ELSE excluded.last_at END", from, *noted) &&
		spool_stmt_run(db, "UPDATE spool SET conversations = ?2 WHERE conversations = ?1", from, *noted) && spool_db_commit(db);
	spool_db_end(db);
	return ok;
}

bool spool_conversation_first(struct spool_db *db, struct slice endpoint, struct slice conversation, int64_t event, bool *first)
{
	struct spool_stmt *st;
	enum spool_step rc;

	if (!spool_stmt_prepare(db, "SELECT event FROM conversation WHERE endpoint = ?1 AND " SPOOL_STMT_HASHED "conversation = " SPOOL_STMT_HASHED "?2", &st))
		return false;
	spool_stmt_bind_slice(st, 1, endpoint);
	spool_stmt_bind_slice(st, 2, conversation);
	rc = spool_stmt_step(st);
	if (rc == SPOOL_ROW || rc == SPOOL_DONE)
		*first = rc == SPOOL_ROW && spool_stmt_int64(st, 0) == event;
	spool_stmt_free(st);
	return rc == SPOOL_ROW || rc == SPOOL_DONE || spool_stmt_fail(db);
}

/* Notes all events, if any conversation is old: a newer event that is not noted yet keeps it. */
static bool note_all(struct spool_db *db, int64_t before)
{
	struct spool_stmt *st;
	bool ok, more;
	int64_t noted;

	if (!spool_stmt_prepare(db, "SELECT EXISTS(SELECT 1 FROM conversation WHERE last_at < ?1)", &st))
		return false;
	spool_stmt_bind_int(st, 1, before);
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	more = (int)spool_stmt_int64(st, 0);
	spool_stmt_free(st);
	while (ok && more)
		ok = spool_conversation_note(db, &noted, &more);
	return ok;
}

bool spool_conversation_purge(struct spool_db *db, const char *endpoint, int64_t before)
{
	struct spool_stmt *st = NULL;
	bool ok, low;

	if (!note_all(db, before) || !spool_delete_begin(db, &low))
		return false;
	/* events that came after note_all() are looked up in the table; they are few */
	ok = spool_stmt_prepare(db, "DELETE FROM conversation WHERE endpoint = ?1 AND last_at < ?2 AND (endpoint, conversation) NOT IN"
			" (SELECT endpoint, conversation FROM event WHERE id > (SELECT conversations FROM spool) AND conversation IS NOT NULL)",
			&st);
	spool_stmt_bind_text(st, 1, endpoint);
	spool_stmt_bind_int(st, 2, before);
	ok = ok && (spool_stmt_step(st) == SPOOL_DONE || spool_stmt_fail(db));
	spool_stmt_free(st);
	ok = ok && spool_db_commit(db);
	spool_delete_end(db, low);
	return ok;
}
