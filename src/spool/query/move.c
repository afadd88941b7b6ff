/* SPDX-License-Identifier: ISC */
/*
 * Moves a spool. Events are copied by ascending ids, each in one transaction with its deliveries, their attempts and its key; so the
 * highest id in the new spool tells where to go on. What is small comes last, and is copied anew by each call.
 */
#include "spool/move.h"

#include <stdio.h>
#include <string.h>

#include "spool/key.h"
#include "spool/query/move_table.h"

enum { BATCH = 200, BATCH_BYTES = 1 << 20 /* of bodies */ };

struct moving {
	struct spool_db *from, *to;
	void (*progress)(uint64_t done);
	struct spool_moved *sum;
	int64_t after; /* the event that was copied last */
	struct spool_stmt *events, *relays, *attempts; /* that are read */
	struct spool_stmt *event, *key, *relay, *attempt; /* INSERTs; key: NULL where the engine has no ledger */
};

static bool fail_from(struct moving *m)
{
	return spool_db_fail(m->to, m->from->kind, "%s", m->from->error);
}

/* Reads a number. The reason of a failure is in the connection. */
static bool ask_move(struct spool_db *db, const char *sql, int64_t *n)
{
	struct spool_stmt *st;
	bool ok = spool_stmt_prepare(db, sql, &st);

	ok = ok && (spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db));
	*n = ok ? spool_stmt_int64(st, 0) : 0;
	spool_stmt_free(st);
	return ok;
}

/* ---- which spool it is */

/* Makes the new spool the old one: ids that sinks know, and hashes of keys, stay as they are. */
static bool take_identity(struct moving *m, struct spool_stmt *identity)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(m->to, "UPDATE spool SET name = ?1, salt = ?2", &st))
		return false;
	move_value('t', identity, 0, st, 1);
	move_value('b', identity, 1, st, 2);
	ok = spool_db_begin(m->to, true);
	if (ok) {
		ok = (spool_stmt_step(st) == SPOOL_DONE || spool_stmt_fail(m->to)) && spool_db_commit(m->to);
		spool_stmt_reset(st);
		spool_db_end(m->to);
	}
	spool_stmt_free(st);
	return ok;
}

static bool is_same_spool(struct spool_stmt *a, struct spool_stmt *b)
{
	for (int i = 0; i < 2; i++) {
		struct slice x = spool_stmt_present(a, i), y = spool_stmt_present(b, i);

		if (x.n != y.n || memcmp(x.p, y.p, x.n) != 0)
			return false;
	}
	return true;
}

static bool refuse_place(struct moving *m, const char *why)
{
	m->sum->refused = true;
	return spool_db_fail(m->to, SPOOL_ERROR_OTHER, "%s; nothing was moved", why);
}

static bool compare_identities(struct moving *m, struct spool_stmt *old, struct spool_stmt *new)
{
	int64_t newest, used;

	if (!ask_move(m->to, "SELECT coalesce(max(id), 0) FROM event", &m->after) ||
	    !ask_move(m->to, m->to->engine->ledger ? "SELECT count(*) FROM (SELECT 1 FROM event_key LIMIT 1) AS k"
			: "SELECT count(*) FROM (SELECT 1 FROM purged LIMIT 1) AS k", &used))
		return false;
	if (!ask_move(m->from, "SELECT coalesce(max(id), 0) FROM event", &newest))
		return fail_from(m);
	if (!is_same_spool(old, new))
		return m->after || used ? refuse_place(m, "there is another spool, with events of its own") : take_identity(m, old);
	return m->after <= newest || refuse_place(m, "the spool was moved there before, and has newer events now");
}

static bool settle_identity(struct moving *m)
{
	static const char sql[] = "SELECT name, salt FROM spool";
	struct spool_stmt *old = NULL, *new = NULL;
	bool ok = (spool_stmt_prepare(m->from, sql, &old) && (spool_stmt_step(old) == SPOOL_ROW || spool_stmt_fail(m->from))) || fail_from(m);

	ok = ok && spool_stmt_prepare(m->to, sql, &new) && (spool_stmt_step(new) == SPOOL_ROW || spool_stmt_fail(m->to)) &&
		compare_identities(m, old, new);
	spool_stmt_free(old);
	spool_stmt_free(new);
	return ok;
}

/* ---- events */

enum { ENDPOINT = 2, RECEIVED_AT = 1, KEY = 5, BODY = 13, DIGEST = 15, SCOPE = 16 }; /* columns of move_event */

