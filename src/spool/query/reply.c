/* SPDX-License-Identifier: ISC */
/* Adds an answer to an event as a relay to a sink that sends answers. */
#include "spool/reply.h"

#include "spool/stmt.h"

/* Finds the relay that is there. One whose attempt is under way counts as pending, also when it was dropped. */
static bool find_reply(struct spool_db *db, const struct sink *sink, int64_t event, struct spool_reply *out)
{
	struct spool_stmt *st;
	bool ok;
	enum spool_step rc;

	if (!spool_stmt_prepare(db, "SELECT id, CASE WHEN sending <> 0 THEN 0 ELSE state END FROM relay WHERE event = ?1 AND sink = ?2", &st))
		return false;
	spool_stmt_bind_int(st, 1, event);
	spool_stmt_bind_text(st, 2, sink->name);
	rc = spool_stmt_step(st);
	ok = rc == SPOOL_ROW || rc == SPOOL_DONE || spool_stmt_fail(db);
	if (rc == SPOOL_ROW) {
		out->delivery = spool_stmt_int64(st, 0);
		out->state = (enum spool_relay_state)spool_stmt_number(st, 1, SPOOL_RELAY_PENDING, SPOOL_RELAY_DEAD);
	}
	spool_stmt_free(st);
	return ok;
}

static bool insert_reply(struct spool_db *db, const struct sink *sink, int64_t event, struct slice text, int64_t now, struct spool_reply *out)
{
	struct spool_stmt *st;
	enum spool_step rc;

	if (!spool_stmt_prepare(db, "INSERT INTO relay(event, sink, state, since, due, attempts, conversation, reply)"
			" SELECT id, ?2, 0, ?3, ?3, 0, CASE WHEN ?4 <> 0 THEN conversation END, ?5 FROM event WHERE id = ?1 ON CONFLICT DO NOTHING RETURNING id", &st))
		return false;
	spool_stmt_bind_int(st, 1, event);
	spool_stmt_bind_text(st, 2, sink->name);
	spool_stmt_bind_int(st, 3, now);
	spool_stmt_bind_int(st, 4, sink->ordered);
	spool_stmt_bind_slice(st, 5, text);
	rc = spool_stmt_step(st);
	out->added = rc == SPOOL_ROW;
	if (out->added)
		out->delivery = spool_stmt_int64(st, 0);
	else if (rc != SPOOL_DONE)
		spool_stmt_fail(db);
	spool_stmt_free(st);
	return rc != SPOOL_ERROR;
}

/*
 * Adds the relay in the place of the one that was there, which keeps its attempts. The new one has another id: the relay process may
 * have read the old one ahead, and would send its text.
 */
static bool replace_reply(struct spool_db *db, const struct sink *sink, int64_t event, struct slice text, int64_t now, struct spool_reply *out)
{
	int64_t old = out->delivery;

	/* an event has one delivery to a sink: until it is deleted, the old one belongs to an event that never is */
	if (old && !spool_stmt_run(db, "UPDATE relay SET event = -event WHERE id = ?1 AND event IN (SELECT id FROM event) AND ?2 IS NOT NULL", old, 0))
		return false;
	if (!insert_reply(db, sink, event, text, now, out))
		return false;
	if (!out->added) /* there is no such event, or another command was faster */
		return find_reply(db, sink, event, out);
	return !old || (spool_stmt_run(db, "UPDATE attempt SET relay = ?2 WHERE relay = ?1", old, out->delivery) &&
		spool_stmt_run(db, "DELETE FROM relay WHERE id = ?1 AND id <> ?2", old, out->delivery));
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
