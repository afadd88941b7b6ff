/* SPDX-License-Identifier: ISC */
/* Storing one event: whether it is there already, and what else has the same bytes. */
#include "spool/sqlite/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "spool/relay.h"

enum {
	NOTE_SIZE = 256,
	CLOCK_SLACK_MS = 60 * 1000, /* NTP slews less */
	CLOCK_STEP_MS = 61 * 60 * 1000, /* an event has the time its request began, and body-timeout is at most 1 h */
};

static const char *const statements[STORE_COUNT] = {
	[STORE_NEXT] = "SELECT max(last_id, (SELECT ifnull(max(id), 0) FROM event)) + 1, EXISTS(SELECT 1 FROM purged) FROM deleted",
	[STORE_INSERT] = "INSERT INTO event(received_at, endpoint, secret, event, key, account, sender_id, sender_name,"
		" conversation, sent_at, remote_addr, headers, body, id, note, digest, scope)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) ON CONFLICT DO NOTHING",
	[STORE_FIND] = "SELECT id, received_at, body = ?3 FROM event WHERE endpoint = ?1 AND key = ?2 AND scope = ?4",
	[STORE_FIND_PURGED] = "SELECT id, received_at, digest FROM purged WHERE endpoint = ?1"
		" AND key = key_hash((SELECT salt FROM spool), ?2)",
	[STORE_SAME] = "SELECT id, received_at FROM event WHERE endpoint = ?1 AND digest = ?2 ORDER BY id DESC LIMIT 1",
	[STORE_SAME_PURGED] = "SELECT id, received_at FROM purged WHERE endpoint = ?1 AND digest = ?2 ORDER BY id DESC LIMIT 1",
	[STORE_LEGACY] = "SELECT id, body = ?3, event = ?4, account IS NULL OR account IS ?5 FROM event"
		" WHERE endpoint = ?1 AND key = ?2 AND scope = '' AND id <= ?6",
	[STORE_RELEASE] = "UPDATE event SET key = NULL WHERE id = ?1",
	[STORE_ACCEPT] = "DELETE FROM reject WHERE id = ?1",
	[STORE_RELAY] = "INSERT INTO relay(event, sink, state, since, due, attempts, conversation, judge)"
		" VALUES(?1, ?2, 0, ?3, ?3, 0, ?4, ?5)",
	[STORE_STATE] = "SELECT id, state FROM relay WHERE event = ?1 AND sink = ?2",
};

/* What the rules need to know of an event. */
struct known {
	struct spool_key key;
	const char *note;
	char text[NOTE_SIZE]; /* storage for note */
};

/* The statement, prepared at its first use: most processes need few of them. NULL on failure. */
static sqlite3_stmt *get(struct spool_store *s, enum spool_store_sql which)
{
	if (!s->st[which])
		sqlite3_prepare_v3(s->sql, statements[which], -1, SQLITE_PREPARE_PERSISTENT, &s->st[which], NULL);
	return s->st[which];
}

/* Tells that the event stored last is from later than `at`: a clock is wrong, or was. Its events stay as they are. */
static void tell_clock(struct spool_store *s, int64_t at, int64_t slack)
{
	char newest[CLOCK_TEXT], now[CLOCK_TEXT];

	if (s->received_at <= at + slack)
		return;
	log_message(LOG_LEVEL_WARNING, "the clock: the newest event is of %s, and it is %s now; one of them is wrong",
		clock_format(s->received_at, newest), clock_format(at, now));
	s->received_at = 0;
}

/* What the spool has of release 0.1, and the time of the event stored last. */
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
			" OR EXISTS(SELECT 1 FROM purged WHERE id <= ?1)", -1, &st, NULL) != SQLITE_OK)
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
	if (!get(s, STORE_NEXT) || !get(s, STORE_INSERT) || !read_legacy(s))
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

static void bind_slice(sqlite3_stmt *st, int i, struct slice v)
{
	sqlite3_bind_text64(st, i, v.p, v.n, SQLITE_STATIC, SQLITE_UTF8);
}

static void bind_body(sqlite3_stmt *st, int i, struct slice body)
{
	if (body.n)
		sqlite3_bind_blob64(st, i, body.p, body.n, SQLITE_STATIC);
	else
		sqlite3_bind_zeroblob(st, i, 0); /* not NULL */
}

