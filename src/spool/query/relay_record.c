/* SPDX-License-Identifier: ISC */
/* Writes the results of attempts, in batches, and notes a reply before it is sent. */
#include "spool/relaying.h"

#include "spool/query/ended.h"
#include "spool/query/pause.h"
#include "spool/stmt.h"

/* The statements that record() runs. */
struct recorder {
	struct spool_stmt *before, *attempt, *state, *cut, *forget, *forget_attempts, *reply;
	struct spool_ended *ended;
};

/* In each statement ?1 is the relay, and ?2 its event. */
static bool prepare_recorder(struct spool_db *db, struct recorder *r)
{
	return spool_stmt_keep(db, "SELECT state, sink FROM relay WHERE id = ?1 AND event = ?2", &r->before) &&
		spool_stmt_keep(db, "INSERT INTO attempt(relay, at, ms, status, error, answer) VALUES(?1, ?3, ?4, ?5, ?6, ?7)", &r->attempt) &&
		/* a dead letter's due is when it died: index relay_died. One that was dropped by hand stays as it is, but for a delivery */
		spool_stmt_keep(db, "UPDATE relay SET state = CASE WHEN state = 0 OR ?3 = 1 THEN ?3 ELSE state END,"
			" due = CASE WHEN ?3 = 1 OR (?3 = 0 AND state <> 0) THEN due ELSE ?4 END, attempts = attempts + 1,"
			" since = ?6, judge = ?5, sending = 0, was_state = CASE WHEN ?3 = 0 THEN was_state ELSE 0 END,"
			" was_attempts = CASE WHEN ?3 = 0 THEN was_attempts ELSE 0 END"
			" WHERE id = ?1 AND event = ?2", &r->state) &&
		spool_stmt_keep(db, "DELETE FROM attempt WHERE relay = ?1 AND id <= (SELECT id FROM attempt WHERE relay = ?1"
			" ORDER BY id DESC LIMIT 1 OFFSET ?3)", &r->cut) &&
		spool_stmt_keep(db, "DELETE FROM relay WHERE id = ?1 AND event = ?2 AND state = 0", &r->forget) &&
		spool_stmt_keep(db, "DELETE FROM attempt WHERE relay = ?1 AND NOT EXISTS(SELECT 1 FROM relay WHERE id = ?1) AND ?2 IS NOT NULL",
			&r->forget_attempts) &&
		spool_stmt_keep(db, "INSERT INTO relay(event, sink, state, since, due, attempts, conversation, reply)"
			" SELECT e.id, ?3, 0, ?4, ?4, 0, CASE WHEN ?5 <> 0 THEN e.conversation END, ?6"
			" FROM relay AS r CROSS JOIN event AS e ON e.id = r.event WHERE r.id = ?1 AND r.event = ?2"
			" AND NOT EXISTS(SELECT 1 FROM relay WHERE event = e.id AND sink = ?3)", &r->reply);
}

static bool run_recorder(struct spool_stmt *st, const struct spool_attempt *a)
{
	bool ok;

	spool_stmt_bind_int(st, 1, a->relay);
	spool_stmt_bind_int(st, 2, a->event);
	ok = spool_stmt_step(st) == SPOOL_DONE;
	spool_stmt_reset(st);
	return ok;
}

static bool write_attempt(struct spool_stmt *st, const struct spool_attempt *a)
{
	spool_stmt_bind_int(st, 3, a->at);
	spool_stmt_bind_int(st, 4, a->ms);
	spool_stmt_bind_int(st, 5, a->status);
	spool_stmt_bind_text(st, 6, a->error);
	spool_stmt_bind_blob(st, 7, a->answer);
	return run_recorder(st, a);
}

static bool write_state(struct spool_stmt *st, const struct spool_attempt *a)
{
	spool_stmt_bind_int(st, 3, a->state);
	spool_stmt_bind_int(st, 4, a->due);
	spool_stmt_bind_int(st, 5, a->unjudged);
	spool_stmt_bind_int(st, 6, a->since);
	return run_recorder(st, a);
}

