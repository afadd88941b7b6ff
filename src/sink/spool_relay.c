/* The relays of a spool: which are due, and what became of an attempt. */
#include "sink/spool_relay.h"

#include <stdio.h>

const char *const spool_relay_states[] = {[RELAY_PENDING] = "pending", [RELAY_DONE] = "delivered", [RELAY_DEAD] = "dead"};

static bool fail(struct spool_db *db, char *why, size_t n)
{
	snprintf(why, n, "relays: %s", sqlite3_errmsg(db->sql));
	return false;
}

static bool prepare(struct spool_db *db, const char *sql, sqlite3_stmt **st, char *why, size_t n)
{
	return sqlite3_prepare_v2(db->sql, sql, -1, st, NULL) == SQLITE_OK || fail(db, why, n);
}

static struct slice column(sqlite3_stmt *st, int i)
{
	return (struct slice){sqlite3_column_blob(st, i), (size_t)sqlite3_column_bytes(st, i)};
}

static void read_row(sqlite3_stmt *st, struct spool_relay_row *r)
{
	r->id = sqlite3_column_int64(st, 0);
	r->due = sqlite3_column_int64(st, 1);
	r->since = sqlite3_column_int64(st, 15);
	r->attempts = sqlite3_column_int(st, 2);
	r->event = (struct spool_row){
		.id = sqlite3_column_int64(st, 3),
		.received_at = sqlite3_column_int64(st, 4),
		.endpoint = column(st, 5),
		.event = column(st, 6),
		.key = column(st, 7),
		.account = column(st, 8),
		.sender_id = column(st, 9),
		.sender_name = column(st, 10),
		.conversation = column(st, 11),
		.sent_at = column(st, 12),
		.headers = column(st, 13),
		.body = column(st, 14),
	};
}

bool spool_relay_due(struct spool_db *db, const char *sink, int64_t now, struct spool_relay_cursor *cursor, int limit,
	void (*visit)(void *ctx, const struct spool_relay_row *r), void *ctx, int *found, char *why, size_t n)
{
	struct spool_relay_row r;
	sqlite3_stmt *st;
	int rc;

	*found = 0;
	if (!prepare(db, "SELECT r.id, r.due, r.attempts, e.id, e.received_at, e.endpoint, e.event, e.key, e.account, e.sender_id,"
			" e.sender_name, e.conversation, e.sent_at, e.headers, e.body, r.since"
			" FROM relay AS r INDEXED BY relay_due CROSS JOIN event AS e ON e.id = r.event"
			" WHERE r.sink = ?1 AND r.state = 0 AND r.due <= ?2 AND (r.due, r.id) > (?3, ?4)"
			" AND NOT EXISTS(SELECT 1 FROM relay AS o WHERE o.sink = r.sink AND o.conversation = r.conversation"
			" AND o.state = 0 AND o.id < r.id)"
			" ORDER BY r.due, r.id LIMIT ?5", &st, why, n))
		return false;
	sqlite3_bind_text(st, 1, sink, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, now);
	sqlite3_bind_int64(st, 3, cursor->due);
	sqlite3_bind_int64(st, 4, cursor->id);
	sqlite3_bind_int(st, 5, limit);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		read_row(st, &r);
		*cursor = (struct spool_relay_cursor){r.due, r.id};
		++*found;
		visit(ctx, &r);
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE || fail(db, why, n);
}

bool spool_relay_next(struct spool_db *db, const char *sink, int64_t now, int64_t *due, char *why, size_t n)
{
	sqlite3_stmt *st;
	bool ok;

	if (!prepare(db, "SELECT min(due) FROM relay WHERE sink = ?1 AND state = 0 AND due > ?2", &st, why, n))
		return false;
	sqlite3_bind_text(st, 1, sink, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, now);
	ok = sqlite3_step(st) == SQLITE_ROW || fail(db, why, n);
	*due = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return ok;
}

static bool write_attempt(sqlite3_stmt *st, const struct spool_attempt *a)
{
	bool ok;

	sqlite3_bind_int64(st, 1, a->relay);
	sqlite3_bind_int64(st, 2, a->at);
	sqlite3_bind_int64(st, 3, a->ms);
	sqlite3_bind_int(st, 4, a->status);
	sqlite3_bind_text(st, 5, a->error, -1, SQLITE_STATIC);
	sqlite3_bind_blob64(st, 6, a->answer.p, a->answer.n, SQLITE_STATIC);
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_reset(st);
	return ok;
}

static bool write_state(sqlite3_stmt *st, const struct spool_attempt *a)
{
	bool ok;

	sqlite3_bind_int64(st, 1, a->relay);
	sqlite3_bind_int(st, 2, a->state);
	sqlite3_bind_int64(st, 3, a->due);
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_reset(st);
	return ok;
}

static bool cut_attempts(sqlite3_stmt *st, const struct spool_attempt *a)
{
	bool ok;

	sqlite3_bind_int64(st, 1, a->relay);
	sqlite3_bind_int(st, 2, SPOOL_ATTEMPTS_KEPT);
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_reset(st);
	return ok;
}