/* A row of the ledger, as a receiver makes it: the key is hashed with its scope, and the digest is the body's where the row has none. */
static bool copy_key(struct moving *m, struct buf *whole)
{
	struct slice key = spool_stmt_slice(m->events, KEY), scope = spool_stmt_slice(m->events, SCOPE), body = spool_stmt_slice(m->events, BODY);
	struct slice digest = spool_stmt_slice(m->events, DIGEST);
	unsigned char of_body[SPOOL_KEY_DIGEST];
	bool ok;

	if (!m->key || spool_stmt_is_null(m->events, KEY))
		return true;
	whole->len = 0;
	if ((key.n && !buf_add(whole, key.p, key.n)) || (scope.n && !buf_add(whole, scope.p, scope.n)) || !spool_key_digest(body, of_body))
		return spool_db_fail(m->to, SPOOL_ERROR_OTHER, "memory is short");
	move_value('t', m->events, ENDPOINT, m->key, 1);
	spool_stmt_bind_blob(m->key, 2, (struct slice){whole->len ? whole->data : "", whole->len});
	move_value('i', m->events, 0, m->key, 3);
	move_value('i', m->events, RECEIVED_AT, m->key, 4);
	spool_stmt_bind_blob(m->key, 5, digest.p ? digest : (struct slice){(const char *)of_body, sizeof of_body});
	spool_stmt_bind_int(m->key, 6, digest.p != NULL);
	ok = spool_stmt_step(m->key) == SPOOL_DONE || spool_stmt_fail(m->to);
	spool_stmt_reset(m->key);
	return ok;
}

/* Copies the rows of a table that belong to an event, or to a delivery; with `deeper` also what belongs to each of them. */
static bool copy_dependent(struct moving *m, const struct move_table *t, struct spool_stmt *st, struct spool_stmt *insert, int64_t of,
	bool (*deeper)(struct moving *m, int64_t id))
{
	enum spool_step rc = SPOOL_ERROR;
	bool ok = true;

	spool_stmt_bind_int(st, 1, of);
	while (ok && (rc = spool_stmt_step(st)) == SPOOL_ROW)
		ok = move_row(t, st, insert) && (!deeper || deeper(m, spool_stmt_int64(st, 0)));
	if (ok && rc != SPOOL_DONE) {
		spool_stmt_fail(m->from);
		ok = fail_from(m);
	}
	spool_stmt_reset(st);
	return ok;
}

static bool copy_attempts(struct moving *m, int64_t relay)
{
	m->sum->deliveries++;
	return copy_dependent(m, &move_attempt, m->attempts, m->attempt, relay, NULL);
}

/* Copies the events of one statement. *done becomes true behind the last. */
static bool copy_events(struct moving *m, struct buf *whole, bool *done)
{
	enum spool_step rc = SPOOL_DONE;
	int64_t bytes = 0, id;
	int n = 0;
	bool ok = true;

	spool_stmt_bind_int(m->events, 1, m->after);
	spool_stmt_bind_int(m->events, 2, m->from->engine->rows > 1 ? m->from->engine->rows : BATCH);
	while (ok && bytes < BATCH_BYTES && (rc = spool_stmt_step(m->events)) == SPOOL_ROW) {
		id = spool_stmt_int64(m->events, 0);
		bytes += (int64_t)spool_stmt_slice(m->events, BODY).n;
		ok = move_row(&move_event, m->events, m->event) && copy_key(m, whole) &&
			copy_dependent(m, &move_relay, m->relays, m->relay, id, copy_attempts);
		m->after = id;
		n++;
	}
	if (ok && rc == SPOOL_ERROR) {
		spool_stmt_fail(m->from);
		ok = fail_from(m);
	}
	spool_stmt_reset(m->events);
	*done = n == 0;
	m->sum->events += n;
	return ok;
}

static bool copy_batch(struct moving *m, struct buf *whole, bool *done)
{
	struct spool_moved before = *m->sum;
	bool ok;

	if (!spool_db_begin(m->to, true))
		return false;
	ok = copy_events(m, whole, done) && spool_db_commit(m->to);
	spool_db_end(m->to);
	if (!ok)
		*m->sum = before;
	return ok;
}

static bool prepare_events(struct moving *m)
{
	return ((move_select(m->from, &move_event_read, "WHERE id > ?1 ORDER BY id LIMIT ?2", &m->events) &&
			move_select(m->from, &move_relay, "WHERE event = ?1 ORDER BY id", &m->relays) &&
			move_select(m->from, &move_attempt, "WHERE relay = ?1 ORDER BY id", &m->attempts)) || fail_from(m)) &&
		move_insert(m->to, &move_event, "", &m->event) && move_insert(m->to, &move_relay, "", &m->relay) &&
		move_insert(m->to, &move_attempt, "", &m->attempt) &&
		(!m->to->engine->ledger || spool_stmt_prepare(m->to, "INSERT INTO event_key(endpoint, hash, event, received_at, digest, is_unsigned)"
			" VALUES(?1, key_hash((SELECT salt FROM spool), ?2), ?3, ?4, ?5, ?6 <> 0) ON CONFLICT DO NOTHING", &m->key));
}

