/* SPDX-License-Identifier: ISC */
/* Moves events from the overflow to the server. */
#include "spool/overflow.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/encode.h"
#include "spool/delete.h"
#include "spool/key.h"
#include "spool/stmt.h"
#include "spool/totals.h"

enum { EVENTS = 64, BYTES = 4 << 20 /* of bodies, without the last */ };

/* An event of the overflow, with what it borrows. */
struct spilled {
	struct spool_event ev;
	struct buf arena;
	char origin[48], endpoint[1024], note[256], address[128];
	unsigned char digest[SPOOL_KEY_DIGEST];
	const struct sink **sinks;
};

struct move_out {
	struct spool_db *from;
	const struct conf *conf;
	struct spilled *item; /* EVENTS */
	size_t n;
	char name[16]; /* of the overflow */
};

static bool fail_move_out(const struct move_out *m, char *why, size_t n)
{
	snprintf(why, n, "overflow: %s", spool_db_error(m->from));
	return false;
}

/* ---- reading */

#define SELECT "SELECT id, received_at, endpoint, secret, event, key, account, sender_id, sender_name, conversation, sent_at, remote_addr," \
	" headers, event_body(body, segment, id), note, digest, scope, text, source FROM event WHERE id > ?1 ORDER BY id"

static bool copy_column_text(struct spool_stmt *st, int column, char *to, size_t n)
{
	struct slice text = spool_stmt_slice(st, column);

	snprintf(to, n, "%.*s", (int)(text.n < n ? text.n : n - 1), text.p ? text.p : "");
	return text.p != NULL;
}

/* Copies the values of columns, in two steps: the arena may move while it grows. */
static bool copy_columns(struct spilled *s, struct spool_stmt *st)
{
	struct spool_event *ev = &s->ev;
	struct slice *const to[] = {&ev->event, &ev->key, &ev->account, &ev->sender_id, &ev->sender_name, &ev->conversation, &ev->sent_at, &ev->headers,
		&ev->body, &ev->scope};
	static const int from[] = {4, 5, 6, 7, 8, 9, 10, 12, 13, 16};
	struct slice text = spool_stmt_stored_text(st, 17);
	size_t at = 0;

	for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
		struct slice value = spool_stmt_slice(st, from[i]);

		if (value.n && !buf_add(&s->arena, value.p, value.n))
			return false;
		*to[i] = (struct slice){value.p ? "" : NULL, value.n};
	}
	if (text.n && !buf_add(&s->arena, text.p, text.n))
		return false;
	for (size_t i = 0; i < sizeof from / sizeof *from; i++) {
		if (to[i]->n)
			to[i]->p = s->arena.data + at;
		at += to[i]->n;
	}
	ev->text = text.n ? (struct slice){s->arena.data + at, text.n} : (struct slice){0};
	return true;
}

/* As the receiver that stored it had it: an event that is known by its bytes has their hash as its key. */
static enum spool_identity identity_of(const struct spilled *s, bool has_digest)
{
	unsigned char digest[SPOOL_KEY_DIGEST];
	char hex[2 * SPOOL_KEY_DIGEST + 1];

	if (!s->ev.key.p)
		return SPOOL_IDENTITY_NONE;
	if (has_digest)
		return SPOOL_IDENTITY_UNSIGNED;
	if (s->ev.scope.n || s->ev.key.n != sizeof hex - 1 || !spool_key_digest(s->ev.body, digest))
		return SPOOL_IDENTITY_SIGNED;
	encode(ENCODING_HEX, (const char *)digest, sizeof digest, hex);
	return memcmp(hex, s->ev.key.p, s->ev.key.n) == 0 ? SPOOL_IDENTITY_BODY : SPOOL_IDENTITY_SIGNED;
}

static bool take_spilled(struct move_out *m, struct spool_stmt *st)
{
	struct spilled *s = &m->item[m->n++];
	struct slice digest = spool_stmt_slice(st, 15);
	const struct endpoint *e;
	int64_t id = spool_stmt_int64(st, 0);

	s->ev = (struct spool_event){
		.endpoint = s->endpoint, .received_at = spool_stmt_time(st, 1), .secret = (int)spool_stmt_number(st, 3, 0, 1000),
		.source = spool_stmt_source(st, 18), .id = id, .kept = true, .several_events = true, .several_accounts = true,
	};
	copy_column_text(st, 2, s->endpoint, sizeof s->endpoint);
	s->ev.note = copy_column_text(st, 14, s->note, sizeof s->note) ? s->note : NULL;
	s->ev.remote_addr = copy_column_text(st, 11, s->address, sizeof s->address) ? s->address : NULL;
	snprintf(s->origin, sizeof s->origin, "%s %" PRId64, m->name, id);
	s->ev.origin = slice_text(s->origin);
	if (!copy_columns(s, st))
		return spool_db_fail(m->from, SPOOL_ERROR_OTHER, "memory is short");
	if (!s->ev.key.p && s->ev.scope.n) /* the receiver had asked the server to store it, under this name */
		s->ev.origin = s->ev.scope;
	s->ev.identity = identity_of(s, digest.n == SPOOL_KEY_DIGEST);
	if (digest.n == SPOOL_KEY_DIGEST) {
		memcpy(s->digest, digest.p, sizeof s->digest);
		s->ev.digest = s->digest;
	}
	e = conf_endpoint(m->conf, s->endpoint);
	s->ev.dedupe_window = e ? e->dedupe_window : m->conf->dedupe_window;
	s->ev.replay_window = e ? e->replay_window : 0;
	return true;
}

