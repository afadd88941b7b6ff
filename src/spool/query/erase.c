/* SPDX-License-Identifier: ISC */
/*
 * Erases a person: all that the spool has of one sender.
 *
 * First makes two lists, in temporary tables in memory: the sender's events, and the conversations with no other event. Then deletes the
 * conversations, and the events last. Only the events tell which conversations are the sender's, so that a second erasure can finish
 * one that was killed.
 */
#include "spool/erase.h"

#include <stdlib.h>
#include <string.h>

#include "core/mention.h"
#include "core/unpack.h"
#include "spool/events.h"
#include "spool/rejects.h"
#include "spool/query/delete.h"
#include "spool/stmt.h"

struct erasure {
	struct spool_db *db;
	const struct spool_erase *what;
	struct spool_erased *sum;
	struct spool_stmt *note_event, *note_conversation;
	struct buf refusals; /* ids of rejected deliveries */
	struct buf plain;    /* an unpacked body */
	bool ok;
};

static bool run_erasure(struct erasure *e, const char *sql)
{
	return spool_stmt_exec(e->db, sql) || spool_stmt_fail(e->db);
}

static bool fail_memory(struct erasure *e)
{
	e->ok = false;
	return spool_db_fail(e->db, SPOOL_ERROR_OTHER, "memory is short");
}

static bool mentions(struct erasure *e, struct slice text)
{
	bool failed = false, found = mention_find(text, slice_text(e->what->sender), &failed);

	if (failed)
		fail_memory(e);
	return found;
}

static bool delivery_mentions(struct erasure *e, struct slice headers, struct slice body)
{
	if (!unpack_kept(body, &e->plain, &body))
		return fail_memory(e);
	return mentions(e, body) || mentions(e, headers);
}

/* ---- lists */

static bool note(struct erasure *e, struct spool_stmt *st)
{
	bool ok = spool_stmt_step(st) == SPOOL_DONE || spool_stmt_fail(e->db);

	spool_stmt_reset(st);
	e->ok = e->ok && ok;
	return ok;
}

static bool note_conversation(struct erasure *e, struct slice endpoint, struct slice conversation)
{
	spool_stmt_bind_slice(e->note_conversation, 1, endpoint);
	spool_stmt_bind_slice(e->note_conversation, 2, conversation);
	return note(e, e->note_conversation);
}

static bool is_sender(const struct erasure *e, const struct spool_row *r)
{
	return r->sender_id.p && r->sender_id.n == strlen(e->what->sender) && memcmp(r->sender_id.p, e->what->sender, r->sender_id.n) == 0;
}

static bool note_if_theirs(struct erasure *e, const struct spool_row *r)
{
	bool theirs = is_sender(e, r);

	if (!theirs && delivery_mentions(e, r->headers, r->body)) {
		theirs = e->what->mentions;
		e->sum->mentioned += !theirs;
	}
	if (!theirs)
		return e->ok;
	spool_stmt_bind_int(e->note_event, 1, r->id);
	spool_stmt_bind_int(e->note_event, 2, (int64_t)(r->body.n + r->headers.n));
	return note(e, e->note_event) && (!r->conversation.p || note_conversation(e, r->endpoint, r->conversation));
}

static bool list_events(struct erasure *e)
{
	struct spool_events_iter *it = spool_events_find(e->db, &spool_filter_all);
	struct spool_row row;

	while (e->ok && spool_events_next(it, &row) && note_if_theirs(e, &row))
		;
	return spool_events_end(it) && e->ok;
}

static bool list_refusals(struct erasure *e)
{
	struct spool_rows *rows = spool_rejects_list(e->db, NULL, 0);
	struct spool_reject_row r;

	while (e->ok && spool_rejects_next(rows, &r))
		if ((delivery_mentions(e, r.headers, r.body) || mentions(e, r.path) || mentions(e, r.reason)) &&
		    !buf_add(&e->refusals, &r.id, sizeof r.id))
			fail_memory(e);
	return spool_rows_end(rows) && e->ok;
}

/* Adds conversations whose id mentions the sender: their events may have been purged before. */
static bool note_named_conversations(struct erasure *e)
{
	struct spool_stmt *st;
	bool ok = spool_stmt_prepare(e->db, "SELECT endpoint, conversation FROM conversation WHERE instr(conversation, ?1) > 0", &st);
	enum spool_step rc = SPOOL_DONE;

	if (!ok)
		return false;
	spool_stmt_bind_text(st, 1, e->what->sender);
	while (ok && (rc = spool_stmt_step(st)) == SPOOL_ROW)
		ok = !mentions(e, spool_stmt_slice(st, 1)) || note_conversation(e, spool_stmt_slice(st, 0), spool_stmt_slice(st, 1));
	spool_stmt_free(st);
	return ok && e->ok && (rc == SPOOL_DONE || spool_stmt_fail(e->db));
}