bool spool_relay_record(struct spool_db *db, const struct spool_attempt *first, char *why, size_t n)
{
	sqlite3_stmt *attempt = NULL, *state = NULL, *cut = NULL;
	const struct spool_attempt *a = first;
	bool ok;

	if (!spool_db_begin(db, false, why, n))
		return false;
	ok = prepare(db, "INSERT INTO attempt(relay, at, ms, status, error, answer) SELECT ?1, ?2, ?3, ?4, ?5, ?6"
			" WHERE EXISTS(SELECT 1 FROM relay WHERE id = ?1)", &attempt, why, n) &&
		prepare(db, "UPDATE relay SET state = ?2, due = ?3, attempts = attempts + 1 WHERE id = ?1", &state, why, n) &&
		prepare(db, "DELETE FROM attempt WHERE relay = ?1 AND id <= (SELECT id FROM attempt WHERE relay = ?1"
			    " ORDER BY id DESC LIMIT 1 OFFSET ?2)", &cut, why, n);
	for (; ok && a; a = a->next)
		ok = (write_attempt(attempt, a) && write_state(state, a) && cut_attempts(cut, a)) || fail(db, why, n);
	sqlite3_finalize(attempt);
	sqlite3_finalize(state);
	sqlite3_finalize(cut);
	ok = ok && spool_db_commit(db, why, n);
	spool_db_end(db);
	return ok;
}

static const char matches[] = "(?1 IS NULL OR sink = ?1) AND (?2 = 0 OR id = ?2) AND (?3 < 0 OR state = ?3)";

static void bind_filter(sqlite3_stmt *st, const struct spool_relay_filter *f)
{
	sqlite3_bind_text(st, 1, f->sink, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, f->id);
	sqlite3_bind_int(st, 3, f->state);
}

static bool copy(struct buf *arena, sqlite3_stmt *st, int i, struct slice *out)
{
	struct slice from = column(st, i);

	*out = from.p ? (struct slice){arena->data + arena->len, from.n} : (struct slice){0};
	return buf_add(arena, from.p, from.n);
}

static bool read_status(sqlite3_stmt *st, struct buf *arena, struct spool_relay_status *s)
{
	size_t sum = 1;

	for (int i = 8; i < 12; i++)
		sum += (size_t)sqlite3_column_bytes(st, i);
	arena->len = 0;
	*s = (struct spool_relay_status){
		.id = sqlite3_column_int64(st, 0),
		.event = sqlite3_column_int64(st, 1),
		.state = (enum spool_relay_state)sqlite3_column_int(st, 2),
		.due = sqlite3_column_int64(st, 3),
		.attempts = sqlite3_column_int(st, 4),
		.last_at = sqlite3_column_int64(st, 5),
		.ms = sqlite3_column_int64(st, 6),
		.status = sqlite3_column_int(st, 7),
	};
	return buf_reserve(arena, sum) && copy(arena, st, 8, &s->sink) && copy(arena, st, 9, &s->endpoint) &&
		copy(arena, st, 10, &s->error) && copy(arena, st, 11, &s->answer);
}

/* The id before the first of the newest `limit`. */
static bool before_first(struct spool_db *db, const struct spool_relay_filter *f, int64_t limit, int64_t *id, char *why, size_t n)
{
	char sql[512];
	sqlite3_stmt *st;
	bool ok;

	snprintf(sql, sizeof sql, "SELECT min(id) - 1 FROM (SELECT id FROM relay WHERE %s ORDER BY id DESC LIMIT ?4)", matches);
	if (!prepare(db, sql, &st, why, n))
		return false;
	bind_filter(st, f);
	sqlite3_bind_int64(st, 4, limit > 0 ? limit : -1);
	ok = sqlite3_step(st) == SQLITE_ROW || fail(db, why, n);
	*id = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return ok;
}

bool spool_relay_list(struct spool_db *db, const struct spool_relay_filter *f, int64_t limit,
	void (*visit)(void *ctx, const struct spool_relay_status *s), void *ctx, char *why, size_t n)
{
	struct spool_relay_status s;
	struct buf arena = {0};
	bool ok = true, found = true;
	char sql[1024];
	sqlite3_stmt *st;
	int64_t last;
	int rc;

	snprintf(sql, sizeof sql, "SELECT l.id, l.event, l.state, l.due, l.attempts, a.at, a.ms, a.status, l.sink, e.endpoint, a.error,"
		" a.answer FROM (SELECT * FROM relay WHERE %s AND id > ?4 ORDER BY id LIMIT 1) AS l"
		" LEFT JOIN event AS e ON e.id = l.event"
		" LEFT JOIN attempt AS a ON a.id = (SELECT max(id) FROM attempt WHERE relay = l.id)", matches);
	if (!before_first(db, f, limit, &last, why, n) || !prepare(db, sql, &st, why, n))
		return false;
	bind_filter(st, f);
	/* one a transaction: whoever is shown it may block, and an open read holds up the receiver's checkpoints */
	while (ok && found) {
		sqlite3_bind_int64(st, 4, last);
		rc = sqlite3_step(st);
		found = rc == SQLITE_ROW;
		ok = rc == SQLITE_DONE || (found && read_status(st, &arena, &s)) || fail(db, why, n);
		sqlite3_reset(st);
		if (!ok || !found)
			break;
		last = s.id;
		visit(ctx, &s);
	}
	sqlite3_finalize(st);
	buf_free(&arena);
	return ok;
}

