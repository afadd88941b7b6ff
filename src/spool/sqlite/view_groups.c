/* SPDX-License-Identifier: ISC */
/* The spool as the page shows it: deliveries of an event, groups of dead letters and of callers, the disk. */
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "core/clock.h"
#include "spool/sqlite/rows.h"
#include "spool/sqlite/sql.h"
#include "spool/view.h"

enum { STEPS = 2000 }; /* of SQLite's machine between two looks at the clock: some 50 us */

static int is_view_late(void *deadline)
{
	return clock_mono_us() > *(const int64_t *)deadline;
}

void spool_view_bound(struct spool_db *db, const int64_t *deadline)
{
	sqlite3_progress_handler(db->sql, deadline ? STEPS : 0, deadline ? is_view_late : NULL, (void *)(uintptr_t)deadline);
}

/* The columns that spool_deliveries_next() reads. */
struct spool_rows *spool_view_deliveries(struct spool_db *db, int64_t event)
{
	struct spool_rows *rows = spool_rows_begin(db, "SELECT l.id, l.event, l.state, l.due, l.attempts, a.at, a.ms, a.status, l.sink,"
		" NULL, a.error, a.answer, p.until FROM relay AS l"
		" LEFT JOIN attempt AS a ON a.id = (SELECT max(id) FROM attempt WHERE relay = l.id)"
		" LEFT JOIN pause AS p ON p.sink = l.sink AND l.state = 0 WHERE l.event = ?1 ORDER BY l.id");

	if (rows)
		sqlite3_bind_int64(rows->st, 1, event);
	return rows;
}

/* Both limits are SPOOL_VIEW_GROUPED. */
struct spool_rows *spool_view_dead(struct spool_db *db)
{
	return spool_rows_begin(db, "SELECT l.sink, ifnull(a.error, ''), count(*), min(l.id), max(l.id), ifnull(a.status, 0)"
		" FROM (SELECT id, sink FROM relay WHERE state = 2 ORDER BY id DESC LIMIT 5000) AS l"
		" LEFT JOIN attempt AS a ON a.id = (SELECT max(id) FROM attempt WHERE relay = l.id)"
		" GROUP BY 1, 6, 2 ORDER BY 3 DESC, 1, 6, 2 LIMIT 50");
}

struct spool_rows *spool_view_callers(struct spool_db *db, enum spool_view_kind kind)
{
	return spool_rows_begin(db, kind == SPOOL_VIEW_EVENTS
		? "SELECT '', ifnull(remote_addr, ''), count(*), min(received_at), max(received_at), 0 FROM"
		  " (SELECT remote_addr, received_at FROM event ORDER BY id DESC LIMIT 5000) GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT 50"
		: "SELECT '', ifnull(remote_addr, ''), count(*), min(received_at), max(received_at), 0 FROM"
		  " (SELECT remote_addr, received_at FROM reject ORDER BY id DESC LIMIT 5000) GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT 50");
}

bool spool_view_next_group(struct spool_rows *rows, struct spool_view_group *g)
{
	if (!spool_rows_step(rows))
		return false;
	*g = (struct spool_view_group){
		.sink = spool_sql_text(rows->st, 0),
		.text = spool_sql_text(rows->st, 1),
		.n = spool_sql_count(rows->st, 2),
		.first = sqlite3_column_int64(rows->st, 3),
		.last = sqlite3_column_int64(rows->st, 4),
		.status = spool_sql_int(rows->st, 5),
	};
	return true;
}

static int64_t view_file_size(struct spool_db *db, const char *name)
{
	struct stat st;

	return fstatat(db->dir_fd, name, &st, 0) == 0 ? (int64_t)st.st_size : 0;
}

void spool_view_disk(struct spool_db *db, int64_t *bytes, int64_t *free_bytes)
{
	struct statvfs fs;

	*bytes = view_file_size(db, "hookspool.db") + view_file_size(db, "hookspool.db-wal");
	*free_bytes = fstatvfs(db->dir_fd, &fs) == 0 ? (int64_t)((uint64_t)fs.f_bavail * fs.f_frsize) : -1;
}
