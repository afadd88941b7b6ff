/* SPDX-License-Identifier: ISC */
/* The relays of a spool: which are due, and what became of an attempt. */
#include "spool/relay.h"

#include <stdio.h>
#include <stdlib.h>

#include "spool/sqlite/sql.h"

enum { LOOK_MOST = 1000 /* relays that one reading looks at */ };

/* What read_row() reads. */
#define COLUMNS "r.id, r.due, r.attempts, e.id, e.received_at, e.endpoint, e.event, e.key, e.account, e.sender_id, e.sender_name," \
	" e.conversation, e.sent_at, e.headers, e.body, r.since, r.judge, r.reply, r.state, r.sink"

static void read_row(sqlite3_stmt *st, struct spool_relay_row *r)
{
	r->id = sqlite3_column_int64(st, 0);
	r->due = spool_sql_time(st, 1);
	r->since = spool_sql_time(st, 15);
	r->attempts = spool_sql_int(st, 2);
	r->judge = sqlite3_column_int(st, 16);
	r->reply = spool_sql_slice(st, 17);
	r->state = (enum spool_relay_state)sqlite3_column_int(st, 18);
	r->sink = spool_sql_slice(st, 19);
	r->event = (struct spool_row){
		.id = sqlite3_column_int64(st, 3),
		.received_at = spool_sql_time(st, 4),
		.endpoint = spool_sql_present(st, 5),
		.event = spool_sql_present(st, 6),
		.key = spool_sql_slice(st, 7),
		.account = spool_sql_slice(st, 8),
		.sender_id = spool_sql_slice(st, 9),
		.sender_name = spool_sql_slice(st, 10),
		.conversation = spool_sql_slice(st, 11),
		.sent_at = spool_sql_slice(st, 12),
		.headers = spool_sql_present(st, 13),
		.body = spool_sql_present(st, 14),
	};
}

struct spool_relay_iter {
	struct spool_db *db;
	sqlite3_stmt *st;
	struct spool_relay_cursor at;
	int looked;
	bool done, failed;
	const struct spool_relay_key *keys; /* of spool_relay_find(); NULL: it is spool_relay_due() */
	size_t n_keys;
};

static struct spool_relay_iter *new_iter(struct spool_db *db)
{
	struct spool_relay_iter *it = calloc(1, sizeof *it);

	if (it)
		it->db = db;
	else
		spool_db_fail(db, SQLITE_NOMEM, "spool: memory is short");
	return it;
}

struct spool_relay_iter *spool_relay_due(struct spool_db *db, const char *sink, int64_t now, const struct spool_relay_cursor *from)
{
	struct spool_relay_iter *it = new_iter(db);

	if (!it)
		return NULL;
	it->at = *from;
	it->failed = !spool_sql_prepare(db, "SELECT " COLUMNS
			/* one that waits for an older one of its conversation comes without its event */
			" FROM relay AS r INDEXED BY relay_due LEFT JOIN event AS e ON e.id = iif(EXISTS(SELECT 1 FROM relay AS o"
			" WHERE o.sink = r.sink AND o.conversation = r.conversation AND o.state = 0 AND o.id < r.id), NULL, r.event)"
			" WHERE r.sink = ?1 AND r.state = 0 AND r.due <= ?2 AND (r.due, r.id) > (?3, ?4)"
			" ORDER BY r.due, r.id", &it->st);
	sqlite3_bind_text(it->st, 1, sink, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int64(it->st, 2, now);
	sqlite3_bind_int64(it->st, 3, from->due);
	sqlite3_bind_int64(it->st, 4, from->id);
	return it;
}

struct spool_relay_iter *spool_relay_find(struct spool_db *db, const struct spool_relay_key *keys, size_t n)
{
	struct spool_relay_iter *it = new_iter(db);