bool spool_relay_counts(struct spool_db *db, void (*visit)(void *ctx, const char *sink, enum spool_relay_state state, int64_t n),
	void *ctx, char *why, size_t n)
{
	sqlite3_stmt *st;
	int rc;

	if (!prepare(db, "SELECT sink, state, count(*) FROM relay GROUP BY sink, state ORDER BY sink, state", &st, why, n))
		return false;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		visit(ctx, (const char *)sqlite3_column_text(st, 0), (enum spool_relay_state)sqlite3_column_int(st, 1),
			sqlite3_column_int64(st, 2));
	sqlite3_finalize(st);
	return rc == SQLITE_DONE || fail(db, why, n);
}

/* Runs an update that takes the filter and a time. */
static bool update(struct spool_db *db, const char *set, const struct spool_relay_filter *f, int64_t now, int64_t *changed, char *why, size_t n)
{
	sqlite3_stmt *st = NULL;
	char sql[512];
	bool ok;

	snprintf(sql, sizeof sql, "UPDATE relay SET %s WHERE %s", set, matches);
	if (!spool_db_begin(db, true, why, n))
		return false;
	ok = prepare(db, sql, &st, why, n);
	if (ok) {
		bind_filter(st, f);
		sqlite3_bind_int64(st, 4, now);
		ok = sqlite3_step(st) == SQLITE_DONE || fail(db, why, n);
		*changed = sqlite3_changes(db->sql);
	}
	sqlite3_finalize(st);
	ok = ok && spool_db_commit(db, why, n);
	spool_db_end(db);
	return ok;
}

bool spool_relay_retry(struct spool_db *db, const struct spool_relay_filter *f, int64_t now, int64_t *changed, char *why, size_t n)
{
	struct spool_relay_filter dead = *f;

	dead.state = RELAY_DEAD;
	return update(db, "state = 0, since = ?4, due = ?4, attempts = 0", &dead, now, changed, why, n);
}

bool spool_relay_drop(struct spool_db *db, const struct spool_relay_filter *f, int64_t *changed, char *why, size_t n)
{
	struct spool_relay_filter pending = *f;

	pending.state = RELAY_PENDING;
	return update(db, "state = 2", &pending, 0, changed, why, n);
}

static bool replay_one(struct spool_db *db, sqlite3_stmt *again, sqlite3_stmt *first, const struct sink *sink, int64_t event, int64_t now,
	int64_t *changed)
{
	sqlite3_stmt *const both[] = {again, first};
	bool ok = true, done = false;

	for (int i = 0; ok && !done && i < 2; i++) {
		sqlite3_bind_int64(both[i], 1, event);
		sqlite3_bind_text(both[i], 2, sink->name, -1, SQLITE_STATIC);
		sqlite3_bind_int64(both[i], 3, now);
		sqlite3_bind_int(both[i], 4, sink->ordered);
		ok = sqlite3_step(both[i]) == SQLITE_DONE;
		sqlite3_reset(both[i]);
		done = ok && sqlite3_changes(db->sql) > 0;
	}
	*changed += done;
	return ok;
}

bool spool_relay_replay(struct spool_db *db, const struct sink *sink, const int64_t *events, size_t count, int64_t now, int64_t *changed,
	char *why, size_t n)
{
	sqlite3_stmt *again = NULL, *first = NULL;
	bool ok;

	*changed = 0;
	if (!spool_db_begin(db, true, why, n))
		return false;
	ok = prepare(db, "UPDATE relay SET state = 0, since = ?3, due = ?3, attempts = 0 WHERE event = ?1 AND sink = ?2 AND state <> 0",
			&again, why, n) &&
		prepare(db, "INSERT INTO relay(event, sink, state, since, due, attempts, conversation)"
			" SELECT id, ?2, 0, ?3, ?3, 0, iif(?4, conversation, NULL) FROM event"
			" WHERE id = ?1 AND NOT EXISTS(SELECT 1 FROM relay WHERE event = ?1 AND sink = ?2)", &first, why, n);
	for (size_t i = 0; ok && i < count; i++)
		ok = replay_one(db, again, first, sink, events[i], now, changed) || fail(db, why, n);
	sqlite3_finalize(again);
	sqlite3_finalize(first);
	ok = ok && spool_db_commit(db, why, n);
	spool_db_end(db);
	return ok;
}

bool spool_relay_name(struct spool_db *db, char name[16], char *why, size_t n)
{
	sqlite3_stmt *st;
	bool ok;

	if (!prepare(db, "SELECT name FROM spool", &st, why, n))
		return false;
	ok = sqlite3_step(st) == SQLITE_ROW || fail(db, why, n);
	if (ok)
		snprintf(name, 16, "%s", (const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	return ok;
}
