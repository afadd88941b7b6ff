/* SPDX-License-Identifier: ISC */
/* Writes the results of attempts, in batches, and notes a reply before it is sent. */
#include "spool/relay.h"

#include "spool/sqlite/ended.h"
#include "spool/sqlite/fsync.h"
#include "spool/sqlite/pause.h"
#include "spool/sqlite/sql.h"

/* The statements that record() runs. */
struct recorder {
	sqlite3_stmt *before, *attempt, *state, *cut, *forget, *forget_attempts, *reply;
	struct spool_ended *ended;
};

/* In each statement ?1 is the relay, and ?2 its event. */
static bool prepare_recorder(struct spool_db *db, struct recorder *r)
{
	return spool_sql_keep(db, "SELECT state, sink FROM relay WHERE id = ?1 AND event = ?2", &r->before) &&
		spool_sql_keep(db, "INSERT INTO attempt(relay, at, ms, status, error, answer) VALUES(?1, ?3, ?4, ?5, ?6, ?7)", &r->attempt) &&
		/* a dead letter's due is when it died: index relay_died. One that was dropped by hand stays as it is, but for a delivery */
		spool_sql_keep(db, "UPDATE relay SET state = iif(state = 0 OR ?3 = 1, ?3, state), due = iif(?3 = 1 OR (?3 = 0 AND state <> 0), due, ?4), attempts = attempts + 1,"
			" since = ?6, judge = ?5, sending = 0, was_state = iif(?3 = 0, was_state, 0), was_attempts = iif(?3 = 0, was_attempts, 0)"
			" WHERE id = ?1 AND event = ?2", &r->state) &&
		spool_sql_keep(db, "DELETE FROM attempt WHERE relay = ?1 AND id <= (SELECT id FROM attempt WHERE relay = ?1"
			" ORDER BY id DESC LIMIT 1 OFFSET ?3)", &r->cut) &&
		spool_sql_keep(db, "DELETE FROM relay WHERE id = ?1 AND event = ?2 AND state = 0", &r->forget) &&
		spool_sql_keep(db, "DELETE FROM attempt WHERE relay = ?1 AND NOT EXISTS(SELECT 1 FROM relay WHERE id = ?1)",
			&r->forget_attempts) &&
		spool_sql_keep(db, "INSERT INTO relay(event, sink, state, since, due, attempts, conversation, reply)"
			" SELECT e.id, ?3, 0, ?4, ?4, 0, iif(?5, e.conversation, NULL), ?6"
			" FROM relay AS r CROSS JOIN event AS e ON e.id = r.event WHERE r.id = ?1 AND r.event = ?2"
			" AND NOT EXISTS(SELECT 1 FROM relay WHERE event = e.id AND sink = ?3)", &r->reply);
}

static bool run_recorder(sqlite3_stmt *st, const struct spool_attempt *a)
{
	bool ok;

	sqlite3_bind_int64(st, 1, a->relay);
	if (sqlite3_bind_parameter_count(st) > 1)
		sqlite3_bind_int64(st, 2, a->event);
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_reset(st);
	return ok;
}

static bool write_attempt(sqlite3_stmt *st, const struct spool_attempt *a)
{
	sqlite3_bind_int64(st, 3, a->at);
	sqlite3_bind_int64(st, 4, a->ms);
	sqlite3_bind_int(st, 5, a->status);
	sqlite3_bind_text(st, 6, a->error, -1, SQLITE_STATIC);
	sqlite3_bind_blob64(st, 7, a->answer.p, a->answer.n, SQLITE_STATIC);
	return run_recorder(st, a);
}

static bool write_state(sqlite3_stmt *st, const struct spool_attempt *a)
{
	sqlite3_bind_int(st, 3, a->state);
	sqlite3_bind_int64(st, 4, a->due);
	sqlite3_bind_int(st, 5, a->unjudged);
	sqlite3_bind_int64(st, 6, a->since);
	return run_recorder(st, a);
}

static bool cut_attempts(sqlite3_stmt *st, const struct spool_attempt *a)
{
	sqlite3_bind_int(st, 3, SPOOL_ATTEMPTS_KEPT);
	return run_recorder(st, a);
}

static bool write_reply(sqlite3_stmt *st, const struct spool_attempt *a)
{
	sqlite3_bind_text(st, 3, a->reply_to->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, a->at + a->ms);
	sqlite3_bind_int(st, 5, a->reply_to->ordered);
	sqlite3_bind_text64(st, 6, a->reply.p, a->reply.n, SQLITE_STATIC, SQLITE_UTF8);
	return run_recorder(st, a);
}

/* Notes what becomes of the relay's state. *there becomes false where it is gone. */
static bool note_state(struct recorder *r, const struct spool_attempt *a, bool *there)
{
	sqlite3_stmt *st = r->before;
	int rc, state;
	bool ok = true;

	sqlite3_bind_int64(st, 1, a->relay);
	sqlite3_bind_int64(st, 2, a->event);
	rc = sqlite3_step(st);
	*there = rc == SQLITE_ROW;
	if (*there) {
		state = sqlite3_column_int(st, 0);
		ok = spool_ended_note(&r->ended, spool_sql_text(st, 1), state,
			state == SPOOL_RELAY_PENDING || a->state == SPOOL_RELAY_DONE ? (int)a->state : state);
	}
	sqlite3_reset(st);
	return ok && (*there || rc == SQLITE_DONE);
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

bool spool_relay_record(struct spool_db *db, const struct spool_attempt *first)
{
	struct recorder r = {0};
	bool ok = spool_ended_begin(db) && prepare_recorder(db, &r), begun = ok && spool_db_begin(db, false);

	ok = begun;
	for (const struct spool_attempt *a = first; ok && a; a = a->next)
		ok = record(db, &r, a) || spool_sql_fail(db);
	ok = ok && (spool_ended_add(db, r.ended) || spool_sql_fail(db)) && spool_db_commit(db);
	if (begun)
		spool_db_end(db);
	spool_ended_free(r.ended);
	return ok;
}

static bool write_sending(struct spool_db *db, struct spool_relay_key *key, int64_t now)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "UPDATE relay SET sending = ?3 WHERE id = ?1 AND event = ?2 AND state = 0", &st))
		return false;
	sqlite3_bind_int64(st, 1, key->relay);
	sqlite3_bind_int64(st, 2, key->event);
	sqlite3_bind_int64(st, 3, now);
	ok = sqlite3_step(st) == SQLITE_DONE || spool_sql_fail(db);
	key->pending = ok && sqlite3_changes(db->sql) > 0;
	sqlite3_finalize(st);
	return ok;
}

bool spool_relay_sending(struct spool_db *db, struct spool_relay_key *key, int64_t now)
{
	bool ok = spool_fsync_commits(db, true) || spool_sql_fail(db), begun = ok && spool_db_begin(db, false);

	ok = begun && write_sending(db, key, now) && spool_db_commit(db);
	if (begun)
		spool_db_end(db);
	spool_fsync_commits(db, false);
	return ok;
}