/* Times of a clock that was wrong are apart as well, whichever comes first. */
static bool within(int64_t window, int64_t a, int64_t b)
{
	return (a > b ? a - b : b - a) <= window;
}

/* An event, or a purged one. The functions that look for one return SQLITE_ROW, SQLITE_DONE or an error. */
struct found {
	int64_t id, received_at;
	bool same_bytes, bytes_known;
};

static int find(struct spool_store *s, const struct spool_event *ev, const struct known *k, struct found *f)
{
	sqlite3_stmt *st = get(s, STORE_FIND);
	int rc;

	if (!st)
		return SQLITE_ERROR;
	sqlite3_bind_text(st, 1, ev->endpoint, -1, SQLITE_STATIC);
	bind_slice(st, 2, k->key.id);
	bind_body(st, 3, ev->body);
	bind_slice(st, 4, k->key.scope);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*f = (struct found){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), sqlite3_column_int(st, 2), true};
	sqlite3_reset(st);
	return rc;
}

/* Of an event that release 0.1 purged the bytes are not known; they count as the same. */
static int find_purged(struct spool_store *s, const struct spool_event *ev, struct slice key, struct found *f)
{
	sqlite3_stmt *st = get(s, STORE_FIND_PURGED);
	unsigned char digest[SPOOL_KEY_DIGEST];
	int rc;

	if (!st)
		return SQLITE_ERROR;
	sqlite3_bind_text(st, 1, ev->endpoint, -1, SQLITE_STATIC);
	bind_slice(st, 2, key);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		*f = (struct found){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), true, sqlite3_column_bytes(st, 2) == SPOOL_KEY_DIGEST};
		f->same_bytes = !f->bytes_known || (spool_key_digest(spool_key_bytes(ev), digest) && memcmp(sqlite3_column_blob(st, 2), digest, sizeof digest) == 0);
	}
	sqlite3_reset(st);
	return rc;
}

static bool duplicate_of(struct spool_event *ev, const struct found *f)
{
	ev->duplicate = true;
	ev->id = f->id;
	ev->altered = !f->same_bytes && ev->identity == SPOOL_IDENTITY_SIGNED; /* of others the key has a digest */
	return true;
}

/* Whether a purged event of release 0.1 is the same. One with the plain id as its key may be another event of that. */
static bool look_legacy_purged(struct spool_store *s, struct spool_event *ev)
{
	struct spool_key_legacy keys;
	struct found f;
	int rc;

	if (!spool_key_list_legacy(ev, &keys))
		return false;
	for (size_t i = 0; i < keys.n; i++) {
		rc = find_purged(s, ev, keys.key[i], &f);
		if (rc == SQLITE_ROW && f.id <= s->legacy_id && f.same_bytes &&
		    (keys.by_bytes[i] || f.bytes_known || ev->identity == SPOOL_IDENTITY_UNSIGNED))
			return duplicate_of(ev, &f);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return false;
	}
	return true;
}

