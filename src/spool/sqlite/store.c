/* SPDX-License-Identifier: ISC */
/* Storing one event, with its pending relays. */
#include "spool/sqlite/store.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/log.h"
#include "spool/relay.h"
#include "spool/sqlite/duplicate.h"
#include "spool/sqlite/sql.h"

enum {
	CLOCK_SLACK_MS = 60 * 1000, /* NTP slews less */
	CLOCK_STEP_MS = 61 * 60 * 1000, /* an event has the time its request began, and body-timeout is at most 1 h */
};

static const char *const statements[STORE_COUNT] = {
	[STORE_NEXT] = "SELECT max(last_id, (SELECT ifnull(max(id), 0) FROM event)) + 1, EXISTS(SELECT 1 FROM purged) FROM deleted",
	[STORE_INSERT] = "INSERT INTO event(received_at, endpoint, secret, event, key, account, sender_id, sender_name,"
		" conversation, sent_at, remote_addr, headers, body, id, note, digest, scope, text, segment)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19) ON CONFLICT DO NOTHING",
	/* a catch-up puts an event together again: its bytes are never those of the webhook */
	[STORE_FIND] = "SELECT id, received_at, event_is(body, segment, ?3) OR source, source FROM event WHERE endpoint = ?1 AND key = ?2 AND scope = ?4",
	/* the event may still be there, when its deletion was not finished */
	[STORE_FIND_PURGED] = "SELECT id, received_at, digest, (SELECT source FROM event WHERE event.id = purged.id) FROM purged WHERE endpoint = ?1"
		" AND key = key_hash((SELECT salt FROM spool), ?2)",
	[STORE_SAME] = "SELECT id, received_at FROM event WHERE endpoint = ?1 AND digest = ?2 ORDER BY id DESC LIMIT 1",
	[STORE_SAME_PURGED] = "SELECT id, received_at FROM purged WHERE endpoint = ?1 AND digest = ?2 AND is_unsigned ORDER BY id DESC LIMIT 1",
	[STORE_LEGACY] = "SELECT id, event_is(body, segment, ?3), event = ?4, account IS NULL OR account IS ?5 FROM event"
		" WHERE endpoint = ?1 AND key = ?2 AND scope = '' AND id <= ?6",
	[STORE_RELEASE] = "UPDATE event SET key = NULL WHERE id = ?1",
	[STORE_ACCEPT] = "DELETE FROM reject WHERE id = ?1",
	[STORE_FETCHED] = "UPDATE event SET source = 1 WHERE id = ?1", /* SPOOL_SOURCE_CATCH_UP; an insert leaves it at 0 */
	[STORE_RELAY] = "INSERT INTO relay(event, sink, state, since, due, attempts, conversation, judge)"
		" VALUES(?1, ?2, 0, ?3, ?3, 0, ?4, ?5)",
	[STORE_STATE] = "SELECT r.id, r.state FROM event AS e LEFT JOIN relay AS r ON r.event = e.id AND r.sink = ?2 WHERE e.id = ?1",
};

sqlite3_stmt *spool_store_statement(struct spool_store *s, enum spool_store_sql which)
{
	if (!s->st[which])
		sqlite3_prepare_v3(s->sql, statements[which], -1, SQLITE_PREPARE_PERSISTENT, &s->st[which], NULL);
	return s->st[which];
}

/* Logs when the event stored last is younger than `at`: a clock is wrong, or was. Its events stay as they are. */
static void tell_clock(struct spool_store *s, int64_t at, int64_t slack)
{
	char newest[CLOCK_TEXT], now[CLOCK_TEXT];

	if (s->received_at <= at + slack)
		return;
	log_message(LOG_LEVEL_WARNING, "the clock: the newest event is of %s, and it is %s now; one of them is wrong",
		clock_format(s->received_at, newest), clock_format(at, now));
	s->received_at = 0;
}

