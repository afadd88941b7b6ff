/* SPDX-License-Identifier: ISC */
/*
 * Erases a person: all that the spool has of one sender.
 *
 * First makes two lists in memory: the sender's events, and the conversations with no other event. Then deletes the
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
#include "spool/query/erase_list.h"
#include "spool/stmt.h"

enum { PAGE = 1000 }; /* events that one statement reads */

struct erasure {
	struct spool_db *db;
	const struct spool_erase *what;
	struct spool_erased *sum;
	struct erase_list list;
	struct buf refusals; /* ids of rejected deliveries */
	struct buf plain;    /* an unpacked body */
	bool ok;
};

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

static bool note_conversation(struct erasure *e, struct slice endpoint, struct slice conversation)
{
	return erase_list_conversation(&e->list, endpoint, conversation) || fail_memory(e);
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
	e->sum->unread += !theirs && r->body_lost;
	if (!theirs)
		return e->ok;
	return (erase_list_event(&e->list, r->id, (int64_t)(r->body.n + r->headers.n)) || fail_memory(e)) &&
		(!r->conversation.p || note_conversation(e, r->endpoint, r->conversation));
}

static bool list_events(struct erasure *e)
{
	struct spool_filter all = spool_filter_all;
	struct spool_events_iter *it;
	struct spool_row row;

	all.without_bodies = true; /* a damaged body of one sender must not keep those of others */
	it = spool_events_find(e->db, &all);

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

/* Marks the conversations of the next events that are of another sender. *after becomes the id of the last of them; INT64_MAX: none. */
static bool mark_page(struct erasure *e, int64_t *after)
{
	struct erase_conversation *c;
	struct spool_stmt *st;
	enum spool_step rc;
	int64_t from = *after;

	*after = INT64_MAX;
	if (!spool_stmt_prepare(e->db, "SELECT id, endpoint, conversation FROM event WHERE id > ?1 AND conversation IS NOT NULL ORDER BY id"
			" LIMIT ?2", &st))
		return false;
	spool_stmt_bind_int(st, 1, from);
	spool_stmt_bind_int(st, 2, PAGE);
	while ((rc = spool_stmt_step(st)) == SPOOL_ROW) {
		*after = spool_stmt_int64(st, 0);
		c = erase_list_find(&e->list, spool_stmt_slice(st, 1), spool_stmt_slice(st, 2));
		if (c && !erase_list_has(&e->list, *after))
			c->stays = true;
	}
	spool_stmt_free(st);
	return rc == SPOOL_DONE || spool_stmt_fail(e->db);
}

static bool mark_conversations(struct erasure *e)
{
	int64_t after = INT64_MIN;
	bool ok = true;

	erase_list_sort(&e->list);
	while (ok && e->list.n_conversations && after != INT64_MAX)
		ok = mark_page(e, &after);
	return ok;
}

static bool make_lists(struct erasure *e)
{
	return list_events(e) && note_named_conversations(e) && mark_conversations(e) && list_refusals(e);
}

/* ---- deleting what is listed */

/* Runs a statement for each conversation that goes; its rows are counted. */
static bool for_conversations(struct erasure *e, const char *sql)
{
	struct spool_stmt *st;
	enum spool_step rc = SPOOL_DONE;

	if (!spool_stmt_prepare(e->db, sql, &st))
		return false;
	for (size_t i = 0; rc != SPOOL_ERROR && i < e->list.n_conversations; i++) {
		const struct erase_conversation *c = e->list.conversations[i];

		if (c->stays)
			continue;
		spool_stmt_bind_slice(st, 1, erase_list_endpoint(c));
		spool_stmt_bind_slice(st, 2, erase_list_id(c));
		rc = spool_stmt_step(st);
		e->sum->conversations += rc == SPOOL_ROW ? spool_stmt_int64(st, 0) : rc == SPOOL_DONE ? spool_stmt_changes(e->db) : 0;
		spool_stmt_reset(st);
	}
	spool_stmt_free(st);
	return rc != SPOOL_ERROR || spool_stmt_fail(e->db);
}

#define THAT_CONVERSATION " FROM conversation WHERE endpoint = ?1 AND " SPOOL_STMT_HASHED "conversation = " SPOOL_STMT_HASHED "?2"

static bool count_conversations(struct erasure *e)
{
	return for_conversations(e, "SELECT count(*)" THAT_CONVERSATION);
}

static bool delete_conversations(struct erasure *e)
{
	bool ok, low;

	if (!spool_delete_begin(e->db, &low))
		return false;
	ok = for_conversations(e, "DELETE" THAT_CONVERSATION) && spool_db_commit(e->db);
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

static bool delete_events(struct erasure *e)
{
	const struct spool_doomed *events = (const void *)e->list.events.data;

	return spool_delete(e->db, events, e->list.events.len / sizeof *events, e->what->keys_since, false, e->what->dry_run, &e->sum->events);
}

bool spool_erase(struct spool_db *db, const struct spool_erase *what, struct spool_erased *sum)
{
	struct erasure e = {.db = db, .what = what, .sum = sum, .ok = true};
	bool ok = make_lists(&e);

	sum->refusals += ok ? (int64_t)(e.refusals.len / sizeof(int64_t)) : 0;
	if (ok)
		ok = what->dry_run ? count_conversations(&e) && delete_events(&e) :
				     delete_conversations(&e) && delete_refusals(&e) && delete_events(&e);
	erase_list_free(&e.list);
	buf_free(&e.refusals);
	buf_free(&e.plain);
	return ok;
}
