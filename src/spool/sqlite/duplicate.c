/* SPDX-License-Identifier: ISC */
/* Finds whether an event is stored already, and which other event has the same bytes: the rules are in store.h. */
#include "spool/sqlite/duplicate.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "spool/sqlite/sql.h"

bool spool_duplicate_within(int64_t window, int64_t a, int64_t b)
{
	return (a > b ? a - b : b - a) <= window;
}

int spool_duplicate_find(struct spool_store *s, const struct spool_event *ev, const struct spool_candidate *c, struct spool_found *f)
{
	sqlite3_stmt *st = spool_store_statement(s, STORE_FIND);
	int rc;

	if (!st)
		return SQLITE_ERROR;
	sqlite3_bind_text(st, 1, ev->endpoint, -1, SQLITE_STATIC);
	spool_sql_bind_slice(st, 2, c->key.id);
	spool_sql_bind_body(st, 3, ev->body);
	spool_sql_bind_slice(st, 4, c->key.scope);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*f = (struct spool_found){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), sqlite3_column_int(st, 2), true,
			sqlite3_column_int(st, 3)};
	sqlite3_reset(st);
	return rc;
}

/* Finds a purged event by its key. Where release 0.1 purged it, its bytes are not known, and count as the same. Returns as above. */
static int find_purged(struct spool_store *s, const struct spool_event *ev, struct slice key, struct spool_found *f)
{
	sqlite3_stmt *st = spool_store_statement(s, STORE_FIND_PURGED);
	unsigned char digest[SPOOL_KEY_DIGEST];
	int rc;

	if (!st)
		return SQLITE_ERROR;
	sqlite3_bind_text(st, 1, ev->endpoint, -1, SQLITE_STATIC);
	spool_sql_bind_slice(st, 2, key);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		*f = (struct spool_found){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), true,
			sqlite3_column_bytes(st, 2) == SPOOL_KEY_DIGEST, sqlite3_column_int(st, 3)};
		f->same_bytes = !f->bytes_known ||
			(spool_key_digest(spool_key_bytes(ev), digest) && memcmp(sqlite3_column_blob(st, 2), digest, sizeof digest) == 0);
	}
	sqlite3_reset(st);
	return rc;
}

bool spool_duplicate_set(struct spool_event *ev, const struct spool_found *f)
{
	ev->duplicate = true;
	ev->fetched = f->fetched;
	ev->id = f->id;
	ev->altered = !f->same_bytes && ev->identity == SPOOL_IDENTITY_SIGNED; /* other keys have a digest of the bytes */
	return true;
}

/*
 * Looks for a purged event of release 0.1. Several events may have the same plain id as their key: then the bytes decide. A catch-up
 * never has the bytes of the webhook, and a message has one event there.
 */
static bool look_legacy_purged(struct spool_store *s, struct spool_event *ev)
{
	struct spool_key_legacy keys;
	struct spool_found f;
	int rc;

	if (!spool_key_list_legacy(ev, &keys))
		return false;
	for (size_t i = 0; i < keys.n; i++) {
		rc = find_purged(s, ev, keys.key[i], &f);
		if (rc == SQLITE_ROW && f.id <= s->legacy_id && f.same_bytes &&
		    (keys.by_bytes[i] || f.bytes_known || ev->identity == SPOOL_IDENTITY_UNSIGNED || ev->source))
			return spool_duplicate_set(ev, &f);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE)
			return false;
	}
	return true;
}

