/* SPDX-License-Identifier: ISC */
/* Reads rejected deliveries back. */
#include "spool/rejects.h"

#include "spool/query/delete.h"
#include "spool/query/rows.h"
#include "spool/stmt.h"
#include "spool/query/stats.h"

/* Finds the ids of the first and the last of the newest n; 0 and 0 when there is none. */
static bool find_newest(struct spool_db *db, const char *endpoint, int64_t limit, int64_t *first, int64_t *last)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, "SELECT min(id), max(id) FROM"
			" (SELECT id FROM reject WHERE endpoint = ?1 OR ?1 IS NULL ORDER BY id DESC LIMIT ?2) AS newest", &st))
		return false;
	spool_stmt_bind_text(st, 1, endpoint);
	spool_stmt_bind_int(st, 2, limit > 0 ? limit : INT64_MAX);
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	*first = spool_stmt_int64(st, 0);
	*last = spool_stmt_int64(st, 1);
	spool_stmt_free(st);
	return ok;
}

/* Begins to read the ids from first to last; each row is a statement of its own. */
static struct spool_rows *begin_range(struct spool_db *db, const char *endpoint, int64_t first, int64_t last)
{
	struct spool_rows *rows = spool_rows_begin(db, "SELECT id, received_at, bytes, endpoint, code, reason, remote_addr, body, headers, path,"
		" method, content_type FROM reject WHERE id BETWEEN ?1 AND ?2 AND (endpoint = ?3 OR ?3 IS NULL) ORDER BY id LIMIT 1");

	if (!rows)
		return NULL;
	spool_stmt_bind_int(rows->st, 2, last);
	spool_stmt_bind_text(rows->st, 3, endpoint);
	rows->first = first;
	rows->last = last;
	return rows;
}

struct spool_rows *spool_rejects_list(struct spool_db *db, const char *endpoint, int64_t limit)
{
	int64_t first, last;

	return find_newest(db, endpoint, limit, &first, &last) ? begin_range(db, endpoint, first, last) : NULL;
}

struct spool_rows *spool_rejects_get(struct spool_db *db, int64_t id)
{
	return begin_range(db, NULL, id, id);
}

bool spool_rejects_next(struct spool_rows *rows, struct spool_reject_row *r)
{
	struct slice *const to[] = {&r->endpoint, &r->code, &r->reason, &r->remote_addr, &r->body, &r->headers,
		&r->path, &r->method, &r->content_type};
	bool found;

	if (!rows || rows->first > rows->last)
		return false;
	spool_stmt_bind_int(rows->st, 1, rows->first);
	found = spool_rows_step(rows);
	if (found) {
		r->id = spool_stmt_int64(rows->st, 0);
		r->received_at = spool_stmt_time(rows->st, 1);
		r->bytes = spool_stmt_count(rows->st, 2);
		if (!spool_rows_copy(rows->st, 3, to, sizeof to / sizeof *to, &rows->arena))
			rows->failed = !spool_db_fail(rows->db, SPOOL_ERROR_OTHER, "spool: memory is short");
	}
	rows->first = found ? r->id + 1 : INT64_MAX;
	spool_stmt_reset(rows->st);
	return found && !rows->failed;
}

bool spool_rejects_purge(struct spool_db *db, const struct reject_limits *limits, int64_t now)
{
	bool ok, low;

	if (!spool_delete_begin(db, &low))
		return false;
	ok = (spool_stats_cut(db, limits, now) || spool_stmt_fail(db)) && spool_db_commit(db);
	spool_delete_end(db, low);
	return ok;
}
