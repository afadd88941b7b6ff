/* SPDX-License-Identifier: ISC */
/* Reads the relays that are due. */
#include "spool/relaying.h"

#include <stdio.h>
#include <stdlib.h>

#include "spool/sqlite/stmt.h"
#include "spool/stmt.h"

enum { LOOK_MOST = 1000 /* rows that one reading passes at most */ };

/* What read_relay() reads. */
#define COLUMNS "r.id, r.due, r.attempts, e.id, e.received_at, e.endpoint, e.event, e.key, e.account, e.sender_id, e.sender_name," \
	" e.conversation, e.sent_at, e.headers, event_body_if(e.body, e.segment, e.id), r.since, r.judge, r.reply, r.state, r.sink, e.text, e.remote_addr, e.note, e.source"

static void read_relay(struct spool_stmt *st, struct spool_relay_row *r)
{
	r->id = spool_stmt_int64(st, 0);
	r->due = spool_stmt_time(st, 1);
	r->since = spool_stmt_time(st, 15);
	r->attempts = spool_stmt_int(st, 2);
	r->elsewhere = false;
	r->judge = (int)spool_stmt_int64(st, 16);
	r->reply = spool_stmt_slice(st, 17);
	r->state = (enum spool_relay_state)(int)spool_stmt_int64(st, 18);
	r->sink = spool_stmt_slice(st, 19);
	r->event = (struct spool_row){
		.id = spool_stmt_int64(st, 3),
		.received_at = spool_stmt_time(st, 4),
		.endpoint = spool_stmt_present(st, 5),
		.event = spool_stmt_present(st, 6),
		.key = spool_stmt_slice(st, 7),
		.account = spool_stmt_slice(st, 8),
		.sender_id = spool_stmt_slice(st, 9),
		.sender_name = spool_stmt_slice(st, 10),
		.conversation = spool_stmt_slice(st, 11),
		.sent_at = spool_stmt_slice(st, 12),
		.headers = spool_stmt_present(st, 13),
		.body = spool_stmt_present(st, 14),
		.body_lost = spool_stmt_is_null(st, 14),
		.text = spool_stmt_stored_text(st, 20),
		.text_known = !spool_stmt_is_null(st, 20),
		.remote_addr = spool_stmt_slice(st, 21),
		.note = spool_stmt_slice(st, 22),
		.source = spool_stmt_source(st, 23),
	};
}

struct due_iter {
	struct spool_relay_iter head;
	struct spool_stmt *st;
	struct spool_stmt *later; /* behind st; NULL: none */
	struct spool_relay_cursor at;
	int looked;
	bool done, failed;
	const struct spool_relay_key *keys; /* of spool_relay_find(); NULL: it is spool_relay_due() */
	size_t n_keys;
	spool_relay_skip *skip;
	const void *skip_ctx;
};

static struct due_iter *new_iter(struct spool_db *db)
{
	struct due_iter *it = calloc(1, sizeof *it);

	if (it)
		it->head.db = db;
	else
		spool_db_fail(db, SPOOL_ERROR_OTHER, "spool: memory is short");
	return it;
}

static struct due_iter *due_iter_of(struct spool_relay_iter *head)
{
	return (struct due_iter *)(void *)head;
}

/* SQL's is_read(ITER, ID), which asks the reading's caller. */
static void is_read(sqlite3_context *context, int n, sqlite3_value **value)
{
	const struct due_iter *it = sqlite3_value_pointer(value[0], "reading");

	(void)n;
	sqlite3_result_int(context, it && it->skip && it->skip(it->skip_ctx, sqlite3_value_int64(value[1])));
}

/* The first statement of a connection finds no function, and has it made. */
static bool keep_due(struct spool_db *db, const char *sql, struct spool_stmt **st)
{
	return spool_stmt_keep(db, sql, st) ||
		(sqlite3_create_function_v2(db->sql, "is_read", 2, SQLITE_UTF8 | SQLITE_DIRECTONLY, NULL, is_read, NULL, NULL, NULL) == SQLITE_OK &&
		spool_stmt_keep(db, sql, st));
}

/* A relay that waits for an older one of its conversation comes without its event. */
#define DUE(range) "SELECT " COLUMNS \
	" FROM relay AS r INDEXED BY relay_due LEFT JOIN event AS e ON e.id = iif(EXISTS(SELECT 1 FROM relay AS o" \
	" WHERE o.sink = r.sink AND o.conversation = r.conversation AND o.state = 0 AND o.id < r.id), NULL, r.event)" \
	" WHERE r.sink = ?1 AND r.state = 0 AND " range " AND NOT is_read(?4, r.id) ORDER BY r.due, r.id"

static void bind_due(struct spool_stmt *st, const char *sink, int64_t from, int64_t to, struct due_iter *it)
{
	spool_stmt_bind_text(st, 1, sink);
	spool_stmt_bind_int(st, 2, from);
	spool_stmt_bind_int(st, 3, to);
	sqlite3_bind_pointer(spool_sqlite_handle(st), 4, it, "reading", NULL);
}