/* Whether an event that was purged is the same. */
static bool look_purged(struct spool_store *s, struct spool_event *ev, const struct known *k)
{
	struct found f;
	int rc = find_purged(s, ev, k->key.whole, &f);

	if (rc == SQLITE_ROW && (ev->identity != SPOOL_IDENTITY_BODY || within(ev->dedupe_window, f.received_at, ev->received_at)))
		return duplicate_of(ev, &f);
	if (rc == SQLITE_DONE && s->legacy_id)
		return look_legacy_purged(s, ev);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

/*
 * Whether an event of release 0.1 under that key is the same: it has the same bytes, or is the same event of the same account of
 * what a signed id names. 0.1 looked for some accounts where they were not, and then has none.
 */
static bool look_legacy(struct spool_store *s, struct spool_event *ev, const struct known *k, struct slice key)
{
	sqlite3_stmt *st = get(s, STORE_LEGACY);
	bool same_bytes, same_thing;
	int rc;

	if (!st)
		return false;
	sqlite3_bind_text(st, 1, ev->endpoint, -1, SQLITE_STATIC);
	bind_slice(st, 2, key);
	bind_body(st, 3, ev->body);
	bind_slice(st, 4, ev->event);
	bind_slice(st, 5, ev->account);
	sqlite3_bind_int64(st, 6, s->legacy_id);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		same_bytes = sqlite3_column_int(st, 1);
		same_thing = ev->identity == SPOOL_IDENTITY_SIGNED && k->key.by_name && sqlite3_column_int(st, 2) && sqlite3_column_int(st, 3);
		if (same_bytes || same_thing)
			duplicate_of(ev, &(struct found){sqlite3_column_int64(st, 0), 0, same_bytes, true});
	}
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

static bool look_legacies(struct spool_store *s, struct spool_event *ev, const struct known *k)
{
	struct spool_key_legacy keys;

	if (!spool_key_list_legacy(ev, &keys))
		return false;
	for (size_t i = 0; i < keys.n && !ev->duplicate; i++)
		if (!look_legacy(s, ev, k, keys.key[i]))
			return false;
	return true;
}

static int find_same(struct spool_store *s, enum spool_store_sql which, const struct spool_event *ev, const struct known *k,
	struct found *f)
{
	sqlite3_stmt *st = get(s, which);
	int rc;

	if (!st)
		return SQLITE_ERROR;
	sqlite3_bind_text(st, 1, ev->endpoint, -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, k->key.digest, sizeof k->key.digest, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*f = (struct found){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), true, true};
	sqlite3_reset(st);
	return rc;
}

/* For an id that nothing signs: what has the same bytes, under the same id or another. */
static bool look_same(struct spool_store *s, struct spool_event *ev, struct known *k)
{
	struct found f;
	int rc = find(s, ev, k, &f);

	if (rc == SQLITE_ROW)
		return duplicate_of(ev, &f);
	if (rc == SQLITE_DONE)
		rc = find_same(s, STORE_SAME, ev, k, &f);
	if (rc == SQLITE_DONE && s->any_purged)
		rc = find_same(s, STORE_SAME_PURGED, ev, k, &f);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE;
	ev->same_as = f.id;
	if (ev->replay_window && within(ev->replay_window, f.received_at, ev->received_at))
		return duplicate_of(ev, &f);
	snprintf(k->text, sizeof k->text, "%s%ssame bytes as event %" PRId64, ev->note ? ev->note : "", ev->note ? "; " : "", f.id);
	k->note = k->text;
	return true;
}

/* Whether the event is there already, as far as the insertion doesn't find that itself. */
static bool look(struct spool_store *s, struct spool_event *ev, struct known *k)
{
	return (!s->any_purged || look_purged(s, ev, k)) &&
		(ev->duplicate || !s->legacy_id || look_legacies(s, ev, k)) &&
		(ev->duplicate || ev->identity != SPOOL_IDENTITY_UNSIGNED || look_same(s, ev, k));
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
	bind_slice(st, 4, sink->ordered ? ev->conversation : (struct slice){0});
	sqlite3_bind_int(st, 5, sink->judged);
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_reset(st);
	s->relayed = true;
	return ok;
}

static bool add_relays(struct spool_store *s, struct spool_event *ev)
{
	sqlite3_stmt *st = ev->n_relay || ev->n_store ? get(s, STORE_RELAY) : NULL;
	bool ok = st || !(ev->n_relay || ev->n_store);

	for (size_t i = 0; ok && i < ev->n_relay; i++)
		ok = !sink_wants(ev->relay[i], ev) || add_relay(s, st, ev, ev->relay[i]);
	for (size_t i = 0; ok && i < ev->n_store; i++) {
		if (!sink_wants(ev->store[i], ev))
			continue;
		ok = add_relay(s, st, ev, ev->store[i]);
		ev->waits[ev->n_waits++] = sqlite3_last_insert_rowid(s->sql);
	}
	return ok;
}

/* For a duplicate: what became of the event's relays to sinks in store. One that is gone was not wanted. */
static bool look_at_stores(struct spool_store *s, struct spool_event *ev)
{
	sqlite3_stmt *st = ev->n_store ? get(s, STORE_STATE) : NULL;
	int rc = st || !ev->n_store ? SQLITE_DONE : SQLITE_ERROR;

	for (size_t i = 0; rc == SQLITE_DONE && i < ev->n_store; i++) {
		sqlite3_bind_int64(st, 1, ev->id);
		sqlite3_bind_text(st, 2, ev->store[i]->name, -1, SQLITE_STATIC);
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW) {
			if (sqlite3_column_int(st, 1) == RELAY_PENDING)
				ev->waits[ev->n_waits++] = sqlite3_column_int64(st, 0);
			ev->store_dead = ev->store_dead || sqlite3_column_int(st, 1) == RELAY_DEAD;
			rc = SQLITE_DONE;
		}
		sqlite3_reset(st);
	}
	return rc == SQLITE_DONE;
}