	if (!it)
		return NULL;
	it->keys = keys;
	it->n_keys = n;
	it->failed = !spool_sql_prepare(db, "SELECT " COLUMNS " FROM relay AS r JOIN event AS e ON e.id = r.event"
		" WHERE r.id = ?1 AND r.event = ?2", &it->st);
	return it;
}

static bool next_found(struct spool_relay_iter *it, struct spool_relay_row *row)
{
	int rc = SQLITE_DONE;

	while (!it->failed && it->n_keys && rc == SQLITE_DONE) {
		sqlite3_reset(it->st);
		sqlite3_bind_int64(it->st, 1, it->keys->relay);
		sqlite3_bind_int64(it->st, 2, it->keys->event);
		it->keys++;
		it->n_keys--;
		rc = sqlite3_step(it->st);
	}
	if (rc == SQLITE_ROW)
		read_row(it->st, row);
	else if (rc != SQLITE_DONE)
		it->failed = !spool_sql_fail(it->db);
	return rc == SQLITE_ROW;
}

bool spool_relay_next(struct spool_relay_iter *it, struct spool_relay_row *row)
{
	int rc = SQLITE_ROW;

	if (it && it->keys)
		return next_found(it, row);
	while (it && !it->failed && !it->done && it->looked < LOOK_MOST && (rc = sqlite3_step(it->st)) == SQLITE_ROW) {
		read_row(it->st, row);
		it->at = (struct spool_relay_cursor){row->due, row->id};
		it->looked++;
		if (row->event.id)
			return true;
	}
	if (rc == SQLITE_DONE)
		it->done = true;
	else if (rc != SQLITE_ROW)
		it->failed = !spool_sql_fail(it->db);
	return false;
}

bool spool_relay_end(struct spool_relay_iter *it, struct spool_relay_cursor *cursor, bool *more)
{
	bool ok = it && !it->failed;

	*more = ok && !it->done;
	if (it) {
		*cursor = it->at;
		sqlite3_finalize(it->st);
	}
	free(it);
	return ok;
}

bool spool_relay_next_due(struct spool_db *db, const char *sink, int64_t now, int64_t *due)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "SELECT min(due) FROM relay WHERE sink = ?1 AND state = 0 AND due > ?2", &st))
		return false;
	sqlite3_bind_text(st, 1, sink, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, now);
	ok = sqlite3_step(st) == SQLITE_ROW || spool_sql_fail(db);
	*due = spool_sql_time(st, 0);
	sqlite3_finalize(st);
	return ok;
}

static bool any_after(struct spool_db *db, const char *sink, int64_t latest, bool *any)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "SELECT max(due) FROM relay WHERE sink = ?1 AND state = 0", &st))
		return false;
	sqlite3_bind_text(st, 1, sink, -1, SQLITE_STATIC);
	ok = sqlite3_step(st) == SQLITE_ROW || spool_sql_fail(db);
	*any = ok && sqlite3_column_int64(st, 0) > latest;
	sqlite3_finalize(st);
	return ok;
}

static bool write_due(struct spool_db *db, const char *sink, int64_t now, int64_t latest)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "UPDATE relay SET due = ?2, since = min(since, ?2) WHERE sink = ?1 AND state = 0 AND due > ?3", &st))
		return false;
	sqlite3_bind_text(st, 1, sink, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, now);
	sqlite3_bind_int64(st, 3, latest);
	ok = sqlite3_step(st) == SQLITE_DONE || spool_sql_fail(db);
	sqlite3_finalize(st);
	return ok;
}

bool spool_relay_unwait(struct spool_db *db, const char *sink, int64_t now, int64_t latest, int64_t *n)
{
	bool any, ok;

	*n = 0;
	if (!any_after(db, sink, latest, &any))
		return false;
	if (!any)
		return true;
	if (!spool_db_begin(db, false))
		return false;
	ok = write_due(db, sink, now, latest);
	if (ok)
		*n = sqlite3_changes(db->sql);
	ok = ok && spool_db_commit(db);
	spool_db_end(db);
	return ok;
}

bool spool_relay_pending(struct spool_db *db, struct spool_relay_key *keys, size_t count)
{
	sqlite3_stmt *st;
	bool ok = true;
	int rc;

	if (!spool_sql_prepare(db, "SELECT 1 FROM relay WHERE id = ?1 AND event = ?2 AND state = 0", &st))
		return false;
	/* in one transaction: each begins with calls of the system */
	sqlite3_exec(db->sql, "BEGIN", NULL, NULL, NULL);
	for (size_t i = 0; ok && i < count; i++) {
		sqlite3_reset(st);
		sqlite3_bind_int64(st, 1, keys[i].relay);
		sqlite3_bind_int64(st, 2, keys[i].event);
		rc = sqlite3_step(st);
		keys[i].pending = rc == SQLITE_ROW;
		ok = rc == SQLITE_ROW || rc == SQLITE_DONE || spool_sql_fail(db);
	}
	sqlite3_finalize(st);
	sqlite3_exec(db->sql, "COMMIT", NULL, NULL, NULL);
	return ok;
}