static bool make_lists(struct erasure *e)
{
	return run_erasure(e, "CREATE TEMP TABLE erase_event(id INTEGER PRIMARY KEY, bytes INTEGER NOT NULL);"
			"CREATE TEMP TABLE erase_conversation(endpoint TEXT, conversation TEXT, PRIMARY KEY(endpoint, conversation)) WITHOUT ROWID") &&
		spool_stmt_prepare(e->db, "INSERT OR IGNORE INTO temp.erase_event VALUES(?1, ?2)", &e->note_event) &&
		spool_stmt_prepare(e->db, "INSERT OR IGNORE INTO temp.erase_conversation VALUES(?1, ?2)", &e->note_conversation) &&
		list_events(e) && note_named_conversations(e) &&
		/* conversations that have an event of another sender stay */
		run_erasure(e, "DELETE FROM temp.erase_conversation WHERE (endpoint, conversation) IN (SELECT c.endpoint, c.conversation"
			" FROM main.event AS v CROSS JOIN temp.erase_conversation AS c ON c.endpoint = v.endpoint AND c.conversation = v.conversation"
			" WHERE v.id NOT IN (SELECT id FROM temp.erase_event))") &&
		list_refusals(e);
}

static void drop_lists(struct erasure *e)
{
	spool_stmt_free(e->note_event);
	spool_stmt_free(e->note_conversation);
	spool_stmt_exec(e->db, "DROP TABLE IF EXISTS temp.erase_event; DROP TABLE IF EXISTS temp.erase_conversation");
	buf_free(&e->refusals);
	buf_free(&e->plain);
}

/* ---- deleting what is listed */

static bool count_conversations(struct erasure *e)
{
	struct spool_stmt *st;
	bool ok = spool_stmt_prepare(e->db, "SELECT count(*) FROM temp.erase_conversation JOIN main.conversation USING(endpoint, conversation)",
		&st);

	ok = ok && (spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(e->db));
	e->sum->conversations += ok ? spool_stmt_int64(st, 0) : 0;
	spool_stmt_free(st);
	return ok;
}

static bool delete_conversations(struct erasure *e)
{
	bool ok, low;

	if (!spool_delete_begin(e->db, &low))
		return false;
	ok = count_conversations(e) && run_erasure(e, "DELETE FROM main.conversation WHERE (endpoint, conversation) IN"
		" (SELECT endpoint, conversation FROM temp.erase_conversation)") && spool_db_commit(e->db);
	spool_delete_end(e->db, low);
	return ok;
}

static bool delete_refusals(struct erasure *e)
{
	const int64_t *id = (const void *)e->refusals.data;
	size_t n = e->refusals.len / sizeof *id;
	bool ok = true, low;

	if (!n || !spool_delete_begin(e->db, &low))
		return !n;
	for (size_t i = 0; ok && i < n; i++)
		ok = spool_stmt_run(e->db, "DELETE FROM reject WHERE id = ?1", id[i], 0);
	ok = ok && spool_db_commit(e->db);
	spool_delete_end(e->db, low);
	return ok;
}

/* Reads the next events of the list. Returns how many, or -1. */
static int next_events(struct erasure *e, int64_t after, struct spool_doomed *batch)
{
	struct spool_stmt *st;
	int rc, n = 0;

	if (!spool_stmt_prepare(e->db, "SELECT id, bytes FROM temp.erase_event WHERE id > ?1 ORDER BY id LIMIT ?2", &st))
		return -1;
	spool_stmt_bind_int(st, 1, after);
	spool_stmt_bind_int(st, 2, SPOOL_DELETE_BATCH);
	while ((rc = spool_stmt_step(st)) == SPOOL_ROW)
		batch[n++] = (struct spool_doomed){spool_stmt_int64(st, 0), spool_stmt_int64(st, 1)};
	spool_stmt_free(st);
	if (rc == SPOOL_DONE)
		return n;
	spool_stmt_fail(e->db);
	return -1;
}

static bool delete_events(struct erasure *e)
{
	struct spool_doomed batch[SPOOL_DELETE_BATCH];
	int64_t after = 0;
	int n;

	while ((n = next_events(e, after, batch)) > 0) {
		after = batch[n - 1].id;
		if (!spool_delete(e->db, batch, (size_t)n, e->what->keys_since, false, e->what->dry_run, &e->sum->events))
			return false;
	}
	return n == 0;
}

bool spool_erase(struct spool_db *db, const struct spool_erase *what, struct spool_erased *sum)
{
	struct erasure e = {.db = db, .what = what, .sum = sum, .ok = true};
	bool ok = make_lists(&e);

	sum->refusals += ok ? (int64_t)(e.refusals.len / sizeof(int64_t)) : 0;
	if (ok)
		ok = what->dry_run ? count_conversations(&e) && delete_events(&e) :
				     delete_conversations(&e) && delete_refusals(&e) && delete_events(&e);
	drop_lists(&e);
	return ok;
}