static bool move_events(struct moving *m)
{
	struct spool_stmt **const all[] = {&m->events, &m->relays, &m->attempts, &m->event, &m->key, &m->relay, &m->attempt};
	struct buf whole = {0};
	bool ok = prepare_events(m), done = false;

	while (ok && !done) {
		ok = copy_batch(m, &whole, &done);
		if (m->progress)
			m->progress((uint64_t)m->sum->events);
	}
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		spool_stmt_free(*all[i]);
	buf_free(&whole);
	return ok;
}

/* ---- the rest */

/* The keys of deleted events: both tables have the same columns, by other names. */
static bool move_purged(struct moving *m)
{
	static const struct move_table ledger = {"event_key", "endpoint, hash, event, received_at, digest, CASE WHEN is_unsigned THEN 1 ELSE 0 END", "tbiibi"},
		plain = {"purged", "endpoint, key, id, received_at, digest, is_unsigned", "tbiibi"};
	struct spool_stmt *st = NULL, *insert = NULL;
	enum spool_step rc = SPOOL_ERROR;
	bool ok = (m->from->engine->ledger ? move_select(m->from, &ledger, "WHERE purged", &st) : move_select(m->from, &plain, "", &st)) || fail_from(m);

	ok = ok && (m->to->engine->ledger ? spool_stmt_prepare(m->to, "INSERT INTO event_key(endpoint, hash, event, received_at, digest, is_unsigned,"
			" purged) VALUES(?1, ?2, ?3, ?4, ?5, ?6 <> 0, true) ON CONFLICT DO NOTHING", &insert)
		: move_insert(m->to, &plain, "ON CONFLICT DO NOTHING", &insert));
	while (ok && (rc = spool_stmt_step(st)) == SPOOL_ROW) {
		for (int i = 0; i < 6; i++)
			move_value(ledger.kinds[i], st, i, insert, i + 1);
		if (spool_stmt_is_null(st, 4)) /* of release 0.1 */
			spool_stmt_bind_blob(insert, 5, (struct slice){"", 0});
		ok = spool_stmt_step(insert) == SPOOL_DONE || spool_stmt_fail(m->to);
		spool_stmt_reset(insert);
	}
	if (ok && rc != SPOOL_DONE) {
		spool_stmt_fail(m->from);
		ok = fail_from(m);
	}
	spool_stmt_free(st);
	spool_stmt_free(insert);
	return ok;
}

/* Ids are not used again in the new spool, also those of events that were deleted. */
static bool move_last_ids(struct moving *m)
{
	static const char *const sequences[] = {"event", "reject", "relay", "attempt"};
	int64_t last, conversations;
	char sql[256];
	bool ok = true;

	if (!ask_move(m->from, m->from->engine->ledger ? "SELECT last_value FROM event_id_seq" : "SELECT last_id FROM deleted", &last) ||
	    !ask_move(m->from, "SELECT conversations FROM spool", &conversations))
		return fail_from(m);
	if (!spool_stmt_run(m->to, "UPDATE spool SET conversations = ?1 WHERE conversations < ?1 AND ?2 = 0", conversations, 0))
		return false;
	if (!m->to->engine->ledger)
		return spool_stmt_run(m->to, "UPDATE deleted SET last_id = ?1 WHERE last_id < ?1 AND ?2 = 0", last, 0);
	for (size_t i = 0; ok && i < sizeof sequences / sizeof *sequences; i++) {
		snprintf(sql, sizeof sql, "SELECT setval(pg_get_serial_sequence('%s', 'id'), greatest((SELECT coalesce(max(id), 0) FROM %s), %lld) + 1, false)",
			sequences[i], sequences[i], i == 0 ? (long long)last : 0);
		ok = spool_stmt_exec(m->to, sql) || spool_stmt_fail(m->to);
	}
	return ok;
}

static bool move_rest(struct moving *m)
{
	bool ok = spool_db_begin(m->to, true);

	if (!ok)
		return false;
	for (const struct move_table *t = move_small; ok && t->name; t++)
		ok = move_all(t, m->from, m->to);
	ok = ok && move_purged(m) && move_last_ids(m) &&
		((spool_stmt_exec(m->to, "DELETE FROM ended") &&
			spool_stmt_exec(m->to, "INSERT INTO ended(sink, state, n) SELECT sink, state, count(*) FROM relay WHERE state <> 0 GROUP BY sink, state")) ||
		spool_stmt_fail(m->to)) && spool_db_commit(m->to);
	spool_db_end(m->to);
	return ok;
}

bool spool_move(struct spool_db *from, struct spool_db *to, void (*progress)(uint64_t), struct spool_moved *sum)
{
	struct moving m = {.from = from, .to = to, .progress = progress, .sum = sum};

	*sum = (struct spool_moved){0};
	if (!ask_move(from, "SELECT count(*) FROM event", &sum->total))
		return fail_from(&m);
	return settle_identity(&m) && move_events(&m) && move_rest(&m);
}