/* The sinks that the receiver has chosen. One that the configuration lacks since gets nothing. */
static bool read_sinks(struct move_out *m, struct spilled *s, struct spool_stmt *st)
{
	const struct sink *sink;
	enum spool_step step = SPOOL_DONE;

	s->sinks = calloc(m->conf->n_sinks + 1, sizeof *s->sinks);
	if (!s->sinks)
		return spool_db_fail(m->from, SPOOL_ERROR_OTHER, "memory is short");
	spool_stmt_bind_int(st, 1, s->ev.id);
	while (s->ev.n_relay < m->conf->n_sinks && (step = spool_stmt_step(st)) == SPOOL_ROW) {
		sink = conf_sink(m->conf, spool_stmt_text(st, 0));
		if (sink)
			s->sinks[s->ev.n_relay++] = sink;
	}
	s->ev.relay = s->sinks;
	spool_stmt_reset(st);
	return step != SPOOL_ERROR || spool_stmt_fail(m->from);
}

static bool read_spilled(struct move_out *m, int64_t after)
{
	struct spool_stmt *events = NULL, *relays = NULL;
	enum spool_step step = SPOOL_DONE;
	size_t bytes = 0;
	bool ok = spool_stmt_prepare(m->from, SELECT, &events) && spool_stmt_prepare(m->from, "SELECT sink FROM relay WHERE event = ?1 AND state = 0"
		" ORDER BY id", &relays);

	spool_stmt_bind_int(events, 1, after);
	while (ok && m->n < EVENTS && bytes < BYTES && (step = spool_stmt_step(events)) == SPOOL_ROW) {
		ok = take_spilled(m, events);
		bytes += m->item[m->n - 1].ev.body.n;
	}
	ok = ok && (step != SPOOL_ERROR || spool_stmt_fail(m->from));
	spool_stmt_free(events);
	for (size_t i = 0; ok && i < m->n; i++)
		ok = read_sinks(m, &m->item[i], relays);
	spool_stmt_free(relays);
	return ok;
}

/* ---- moving */

static bool delete_spilled(struct move_out *m)
{
	bool ok = spool_db_begin(m->from, false);

	if (!ok)
		return false;
	for (size_t i = 0; ok && i < m->n; i++)
		if (!m->item[i].ev.refused)
			ok = spool_stmt_run(m->from, "DELETE FROM relay WHERE event = ?1 AND ?2 = 0", m->item[i].ev.id, 0) &&
				spool_stmt_run(m->from, "DELETE FROM event WHERE id = ?1 AND ?2 = 0", m->item[i].ev.id, 0);
	ok = ok && spool_db_commit(m->from);
	spool_db_end(m->from);
	return ok;
}

bool spool_overflow_is_one(struct spool_db *db, const char *dir)
{
	static const char sql[] = "SELECT application_id = ?1 OR NOT EXISTS(SELECT 1 FROM event) FROM pragma_application_id";
	struct spool_stmt *st;
	bool ok = spool_stmt_prepare(db, sql, &st), is_one;

	spool_stmt_bind_int(st, 1, SPOOL_OVERFLOW_MARK);
	ok = ok && (spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db));
	is_one = ok && spool_stmt_int64(st, 0);
	spool_stmt_free(st);
	return is_one || (ok && spool_db_fail(db, SPOOL_ERROR_OTHER, "%s: a spool that has events of its own; name another directory as overflow", dir));
}

static bool read_overflow_name(struct move_out *m)
{
	struct spool_stmt *st;
	bool ok = spool_stmt_prepare(m->from, "SELECT name FROM spool", &st) && (spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(m->from));

	if (ok)
		copy_column_text(st, 0, m->name, sizeof m->name);
	spool_stmt_free(st);
	return ok;
}

static void free_spilled(struct move_out *m)
{
	for (size_t i = 0; m->item && i < m->n; i++) {
		buf_free(&m->item[i].arena);
		free(m->item[i].sinks);
	}
	free(m->item);
}

bool spool_overflow_move(struct spool_db *from, struct spool *to, const struct conf *c, int64_t *after, size_t *n, char *why, size_t why_size)
{
	struct move_out m = {.from = from, .conf = c, .item = calloc(EVENTS, sizeof *m.item)};
	int64_t ids[EVENTS];
	bool ok = m.item && spool_overflow_is_one(from, c->overflow_dir) && read_overflow_name(&m) && read_spilled(&m, *after);

	if (!ok)
		fail_move_out(&m, why, why_size);
	for (size_t i = 0; i < m.n; i++) {
		ids[i] = m.item[i].ev.id;
		m.item[i].ev.next = i + 1 < m.n ? &m.item[i + 1].ev : NULL;
	}
	if (ok && m.n) {
		ok = spool_put(to, &m.item[0].ev, why, why_size);
		for (size_t i = 0; ok && i < m.n; i++)
			m.item[i].ev.id = ids[i]; /* spool_put() has set the server's */
		ok = ok && (delete_spilled(&m) || fail_move_out(&m, why, why_size));
	}
	if (ok && !m.n)
		from->engine->rest(from); /* the files of long bodies that were moved go */
	*n = ok ? m.n : 0;
	if (ok && m.n)
		*after = ids[m.n - 1];
	free_spilled(&m);
	return ok;
}

bool spool_overflow_wipe(const struct conf *c, int64_t *waiting, char *why, size_t why_size)
{
	struct spool_totals t;
	struct spool_db *db;
	bool ok;

	*waiting = 0;
	if (!c->overflow_dir || !spool_db_exists(c->overflow_dir))
		return true;
	db = spool_db_new();
	ok = db && spool_db_open(db, c->overflow_dir, c->journal, SPOOL_MANAGE) && spool_delete_wipe(db) && spool_totals_read(db, &t);
	if (!ok)
		snprintf(why, why_size, "overflow: %s", spool_db_error(db));
	else
		*waiting = t.events;
	spool_db_free(db);
	return ok;
}
