/* SPDX-License-Identifier: ISC */
/* Alerts: table alert, and the events that tell of them. */
#include "spool/alert.h"

#include <string.h>

#include "core/clock.h"
#include "spool/spool.h"
#include "spool/sqlite/fsync.h"
#include "spool/sqlite/rows.h"
#include "spool/sqlite/sql.h"
#include "spool/sqlite/store.h"

struct spool_rows *spool_alert_list(struct spool_db *db)
{
	return spool_rows_begin(db, "SELECT name, subject, since, over, raised_at FROM alert ORDER BY name, subject LIMIT 4096");
}

bool spool_alert_next(struct spool_rows *rows, struct spool_alert *a)
{
	if (!spool_rows_step(rows))
		return false;
	*a = (struct spool_alert){spool_sql_text(rows->st, 0), spool_sql_text(rows->st, 1), spool_sql_count(rows->st, 2),
		spool_sql_count(rows->st, 3), spool_sql_count(rows->st, 4)};
	return true;
}

static bool write_row(struct spool_db *db, const struct spool_alert *a)
{
	bool any = a->since || a->over || a->raised_at;
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, any ? "INSERT OR REPLACE INTO alert(name, subject, since, over, raised_at) VALUES(?1, ?2, ?3, ?4, ?5)"
			: "DELETE FROM alert WHERE name = ?1 AND subject = ?2", &st))
		return false;
	sqlite3_bind_text(st, 1, a->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, a->subject, -1, SQLITE_STATIC);
	if (any) {
		sqlite3_bind_int64(st, 3, a->since);
		sqlite3_bind_int64(st, 4, a->over);
		sqlite3_bind_int64(st, 5, a->raised_at);
	}
	ok = sqlite3_step(st) == SQLITE_DONE || spool_sql_fail(db);
	sqlite3_finalize(st);
	return ok;
}

/* Alerts about the same trouble are one conversation, so that an ordered sink keeps their order. */
static bool put_event(struct spool_db *db, const struct spool_alert *a, const struct spool_alert_event *event, int64_t *id)
{
	struct buf conversation = {0};
	struct spool_store store = {0};
	char at[CLOCK_TEXT];
	struct spool_event ev = {.endpoint = SPOOL_ALERT_ENDPOINT, .event = slice_text(event->event), .identity = SPOOL_IDENTITY_NONE,
		.sender_id = slice_text(SPOOL_ALERT_ENDPOINT), .sender_name = slice_text(SPOOL_ALERT_ENDPOINT),
		.sent_at = slice_text(clock_format(event->at, at)), .text = slice_text(event->text),
		.headers = slice_text("Content-Type: application/json\n"), .body = event->body, .received_at = event->at,
		.relay = event->sinks, .n_relay = event->n_sinks, .several_accounts = true};
	bool ok = buf_printf(&conversation, "%s %s", a->name, a->subject) || spool_db_fail(db, SQLITE_NOMEM, "alert: memory is short");

	ev.conversation = (struct slice){conversation.data, conversation.len};
	ok = ok && ((spool_store_open(&store, db->sql) && spool_store_begin(&store) && spool_store_put(&store, &ev)) || spool_sql_fail(db));
	ok = ok && spool_sql_run(db, "UPDATE event SET source = ?2 WHERE id = ?1", ev.id, SPOOL_SOURCE_OWN);
	*id = ev.id;
	spool_store_close(&store);
	buf_free(&conversation);
	return ok;
}

bool spool_alert_write(struct spool_db *db, const struct spool_alert *a, const struct spool_alert_event *event, int64_t *id)
{
	bool ok = !event || spool_fsync_commits(db, true) || spool_sql_fail(db), begun = ok && spool_db_begin(db, false);

	ok = begun && write_row(db, a) && (!event || put_event(db, a, event, id)) && spool_db_commit(db);
	if (begun)
		spool_db_end(db);
	if (event)
		spool_fsync_commits(db, false);
	return ok;
}

bool spool_alert_dead(struct spool_db *db, const char *sink, int64_t after, int64_t *at, int64_t *n)
{
	sqlite3_stmt *st;
	bool ok;

	if (!spool_sql_prepare(db, "WITH own(at) AS (SELECT r.due FROM relay AS r INDEXED BY relay_died WHERE r.sink = ?1 AND r.state = 2"
			" AND NOT EXISTS(SELECT 1 FROM event AS e WHERE e.id = r.event AND e.endpoint = '" SPOOL_ALERT_ENDPOINT "')"
			" ORDER BY r.due DESC LIMIT 1000)"
			" SELECT ifnull(max(at), 0), count(*) FROM own", &st))
		return false;
	sqlite3_bind_text(st, 1, sink, -1, SQLITE_STATIC);
	ok = sqlite3_step(st) == SQLITE_ROW || spool_sql_fail(db);
	*at = spool_sql_count(st, 0);
	*n = spool_sql_count(st, 1);
	if (*at < after)
		*at = 0;
	sqlite3_finalize(st);
	return ok;
}