/* Reads whether the spool has events of release 0.1, and the time of the event stored last. */
static bool read_legacy(struct spool_store *s)
{
	sqlite3_stmt *st;
	bool ok;

	if (sqlite3_prepare_v2(s->sql, "SELECT legacy_id, (SELECT received_at FROM event ORDER BY id DESC LIMIT 1) FROM spool",
			-1, &st, NULL) != SQLITE_OK)
		return false;
	ok = sqlite3_step(st) == SQLITE_ROW;
	s->legacy_id = sqlite3_column_int64(st, 0);
	s->received_at = sqlite3_column_int64(st, 1);
	sqlite3_finalize(st);
	if (!ok || !s->legacy_id)
		return ok;
	if (sqlite3_prepare_v2(s->sql, "SELECT EXISTS(SELECT 1 FROM event WHERE id <= ?1)"
			" OR EXISTS(SELECT 1 FROM purged WHERE is_legacy AND id <= ?1)", -1, &st, NULL) != SQLITE_OK)
		return false;
	sqlite3_bind_int64(st, 1, s->legacy_id);
	ok = sqlite3_step(st) == SQLITE_ROW;
	if (ok && !sqlite3_column_int(st, 0))
		s->legacy_id = 0;
	sqlite3_finalize(st);
	return ok;
}

bool spool_store_open(struct spool_store *s, sqlite3 *sql)
{
	s->sql = sql;
	if (!spool_store_statement(s, STORE_NEXT) || !spool_store_statement(s, STORE_INSERT) || !read_legacy(s))
		return false;
	tell_clock(s, clock_now(), CLOCK_SLACK_MS);
	return true;
}

void spool_store_close(struct spool_store *s)
{
	for (int i = 0; i < STORE_COUNT; i++)
		sqlite3_finalize(s->st[i]);
	buf_free(&s->key);
	*s = (struct spool_store){0};
}

bool spool_store_begin(struct spool_store *s)
{
	sqlite3_stmt *st = s->st[STORE_NEXT];
	bool ok = sqlite3_step(st) == SQLITE_ROW;

	s->next_id = sqlite3_column_int64(st, 0);
	s->any_purged = sqlite3_column_int(st, 1);
	sqlite3_reset(st);
	return ok;
}

/* True when the sink's filter, as far as the receiver knows it, lets the event through. */
static bool sink_wants(const struct sink *sink, const struct spool_event *ev)
{
	return (ev->several_events || strlist_match(&sink->events, ev->event)) &&
		(ev->several_accounts || strlist_match(&sink->accounts, ev->account));
}

static bool add_relay(struct spool_store *s, sqlite3_stmt *st, const struct spool_event *ev, const struct sink *sink)
{
	bool ok;

	sqlite3_bind_int64(st, 1, ev->id);
	sqlite3_bind_text(st, 2, sink->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 3, ev->received_at);
	spool_sql_bind_slice(st, 4, sink->ordered ? ev->conversation : (struct slice){0});
	sqlite3_bind_int(st, 5, sink->filtered);
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_reset(st);
	s->relayed = true;
	return ok;
}

/* Adds the event's relay to a sink in store, to be waited for. */
static bool add_store(struct spool_store *s, sqlite3_stmt *st, struct spool_event *ev, const struct sink *sink)
{
	if (!sink_wants(sink, ev))
		return true;
	if (!st || !add_relay(s, st, ev, sink))
		return false;
	ev->waits[ev->n_waits++] = sqlite3_last_insert_rowid(s->sql);
	return true;
}

static bool add_relays(struct spool_store *s, struct spool_event *ev)
{
	sqlite3_stmt *st = ev->n_relay || ev->n_store ? spool_store_statement(s, STORE_RELAY) : NULL;
	bool ok = st || !(ev->n_relay || ev->n_store);

	for (size_t i = 0; ok && i < ev->n_relay; i++)
		ok = !sink_wants(ev->relay[i], ev) || add_relay(s, st, ev, ev->relay[i]);
	for (size_t i = 0; ok && i < ev->n_store; i++)
		ok = add_store(s, st, ev, ev->store[i]);
	return ok;
}