/* Looks for a purged event with the same key. */
static bool look_purged(struct spool_store *s, struct spool_event *ev, const struct spool_candidate *c)
{
	struct spool_found f;
	int rc = find_purged(s, ev, c->key.whole, &f);

	if (rc == SQLITE_ROW && (ev->identity != SPOOL_IDENTITY_BODY || spool_duplicate_within(ev->dedupe_window, f.received_at, ev->received_at)))
		return spool_duplicate_set(ev, &f);
	if (rc == SQLITE_DONE && s->legacy_id)
		return look_legacy_purged(s, ev);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

/*
 * Looks for an event of release 0.1 under that key. It is the same event when it has the same bytes. With a signed id it is also the
 * same when it has the same name and the same account; 0.1 did not find some accounts, and has NULL there.
 */
static bool look_legacy(struct spool_store *s, struct spool_event *ev, const struct spool_candidate *c, struct slice key)
{
	sqlite3_stmt *st = spool_store_statement(s, STORE_LEGACY);
	bool same_bytes, same_thing;
	int rc;

	if (!st)
		return false;
	sqlite3_bind_text(st, 1, ev->endpoint, -1, SQLITE_STATIC);
	spool_sql_bind_slice(st, 2, key);
	spool_sql_bind_body(st, 3, ev->body);
	spool_sql_bind_slice(st, 4, ev->event);
	spool_sql_bind_slice(st, 5, ev->account);
	sqlite3_bind_int64(st, 6, s->legacy_id);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		same_bytes = sqlite3_column_int(st, 1);
		same_thing = ev->identity == SPOOL_IDENTITY_SIGNED && c->key.by_name && sqlite3_column_int(st, 2) && sqlite3_column_int(st, 3);
		if (same_bytes || same_thing)
			spool_duplicate_set(ev, &(struct spool_found){sqlite3_column_int64(st, 0), 0, same_bytes, true, false});
	}
	sqlite3_reset(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

static bool look_legacies(struct spool_store *s, struct spool_event *ev, const struct spool_candidate *c)
{
	struct spool_key_legacy keys;

	if (!spool_key_list_legacy(ev, &keys))
		return false;
	for (size_t i = 0; i < keys.n && !ev->duplicate; i++)
		if (!look_legacy(s, ev, c, keys.key[i]))
			return false;
	return true;
}

static int find_same(struct spool_store *s, enum spool_store_sql which, const struct spool_event *ev, const struct spool_candidate *c,
	struct spool_found *f)
{
	sqlite3_stmt *st = spool_store_statement(s, which);
	int rc;

	if (!st)
		return SQLITE_ERROR;
	sqlite3_bind_text(st, 1, ev->endpoint, -1, SQLITE_STATIC);
	sqlite3_bind_blob(st, 2, c->key.digest, sizeof c->key.digest, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*f = (struct spool_found){sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), true, true, false};
	sqlite3_reset(st);
	return rc;
}

/* For an unsigned id: looks for an event with the same bytes, under the same id or another one. */
static bool look_same(struct spool_store *s, struct spool_event *ev, struct spool_candidate *c)
{
	struct spool_found f;
	int rc = spool_duplicate_find(s, ev, c, &f);

	if (rc == SQLITE_ROW)
		return spool_duplicate_set(ev, &f);
	if (rc == SQLITE_DONE)
		rc = find_same(s, STORE_SAME, ev, c, &f);
	if (rc == SQLITE_DONE && s->any_purged)
		rc = find_same(s, STORE_SAME_PURGED, ev, c, &f);
	if (rc != SQLITE_ROW)
		return rc == SQLITE_DONE;
	ev->same_as = f.id;
	if (ev->replay_window && spool_duplicate_within(ev->replay_window, f.received_at, ev->received_at))
		return spool_duplicate_set(ev, &f);
	snprintf(c->text, sizeof c->text, "%s%ssame bytes as event %" PRId64, ev->note ? ev->note : "", ev->note ? "; " : "", f.id);
	c->note = c->text;
	return true;
}

bool spool_duplicate_look(struct spool_store *s, struct spool_event *ev, struct spool_candidate *c)
{
	return (!s->any_purged || look_purged(s, ev, c)) &&
		(ev->duplicate || !s->legacy_id || look_legacies(s, ev, c)) &&
		(ev->duplicate || ev->identity != SPOOL_IDENTITY_UNSIGNED || look_same(s, ev, c));
}