/* The statements that record(). */
struct recorder {
	sqlite3_stmt *attempt, *state, *cut, *forget, *forget_attempts, *reply, *pause, *go_on;
};

/* The first two parameters of each are the relay and its event. */
static bool prepare_recorder(struct spool_db *db, struct recorder *r)
{
	return spool_sql_prepare(db, "INSERT INTO attempt(relay, at, ms, status, error, answer) SELECT ?1, ?3, ?4, ?5, ?6, ?7"
			" WHERE EXISTS(SELECT 1 FROM relay WHERE id = ?1 AND event = ?2)", &r->attempt) &&
		spool_sql_prepare(db, "UPDATE relay SET state = iif(state = 0 OR ?3 = 1, ?3, state), due = ?4, attempts = attempts + 1,"
			" since = ?6, judge = ?5, sending = 0, was_state = iif(?3 = 0, was_state, 0), was_attempts = iif(?3 = 0, was_attempts, 0)"
			" WHERE id = ?1 AND event = ?2", &r->state) &&
		spool_sql_prepare(db, "DELETE FROM attempt WHERE relay = ?1 AND id <= (SELECT id FROM attempt WHERE relay = ?1"
			" ORDER BY id DESC LIMIT 1 OFFSET ?3)", &r->cut) &&
		spool_sql_prepare(db, "DELETE FROM relay WHERE id = ?1 AND event = ?2", &r->forget) &&
		spool_sql_prepare(db, "DELETE FROM attempt WHERE relay = ?1 AND NOT EXISTS(SELECT 1 FROM relay WHERE id = ?1)",
			&r->forget_attempts) &&
		spool_sql_prepare(db, "INSERT INTO relay(event, sink, state, since, due, attempts, conversation, reply)"
			" SELECT e.id, ?3, 0, ?4, ?4, 0, iif(?5, e.conversation, NULL), ?6"
			" FROM relay AS r CROSS JOIN event AS e ON e.id = r.event WHERE r.id = ?1 AND r.event = ?2"
			" AND NOT EXISTS(SELECT 1 FROM relay WHERE event = e.id AND sink = ?3)", &r->reply) &&
		spool_sql_prepare(db, "INSERT OR REPLACE INTO pause(sink, until, failures) VALUES(?1, ?2, ?3)", &r->pause) &&
		spool_sql_prepare(db, "DELETE FROM pause WHERE sink = ?1", &r->go_on);
}

static void free_recorder(struct recorder *r)
{
	sqlite3_finalize(r->attempt);
	sqlite3_finalize(r->state);
	sqlite3_finalize(r->cut);
	sqlite3_finalize(r->forget);
	sqlite3_finalize(r->forget_attempts);
	sqlite3_finalize(r->reply);
	sqlite3_finalize(r->pause);
	sqlite3_finalize(r->go_on);
}

static bool run(sqlite3_stmt *st, const struct spool_attempt *a)
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
	return run(st, a);
}

static bool write_state(sqlite3_stmt *st, const struct spool_attempt *a)
{
	sqlite3_bind_int(st, 3, a->state);
	sqlite3_bind_int64(st, 4, a->due);
	sqlite3_bind_int(st, 5, a->unjudged);
	sqlite3_bind_int64(st, 6, a->since);
	return run(st, a);
}

static bool cut_attempts(sqlite3_stmt *st, const struct spool_attempt *a)
{
	sqlite3_bind_int(st, 3, SPOOL_ATTEMPTS_KEPT);
	return run(st, a);
}

static bool write_reply(sqlite3_stmt *st, const struct spool_attempt *a)
{
	sqlite3_bind_text(st, 3, a->reply_to->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 4, a->at + a->ms);
	sqlite3_bind_int(st, 5, a->reply_to->ordered);
	sqlite3_bind_text64(st, 6, a->reply.p, a->reply.n, SQLITE_STATIC, SQLITE_UTF8);
	return run(st, a);
}

static bool write_pause(const struct recorder *r, const struct spool_attempt *a)
{
	sqlite3_stmt *st = a->pause_until ? r->pause : r->go_on;
	bool ok;

	sqlite3_bind_text(st, 1, a->pauses, -1, SQLITE_STATIC);
	if (a->pause_until) {
		sqlite3_bind_int64(st, 2, a->pause_until);
		sqlite3_bind_int(st, 3, a->pause_failures);
	}
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_reset(st);
	return ok;
}