static bool cut_attempts(struct spool_stmt *st, const struct spool_attempt *a)
{
	spool_stmt_bind_int(st, 3, SPOOL_ATTEMPTS_KEPT);
	return run_recorder(st, a);
}

static bool write_reply(struct spool_stmt *st, const struct spool_attempt *a)
{
	spool_stmt_bind_text(st, 3, a->reply_to->name);
	spool_stmt_bind_int(st, 4, a->at + a->ms);
	spool_stmt_bind_int(st, 5, a->reply_to->ordered);
	spool_stmt_bind_slice(st, 6, a->reply);
	return run_recorder(st, a);
}

/* Notes what becomes of the relay's state. *there becomes false where it is gone. */
static bool note_state(struct recorder *r, const struct spool_attempt *a, bool *there)
{
	struct spool_stmt *st = r->before;
	int rc, state;
	bool ok = true;

	spool_stmt_bind_int(st, 1, a->relay);
	spool_stmt_bind_int(st, 2, a->event);
	rc = spool_stmt_step(st);
	*there = rc == SPOOL_ROW;
	if (*there) {
		state = (int)spool_stmt_int64(st, 0);
		ok = spool_ended_note(&r->ended, spool_stmt_text(st, 1), state,
			state == SPOOL_RELAY_PENDING || a->state == SPOOL_RELAY_DONE ? (int)a->state : state);
	}
	spool_stmt_reset(st);
	return ok && (*there || rc == SPOOL_DONE);
}

static bool record(struct spool_db *db, struct recorder *r, const struct spool_attempt *a)
{
	bool there;

	if (a->pauses && !spool_pause_write(db, a->pauses, a->pause_until, a->pause_failures))
		return false;
	if (a->state == SPOOL_RELAY_UNWANTED)
		return run_recorder(r->forget, a) && run_recorder(r->forget_attempts, a);
	if (!note_state(r, a, &there))
		return false;
	return !there || (write_state(r->state, a) && write_attempt(r->attempt, a) && cut_attempts(r->cut, a) &&
		(!a->reply_to || write_reply(r->reply, a)));
}

bool spool_query_record(struct spool_db *db, const struct spool_attempt *first)
{
	struct recorder r = {0};
	bool ok = spool_ended_begin(db) && prepare_recorder(db, &r), begun = ok && spool_db_begin(db, false);

	ok = begun;
	for (const struct spool_attempt *a = first; ok && a; a = a->next)
		ok = record(db, &r, a) || spool_stmt_fail(db);
	ok = ok && (spool_ended_add(db, r.ended) || spool_stmt_fail(db)) && spool_db_commit(db);
	if (begun)
		spool_db_end(db);
	spool_ended_free(r.ended);
	return ok;
}

static bool write_sending(struct spool_db *db, struct spool_relay_key *key, int64_t now)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, "UPDATE relay SET sending = ?3 WHERE id = ?1 AND event = ?2 AND state = 0", &st))
		return false;
	spool_stmt_bind_int(st, 1, key->relay);
	spool_stmt_bind_int(st, 2, key->event);
	spool_stmt_bind_int(st, 3, now);
	ok = spool_stmt_step(st) == SPOOL_DONE || spool_stmt_fail(db);
	key->pending = ok && spool_stmt_changes(db) > 0;
	spool_stmt_free(st);
	return ok;
}

bool spool_query_sending(struct spool_db *db, struct spool_relay_key *key, int64_t now)
{
	bool ok = spool_db_durable(db, true) || spool_stmt_fail(db), begun = ok && spool_db_begin(db, false);

	ok = begun && write_sending(db, key, now) && spool_db_commit(db);
	if (begun)
		spool_db_end(db);
	spool_db_durable(db, false);
	return ok;
}