/* Takes over what became of an event's relay to a sink in store. */
static void take_state(struct spool_event *ev, sqlite3_stmt *st)
{
	if (sqlite3_column_int(st, 1) == SPOOL_RELAY_PENDING)
		ev->waits[ev->n_waits++] = sqlite3_column_int64(st, 0);
	ev->store_dead = ev->store_dead || sqlite3_column_int(st, 1) == SPOOL_RELAY_DEAD;
}

/*
 * For a duplicate: what became of the event's relay to a sink in store. Where it has none, it is added. Either store names the sink
 * only since, or the sink did not want the event, which the relay finds out again. An event that is purged waits for nothing.
 */
static bool look_at_store(struct spool_store *s, struct spool_event *ev, const struct sink *sink)
{
	sqlite3_stmt *st = spool_store_statement(s, STORE_STATE);
	bool missing;
	int rc;

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, ev->id);
	sqlite3_bind_text(st, 2, sink->name, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	missing = rc == SQLITE_ROW && sqlite3_column_type(st, 0) == SQLITE_NULL;
	if (rc == SQLITE_ROW && !missing)
		take_state(ev, st);
	sqlite3_reset(st);
	if (missing)
		return add_store(s, spool_store_statement(s, STORE_RELAY), ev, sink);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

static bool look_at_stores(struct spool_store *s, struct spool_event *ev)
{
	bool ok = true;

	for (size_t i = 0; ok && i < ev->n_store; i++)
		ok = look_at_store(s, ev, ev->store[i]);
	return ok;
}

/*
 * For a duplicate of an event that a catch-up has fetched: the webhook has delivered it after all, so sinks that want no fetched events
 * get it now. A relay that is there stays as it is.
 */
static bool add_withheld(struct spool_store *s, const struct spool_event *ev)
{
	sqlite3_stmt *st = spool_store_statement(s, STORE_STATE), *add = spool_store_statement(s, STORE_RELAY);
	bool ok = st && add;

	for (size_t i = 0; ok && i < ev->n_relay; i++) {
		if (ev->relay[i]->catch_up || !sink_wants(ev->relay[i], ev))
			continue;
		sqlite3_bind_int64(st, 1, ev->id);
		sqlite3_bind_text(st, 2, ev->relay[i]->name, -1, SQLITE_STATIC);
		ok = sqlite3_step(st) == SQLITE_ROW;
		if (ok && sqlite3_column_type(st, 0) == SQLITE_NULL)
			ok = add_relay(s, add, ev, ev->relay[i]);
		sqlite3_reset(st);
	}
	return ok;
}

static bool any_needs_text(const struct sink *const *sinks, size_t n)
{
	bool any = false;

	for (size_t i = 0; !any && i < n; i++)
		any = sinks[i]->needs_text;
	return any;
}

/* Binds the text for the relay, which then does not parse the body again; NULL where no sink needs it. */
static void bind_text(sqlite3_stmt *st, int parameter, const struct spool_event *ev)
{
	if (!any_needs_text(ev->relay, ev->n_relay) && !any_needs_text(ev->store, ev->n_store))
		sqlite3_bind_null(st, parameter);
	else if (!ev->text.p)
		sqlite3_bind_zeroblob(st, parameter, 0);
	else
		spool_sql_bind_slice(st, parameter, ev->text);
}

/* Inserts the row, if no other one has its key. A long body takes its place in a segment only with the row. */
static bool insert_row(struct spool_store *s, const struct spool_event *ev, const struct spool_candidate *c)
{
	bool apart = s->append && ev->body.n >= SPOOL_SEGMENT_LEAST, ok;
	unsigned char packed[SPOOL_SEGMENT_PLACE];
	sqlite3_stmt *st = s->st[STORE_INSERT];
	struct spool_place place;

	if (apart && !spool_append_place(s->append, ev->body, &place))
		return false;

	sqlite3_bind_int64(st, 1, ev->received_at);
	sqlite3_bind_text(st, 2, ev->endpoint, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 3, ev->secret);
	spool_sql_bind_slice(st, 4, ev->event);
	spool_sql_bind_slice(st, 5, c->key.id);
	spool_sql_bind_slice(st, 6, ev->account);
	spool_sql_bind_slice(st, 7, ev->sender_id);
	spool_sql_bind_slice(st, 8, ev->sender_name);
	spool_sql_bind_slice(st, 9, ev->conversation);
	spool_sql_bind_slice(st, 10, ev->sent_at);
	sqlite3_bind_text(st, 11, ev->remote_addr, -1, SQLITE_STATIC);
	spool_sql_bind_slice(st, 12, ev->headers);
	if (apart) {
		spool_segment_pack(&place, packed);
		sqlite3_bind_blob(st, 13, packed, sizeof packed, SQLITE_STATIC);
		sqlite3_bind_int64(st, 19, place.segment);
	} else {
		spool_sql_bind_body(st, 13, ev->body);
		sqlite3_bind_null(st, 19);
	}
	sqlite3_bind_int64(st, 14, s->next_id);
	sqlite3_bind_text(st, 15, c->note, -1, SQLITE_STATIC);
	if (ev->identity == SPOOL_IDENTITY_UNSIGNED && c->key.id.p)
		sqlite3_bind_blob(st, 16, c->key.digest, sizeof c->key.digest, SQLITE_STATIC);
	else
		sqlite3_bind_null(st, 16);
	spool_sql_bind_slice(st, 17, c->key.scope.p ? c->key.scope : slice_text(ev->once));
	bind_text(st, 18, ev);
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_reset(st);
	return ok && (!apart || sqlite3_changes(s->sql) == 0 || spool_append_take(s->append, ev->body, &place));
}

/* Runs a statement without results, whose only parameter is an id. */
static bool run_with_id(struct spool_store *s, enum spool_store_sql which, int64_t id)
{
	sqlite3_stmt *st = spool_store_statement(s, which);
	bool ok;

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, id);
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_reset(st);
	return ok;
}