/* Two statements: of one with a row value, (due, id) > (?, ?), SQLite looks up only the time, and passes all relays of that time. */
static struct spool_relay_iter *read_due_relays(struct spool_db *db, const char *sink, int64_t now, const struct spool_relay_cursor *from,
	spool_relay_skip *skip, const void *ctx)
{
	struct due_iter *it = new_iter(db);

	if (!it)
		return NULL;
	it->at = *from;
	it->skip = skip;
	it->skip_ctx = ctx;
	it->failed = !keep_due(db, DUE("r.due = ?2 AND r.id > ?3"), &it->st) || !keep_due(db, DUE("r.due > ?2 AND r.due <= ?3"), &it->later);
	if (it->failed)
		return &it->head;
	bind_due(it->st, sink, from->due, from->due <= now ? from->id : INT64_MAX, it);
	bind_due(it->later, sink, from->due, now, it);
	return &it->head;
}

static struct spool_relay_iter *find_relays(struct spool_db *db, const struct spool_relay_key *keys, size_t n)
{
	struct due_iter *it = new_iter(db);

	if (!it)
		return NULL;
	it->keys = keys;
	it->n_keys = n;
	it->failed = !spool_stmt_keep(db, "SELECT " COLUMNS " FROM relay AS r JOIN event AS e ON e.id = r.event"
		" WHERE r.id = ?1 AND r.event = ?2", &it->st);
	return &it->head;
}

static bool next_found(struct due_iter *it, struct spool_relay_row *row)
{
	enum spool_step rc = SPOOL_DONE;

	while (!it->failed && it->n_keys && rc == SPOOL_DONE) {
		spool_stmt_reset(it->st);
		spool_stmt_bind_int(it->st, 1, it->keys->relay);
		spool_stmt_bind_int(it->st, 2, it->keys->event);
		it->keys++;
		it->n_keys--;
		rc = spool_stmt_step(it->st);
	}
	if (rc == SPOOL_ROW)
		read_relay(it->st, row);
	else if (rc != SPOOL_DONE)
		it->failed = !spool_stmt_fail(it->head.db);
	return rc == SPOOL_ROW;
}

/* Steps to the next row of both statements. */
static enum spool_step step_due(struct due_iter *it)
{
	int rc = spool_stmt_step(it->st);

	if (rc != SPOOL_DONE || !it->later)
		return rc;
	spool_stmt_reset(it->st);
	it->st = it->later;
	it->later = NULL;
	return spool_stmt_step(it->st);
}

static bool next_relay(struct spool_relay_iter *head, struct spool_relay_row *row)
{
	struct due_iter *it = due_iter_of(head);
	enum spool_step rc = SPOOL_ROW;

	if (it && it->keys)
		return next_found(it, row);
	while (it && !it->failed && !it->done && it->looked < LOOK_MOST && (rc = step_due(it)) == SPOOL_ROW) {
		read_relay(it->st, row);
		it->at = (struct spool_relay_cursor){row->due, row->id};
		it->looked++;
		if (row->event.id)
			return true;
	}
	if (rc == SPOOL_DONE)
		it->done = true;
	else if (rc != SPOOL_ROW)
		it->failed = !spool_stmt_fail(it->head.db);
	return false;
}

static bool end_relays(struct spool_relay_iter *head, struct spool_relay_cursor *cursor, bool *more)
{
	struct due_iter *it = due_iter_of(head);
	bool ok = it && !it->failed;

	*more = ok && !it->done;
	if (it) {
		*cursor = it->at;
		spool_stmt_reset(it->st);
	}
	free(it);
	return ok;
}

static bool find_pending_relays(struct spool_db *db, struct spool_relay_key *keys, size_t count)
{
	struct spool_stmt *st;
	bool ok = true;
	enum spool_step rc;

	if (!spool_stmt_keep(db, "SELECT 1 FROM relay WHERE id = ?1 AND event = ?2 AND state = 0", &st))
		return false;
	/* one transaction, as each begins with system calls */
	spool_stmt_exec(db, "BEGIN");
	for (size_t i = 0; ok && i < count; i++) {
		spool_stmt_reset(st);
		spool_stmt_bind_int(st, 1, keys[i].relay);
		spool_stmt_bind_int(st, 2, keys[i].event);
		rc = spool_stmt_step(st);
		keys[i].pending = rc == SPOOL_ROW;
		ok = rc == SPOOL_ROW || rc == SPOOL_DONE || spool_stmt_fail(db);
	}
	spool_stmt_reset(st);
	spool_stmt_exec(db, "COMMIT");
	return ok;
}

const struct spool_relaying spool_sqlite_relaying = {
	.due = read_due_relays, .find = find_relays, .next = next_relay, .end = end_relays, .pending = find_pending_relays,
	.record = spool_query_record, .sending = spool_query_sending, .doubt = spool_query_doubt,
};
