/* SPDX-License-Identifier: ISC */
/* The spool as the page shows it: deliveries of an event, groups of dead letters and of callers, the disk. */
#include "spool/query/rows.h"
#include "spool/stmt.h"
#include "spool/view.h"

void spool_view_bound(struct spool_db *db, const int64_t *deadline)
{
	db->engine->bound(db, deadline);
}

/* The columns that spool_deliveries_next() reads. */
struct spool_rows *spool_view_deliveries(struct spool_db *db, int64_t event)
{
	struct spool_rows *rows = spool_rows_begin(db, "SELECT l.id, l.event, l.state, l.due, l.attempts, a.at, a.ms, a.status, l.sink,"
		" NULL, a.error, a.answer, p.until FROM relay AS l"
		" LEFT JOIN attempt AS a ON a.id = (SELECT max(id) FROM attempt WHERE relay = l.id)"
		" LEFT JOIN pause AS p ON p.sink = l.sink AND l.state = 0 WHERE l.event = ?1 ORDER BY l.id");

	if (rows)
		spool_stmt_bind_int(rows->st, 1, event);
	return rows;
}

/* Both limits are SPOOL_VIEW_GROUPED. */
struct spool_rows *spool_view_dead(struct spool_db *db)
{
	return spool_rows_begin(db, "SELECT l.sink, coalesce(a.error, ''), count(*), min(l.id), max(l.id), coalesce(a.status, 0)"
		" FROM (SELECT id, sink FROM relay WHERE state = 2 ORDER BY id DESC LIMIT 5000) AS l"
		" LEFT JOIN attempt AS a ON a.id = (SELECT max(id) FROM attempt WHERE relay = l.id)"
		" GROUP BY 1, 6, 2 ORDER BY 3 DESC, 1, 6, 2 LIMIT 50");
}

struct spool_rows *spool_view_callers(struct spool_db *db, enum spool_view_kind kind)
{
	return spool_rows_begin(db, kind == SPOOL_VIEW_EVENTS
		? "SELECT '', coalesce(remote_addr, ''), count(*), min(received_at), max(received_at), 0 FROM"
		  " (SELECT remote_addr, received_at FROM event ORDER BY id DESC LIMIT 5000) AS newest GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT 50"
		: "SELECT '', coalesce(remote_addr, ''), count(*), min(received_at), max(received_at), 0 FROM"
		  " (SELECT remote_addr, received_at FROM reject ORDER BY id DESC LIMIT 5000) AS newest GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT 50");
}

bool spool_view_next_group(struct spool_rows *rows, struct spool_view_group *g)
{
	if (!spool_rows_step(rows))
		return false;
	*g = (struct spool_view_group){
		.sink = spool_stmt_text(rows->st, 0),
		.text = spool_stmt_text(rows->st, 1),
		.n = spool_stmt_count(rows->st, 2),
		.first = spool_stmt_int64(rows->st, 3),
		.last = spool_stmt_int64(rows->st, 4),
		.status = spool_stmt_int(rows->st, 5),
	};
	return true;
}

void spool_view_disk(struct spool_db *db, int64_t *bytes, int64_t *free_bytes)
{
	db->engine->disk(db, bytes, free_bytes);
}