static bool insert_row(struct spool_store *s, const struct spool_event *ev, const struct known *k)
{
	sqlite3_stmt *st = s->st[STORE_INSERT];
	bool ok;

	sqlite3_bind_int64(st, 1, ev->received_at);
	sqlite3_bind_text(st, 2, ev->endpoint, -1, SQLITE_STATIC);
	sqlite3_bind_int(st, 3, ev->secret);
	bind_slice(st, 4, ev->event);
	bind_slice(st, 5, k->key.id);
	bind_slice(st, 6, ev->account);
	bind_slice(st, 7, ev->sender_id);
	bind_slice(st, 8, ev->sender_name);
	bind_slice(st, 9, ev->conversation);
	bind_slice(st, 10, ev->sent_at);
	sqlite3_bind_text(st, 11, ev->remote_addr, -1, SQLITE_STATIC);
	bind_slice(st, 12, ev->headers);
	bind_body(st, 13, ev->body);
	sqlite3_bind_int64(st, 14, s->next_id);
	sqlite3_bind_text(st, 15, k->note, -1, SQLITE_STATIC);
	if (ev->identity == SPOOL_IDENTITY_UNSIGNED && k->key.id.p)
		sqlite3_bind_blob(st, 16, k->key.digest, sizeof k->key.digest, SQLITE_STATIC);
	else
		sqlite3_bind_null(st, 16);
	bind_slice(st, 17, k->key.scope.p ? k->key.scope : slice_text(""));
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_reset(st);
	return ok;
}

/* The key goes over to a younger event. */
static bool release_key(struct spool_store *s, int64_t id)
{
	sqlite3_stmt *st = get(s, STORE_RELEASE);
	bool ok;

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, id);
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_reset(st);
	return ok;
}

static bool insert(struct spool_store *s, struct spool_event *ev, const struct known *k)
{
	struct found f;

	if (!insert_row(s, ev, k))
		return false;
	if (sqlite3_changes(s->sql) == 0) {
		if (find(s, ev, k, &f) != SQLITE_ROW)
			return false;
		if (ev->identity != SPOOL_IDENTITY_BODY || within(ev->dedupe_window, f.received_at, ev->received_at))
			return duplicate_of(ev, &f);
		if (!release_key(s, f.id) || !insert_row(s, ev, k) || sqlite3_changes(s->sql) == 0)
			return false;
	}
	if (!ev->reject) { /* one that was refused has the time it came then */
		tell_clock(s, ev->received_at, CLOCK_STEP_MS);
		s->received_at = ev->received_at;
	}
	ev->id = s->next_id++;
	return add_relays(s, ev);
}

static bool delete_reject(struct spool_store *s, int64_t id)
{
	sqlite3_stmt *st = get(s, STORE_ACCEPT);
	bool ok;

	if (!st)
		return false;
	sqlite3_bind_int64(st, 1, id);
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_reset(st);
	return ok;
}

bool spool_store_put(struct spool_store *s, struct spool_event *ev)
{
	struct known k = {.note = ev->note};

	ev->duplicate = ev->altered = false;
	ev->same_as = 0;
	ev->n_waits = 0;
	ev->store_dead = false;
	return spool_key_make(ev, &s->key, &k.key) && (!k.key.whole.p || look(s, ev, &k)) && (ev->duplicate || insert(s, ev, &k)) &&
		(!ev->duplicate || look_at_stores(s, ev)) &&
		(!ev->reject || delete_reject(s, ev->reject));
}