static bool insert_event(struct spool_store *s, struct spool_event *ev, const struct spool_candidate *c)
{
	struct spool_found f;

	if (!insert_row(s, ev, c))
		return false;
	if (sqlite3_changes(s->sql) == 0) {
		if (spool_duplicate_find(s, ev, c, &f) != SQLITE_ROW)
			return false;
		if (ev->identity != SPOOL_IDENTITY_BODY || spool_duplicate_within(ev->dedupe_window, f.received_at, ev->received_at))
			return spool_duplicate_set(ev, &f);
		/* the new event takes the key of one outside of the dedupe window */
		if (!run_with_id(s, STORE_RELEASE, f.id) || !insert_row(s, ev, c) || sqlite3_changes(s->sql) == 0)
			return false;
	}
	if (!ev->reject) { /* a rejected delivery that is accepted keeps the time when it came */
		tell_clock(s, ev->received_at, CLOCK_STEP_MS);
		s->received_at = ev->received_at;
	}
	ev->id = s->next_id++;
	return (!ev->source || run_with_id(s, STORE_FETCHED, ev->id)) && add_relays(s, ev);
}

bool spool_store_put(struct spool_store *s, struct spool_event *ev)
{
	struct spool_candidate c = {.note = ev->note};

	ev->duplicate = ev->altered = ev->fetched = false;
	ev->same_as = 0;
	ev->n_waits = 0;
	ev->store_dead = false;
	if (!spool_key_make(ev, &s->key, &c.key) || (c.key.whole.p && !spool_duplicate_look(s, ev, &c)))
		return false;
	if (!ev->duplicate && !insert_event(s, ev, &c)) /* which may find a duplicate, too */
		return false;
	return (!ev->duplicate || look_at_stores(s, ev)) && (!ev->fetched || ev->source || add_withheld(s, ev)) && (!ev->reject || run_with_id(s, STORE_ACCEPT, ev->reject));
}

bool spool_store_one(struct spool_db *db, struct spool_event *ev)
{
	struct spool_store store = {0};
	bool ok = (spool_store_open(&store, db->sql) && spool_store_begin(&store) && spool_store_put(&store, ev)) || spool_sql_fail(db);

	spool_store_close(&store);
	return ok;
}
