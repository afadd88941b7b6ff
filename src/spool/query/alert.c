/* SPDX-License-Identifier: ISC */
/* Alerts: table alert, and the events that tell of them. */
#include "spool/alert.h"

#include <string.h>

#include "core/clock.h"
#include "spool/spool.h"
#include "spool/query/rows.h"
#include "spool/stmt.h"

struct spool_rows *spool_alert_list(struct spool_db *db)
{
	return spool_rows_begin(db, "SELECT name, subject, since, over, raised_at FROM alert ORDER BY name, subject LIMIT 4096");
}

bool spool_alert_next(struct spool_rows *rows, struct spool_alert *a)
{
	if (!spool_rows_step(rows))
		return false;
	*a = (struct spool_alert){spool_stmt_text(rows->st, 0), spool_stmt_text(rows->st, 1), spool_stmt_count(rows->st, 2),
		spool_stmt_count(rows->st, 3), spool_stmt_count(rows->st, 4)};
	return true;
}

static bool write_row(struct spool_db *db, const struct spool_alert *a)
{
	bool any = a->since || a->over || a->raised_at;
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, any ? "INSERT INTO alert(name, subject, since, over, raised_at) VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT(name, subject)"
			" DO UPDATE SET since = excluded.since, over = excluded.over, raised_at = excluded.raised_at"
			: "DELETE FROM alert WHERE name = ?1 AND subject = ?2", &st))
		return false;
	spool_stmt_bind_text(st, 1, a->name);
	spool_stmt_bind_text(st, 2, a->subject);
	if (any) {
		spool_stmt_bind_int(st, 3, a->since);
		spool_stmt_bind_int(st, 4, a->over);
		spool_stmt_bind_int(st, 5, a->raised_at);
	}
	ok = spool_stmt_step(st) == SPOOL_DONE || spool_stmt_fail(db);
	spool_stmt_free(st);
	return ok;
}

/* Alerts about the same trouble are one conversation, so that an ordered sink keeps their order. */
static bool put_event(struct spool_db *db, const struct spool_alert *a, const struct spool_alert_event *event, int64_t *id)
{
	struct buf conversation = {0};
	char at[CLOCK_TEXT];
	struct spool_event ev = {.endpoint = SPOOL_ALERT_ENDPOINT, .event = slice_text(event->event), .identity = SPOOL_IDENTITY_NONE,
		.sender_id = slice_text(SPOOL_ALERT_ENDPOINT), .sender_name = slice_text(SPOOL_ALERT_ENDPOINT),
		.sent_at = slice_text(clock_format(event->at, at)), .text = slice_text(event->text),
		.headers = slice_text("Content-Type: application/json\n"), .body = event->body, .received_at = event->at,
		.relay = event->sinks, .n_relay = event->n_sinks, .several_accounts = true};
	bool ok = buf_printf(&conversation, "%s %s", a->name, a->subject) || spool_db_fail(db, SPOOL_ERROR_OTHER, "alert: memory is short");

	ev.conversation = (struct slice){conversation.data, conversation.len};
	ok = ok && db->engine->put(db, &ev);
	ok = ok && spool_stmt_run(db, "UPDATE event SET source = ?2 WHERE id = ?1", ev.id, SPOOL_SOURCE_OWN);
	*id = ev.id;
	buf_free(&conversation);
	return ok;
}

bool spool_alert_write(struct spool_db *db, const struct spool_alert *a, const struct spool_alert_event *event, int64_t *id)
{
	bool ok = !event || spool_db_durable(db, true) || spool_stmt_fail(db), begun = ok && spool_db_begin(db, false);

	ok = begun && write_row(db, a) && (!event || put_event(db, a, event, id)) && spool_db_commit(db);
	if (begun)
		spool_db_end(db);
	if (event)
		spool_db_durable(db, false);
	return ok;
}

bool spool_alert_dead(struct spool_db *db, const char *sink, int64_t after, int64_t *at, int64_t *n)
{
	struct spool_stmt *st;
	bool ok;

	if (!spool_stmt_prepare(db, "WITH own(at) AS (SELECT r.due FROM relay AS r INDEXED BY relay_died WHERE r.sink = ?1 AND r.state = 2"
			" AND NOT EXISTS(SELECT 1 FROM event AS e WHERE e.id = r.event AND e.endpoint = '" SPOOL_ALERT_ENDPOINT "')"
			" ORDER BY r.due DESC LIMIT 1000)"
			" SELECT coalesce(max(at), 0), count(*) FROM own", &st))
		return false;
	spool_stmt_bind_text(st, 1, sink);
	ok = spool_stmt_step(st) == SPOOL_ROW || spool_stmt_fail(db);
	*at = spool_stmt_count(st, 0);
	*n = spool_stmt_count(st, 1);
	if (*at < after)
		*at = 0;
	spool_stmt_free(st);
	return ok;
}