static bool record(const struct recorder *r, const struct spool_attempt *a)
{
	if (a->pauses && !write_pause(r, a))
		return false;
	if (a->state == RELAY_UNWANTED)
		return run(r->forget, a) && run(r->forget_attempts, a);
	return write_attempt(r->attempt, a) && write_state(r->state, a) && cut_attempts(r->cut, a) &&
		(!a->reply_to || write_reply(r->reply, a));
}

bool spool_relay_record(struct spool_db *db, const struct spool_attempt *first)
{
	struct recorder r = {0};
	bool ok = prepare_recorder(db, &r), begun = ok && spool_db_begin(db, false);

	ok = begun;
	for (const struct spool_attempt *a = first; ok && a; a = a->next)
		ok = record(&r, a) || spool_sql_fail(db);
	free_recorder(&r);
	ok = ok && spool_db_commit(db);
	if (begun)
		spool_db_end(db);
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
	bool ok = spool_db_sync(db, true) || spool_sql_fail(db), begun = ok && spool_db_begin(db, false);

	ok = begun && write_sending(db, key, now) && spool_db_commit(db);
	if (begun)
		spool_db_end(db);
	spool_db_sync(db, false);
	return ok;
}

bool spool_relay_doubt(struct spool_db *db, int64_t *count)
{
	bool ok;

	if (!spool_db_begin(db, true))
		return false;
	ok = sqlite3_exec(db->sql, "INSERT INTO attempt(relay, at, ms, status, error) SELECT id, sending, 0, 0,"
		" 'the relay ended meanwhile; it may have arrived' FROM relay WHERE sending <> 0;"
		"UPDATE relay SET state = 2, attempts = attempts + 1, sending = 0, was_state = 0 WHERE sending <> 0", NULL, NULL, NULL) == SQLITE_OK ||
		spool_sql_fail(db);
	*count = sqlite3_changes(db->sql);
	ok = ok && spool_db_commit(db);
	spool_db_end(db);
	return ok;
}

/* Small differences are no other clock: an event is stored a moment after it is received, and a relay's clock is read before. */
#define AHEAD "state = 0 AND due > ?1 + 60000 AND (attempts = 0 OR ?2 > 0)"

static bool find_times(struct spool_db *db, int64_t now, int64_t back, int64_t *last_attempt, bool *wrong)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "SELECT ifnull((SELECT at + ms FROM attempt ORDER BY id DESC LIMIT 1), 0),"
			" EXISTS(SELECT 1 FROM relay WHERE " AHEAD "), EXISTS(SELECT 1 FROM pause)", &st))
		return false;
	sqlite3_bind_int64(st, 1, now);
	sqlite3_bind_int64(st, 2, back);
	ok = sqlite3_step(st) == SQLITE_ROW || spool_sql_fail(db);
	*last_attempt = sqlite3_column_int64(st, 0);
	*wrong = sqlite3_column_int(st, 1) || sqlite3_column_int(st, 2);
	sqlite3_finalize(st);
	return ok;
}

static bool mend_times(struct spool_db *db, int64_t now, int64_t back, int64_t *changed)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "UPDATE relay SET due = iif(attempts = 0, ?1, max(?1, due - ?2)), since = min(?1, since - ?2) WHERE " AHEAD, &st))
		return false;
	sqlite3_bind_int64(st, 1, now);
	sqlite3_bind_int64(st, 2, back);
	ok = sqlite3_step(st) == SQLITE_DONE;
	*changed = sqlite3_changes(db->sql);
	sqlite3_finalize(st);
	return (ok && sqlite3_exec(db->sql, "DELETE FROM pause", NULL, NULL, NULL) == SQLITE_OK) || spool_sql_fail(db);
}

bool spool_relay_begin(struct spool_db *db, int64_t now, int64_t back, int64_t *last_attempt, int64_t *changed)
{
	bool ok, wrong;

	*changed = 0;
	if (!find_times(db, now, back, last_attempt, &wrong))
		return false;
	if (!wrong)
		return true;
	if (!spool_db_begin(db, true))
		return false;
	ok = mend_times(db, now, back, changed) && spool_db_commit(db);
	spool_db_end(db);
	return ok;
}

bool spool_relay_name(struct spool_db *db, char name[16])
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "SELECT name FROM spool", &st))
		return false;
	ok = sqlite3_step(st) == SQLITE_ROW || spool_sql_fail(db);
	if (ok)
		snprintf(name, 16, "%s", spool_sql_text(st, 0));
	sqlite3_finalize(st);
	return ok;
}
