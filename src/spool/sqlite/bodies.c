/* SPDX-License-Identifier: ISC */
/* Puts the bodies of segments into the rows of a backup. */
#include "spool/sqlite/bodies.h"

enum { NEXT, READ, PUT, ATTEMPTS, RELAYS, CAME, EVENT, STATEMENTS };

/* READ is of the spool, all others are of its copy. */
static const char *const fill_texts[STATEMENTS] = {
	[NEXT] = "SELECT segment, id FROM event INDEXED BY event_segment WHERE segment IS NOT NULL AND segment >= ?1"
		" AND (segment > ?1 OR id > ?2) ORDER BY segment, id LIMIT 1",
	[READ] = "SELECT event_body(body, segment, id) FROM event WHERE id = ?1",
	[PUT] = "UPDATE event SET segment = NULL, body = ?2 WHERE id = ?1",
	[ATTEMPTS] = "DELETE FROM attempt WHERE relay IN (SELECT id FROM relay WHERE event = ?1)",
	[RELAYS] = "DELETE FROM relay WHERE event = ?1",
	[CAME] = "DELETE FROM came WHERE event = ?1",
	[EVENT] = "DELETE FROM event WHERE id = ?1",
};

struct bodies {
	struct spool_db *db;
	sqlite3 *to;
	sqlite3_stmt *st[STATEMENTS];
};

static bool fail_bodies(struct bodies *b, sqlite3 *sql)
{
	return spool_db_fail_code(b->db, sqlite3_errcode(sql), "backup: %s", sqlite3_errmsg(sql));
}

static bool prepare_bodies(struct bodies *b)
{
	sqlite3 *sql;

	for (int i = 0; i < STATEMENTS; i++) {
		sql = i == READ ? b->db->sql : b->to;
		if (sqlite3_prepare_v2(sql, fill_texts[i], -1, &b->st[i], NULL) != SQLITE_OK)
			return fail_bodies(b, sql);
	}
	return true;
}

/* Runs a statement of the copy, whose first parameter is the event's id. */
static bool run_in_bodies(struct bodies *b, int which, int64_t id)
{
	bool ok;

	sqlite3_bind_int64(b->st[which], 1, id);
	ok = sqlite3_step(b->st[which]) == SQLITE_DONE || fail_bodies(b, b->to);
	sqlite3_reset(b->st[which]);
	return ok;
}

static bool delete_from_copy(struct bodies *b, int64_t id)
{
	bool ok = true;

	for (int i = ATTEMPTS; ok && i <= EVENT; i++)
		ok = run_in_bodies(b, i, id);
	return ok;
}

static bool fill_body(struct bodies *b, int64_t id)
{
	sqlite3_stmt *read = b->st[READ];
	bool ok = true;
	int rc;

	sqlite3_bind_int64(read, 1, id);
	rc = sqlite3_step(read);
	if (rc == SQLITE_ROW) {
		sqlite3_bind_value(b->st[PUT], 2, sqlite3_column_value(read, 0));
		ok = run_in_bodies(b, PUT, id);
		sqlite3_clear_bindings(b->st[PUT]);
	} else if (rc == SQLITE_DONE) {
		ok = delete_from_copy(b, id);
	} else if (rc != SQLITE_CORRUPT) {
		ok = fail_bodies(b, b->db->sql);
	}
	sqlite3_reset(read);
	return ok;
}

static bool copy_bodies(struct bodies *b)
{
	sqlite3_stmt *next = b->st[NEXT];
	int64_t segment = 0, id = 0;
	bool ok = true;
	int rc = SQLITE_ROW;

	while (ok && rc == SQLITE_ROW) {
		sqlite3_bind_int64(next, 1, segment);
		sqlite3_bind_int64(next, 2, id);
		rc = sqlite3_step(next);
		segment = sqlite3_column_int64(next, 0);
		id = sqlite3_column_int64(next, 1);
		sqlite3_reset(next);
		ok = rc == SQLITE_ROW ? fill_body(b, id) : rc == SQLITE_DONE || fail_bodies(b, b->to);
	}
	return ok;
}

bool spool_bodies_copy(struct spool_db *db, sqlite3 *to)
{
	struct bodies b = {.db = db, .to = to};
	bool ok = sqlite3_exec(to, "BEGIN", NULL, NULL, NULL) == SQLITE_OK || fail_bodies(&b, to);

	ok = ok && prepare_bodies(&b) && copy_bodies(&b) &&
		(sqlite3_exec(to, "DELETE FROM hole; COMMIT", NULL, NULL, NULL) == SQLITE_OK || fail_bodies(&b, to));
	for (int i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(b.st[i]);
	return ok;
}
