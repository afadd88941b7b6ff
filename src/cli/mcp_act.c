/* SPDX-License-Identifier: ISC */
/* Tools of hookspool mcp that change something: replay, retry, reply. They are there with --allow alone. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/mcp.h"
#include "cli/reply.h"
#include "core/clock.h"
#include "core/log.h"
#include "spool/deliveries.h"
#include "spool/events.h"
#include "spool/pause.h"
#include "spool/wakeup.h"

static void wake_relay(const struct mcp *m, bool hurry)
{
	struct spool_wakeup wakeup = {-1};

	spool_wakeup_send(&wakeup, m->conf->dir, hurry);
	spool_wakeup_close(&wakeup);
}

/* ---- replay */

static bool replay_for(struct mcp *m, int64_t event, const struct sink *sink, struct json *j)
{
	int64_t changed = 0;

	if (!spool_deliveries_replay(m->db, sink, &event, 1, clock_now(), &changed))
		return false;
	json_item(j);
	json_number(j, "event", event);
	json_string(j, "sink", sink->name);
	json_string(j, "state", changed ? "due" : "was pending already");
	json_item_end(j);
	return true;
}

/* Copies the event's endpoint. *found becomes false where there is no such event. */
static bool find_event_endpoint(struct mcp *m, int64_t event, const struct endpoint **e, bool *found)
{
	struct spool_events_iter *it = spool_events_get(m->db, event);
	struct spool_row row;
	char *path;

	*e = NULL;
	*found = spool_events_next(it, &row);
	if (*found && (path = strndup(row.endpoint.p, row.endpoint.n))) {
		*e = conf_endpoint(m->conf, path);
		free(path);
	}
	return spool_events_end(it);
}

static bool replay_one_event(struct mcp *m, int64_t event, const struct sink *to, struct json *j)
{
	const struct endpoint *e;
	const struct sink *sink;
	bool found, ok = find_event_endpoint(m, event, &e, &found);

	if (ok && (!found || (!to && (!e || !conf_endpoint_sink(e, 0))))) {
		json_item(j);
		json_number(j, "event", event);
		json_string(j, "state", found ? "not sent: its endpoint has no sinks; give sink" : "there is no such event");
		json_item_end(j);
		return true;
	}
	if (ok && to)
		return replay_for(m, event, to, j);
	for (size_t i = 0; ok && (sink = conf_endpoint_sink(e, i)); i++)
		ok = replay_for(m, event, sink, j);
	return ok;
}

bool mcp_replay(struct mcp *m, const struct mcp_args *a, struct json *j, struct buf *why)
{
	const struct mcp_value *events = mcp_args_get(a, "events"), *name = mcp_args_get(a, "sink");
	const struct sink *sink = name->given ? conf_sink(m->conf, name->text) : NULL;
	bool ok = true;

	if (name->given && !sink)
		return buf_printf(why, "the configuration has no sink \"%s\"; stats names those with deliveries", name->text) && false;
	if (sink && sink->replies)
		return buf_printf(why, "sink \"%s\" sends answers, and no events; retry sends those again", name->text) && false;
	json_list(j, "replayed");
	for (size_t i = 0; ok && i < events->n_ids; i++)
		ok = replay_one_event(m, events->id[i], sink, j);
	json_list_end(j);
	wake_relay(m, false);
	return ok;
}

/* ---- retry */

static bool end_sink_pause(struct mcp *m, const char *sink, int64_t *ended)
{
	bool one, ok = spool_pause_end(m->db, sink, clock_now(), &one);

	*ended += ok && one;
	return ok;
}

static bool retry_delivery(struct mcp *m, int64_t id, int64_t *changed, int64_t *ended)
{
	const struct spool_delivery_filter f = {.id = id, .state = -1};
	struct spool_rows *rows;
	struct spool_delivery d;
	struct buf sink = {0};
	int64_t one = 0;
	bool ok = spool_deliveries_retry(m->db, &f, clock_now(), &one);

	*changed += one;
	rows = ok ? spool_deliveries_list(m->db, &f, 1) : NULL;
	if (ok && spool_deliveries_next(rows, &d))
		buf_add(&sink, d.sink.p, d.sink.n);
	ok = ok && spool_rows_end(rows);
	ok = ok && (!sink.len || end_sink_pause(m, buf_str(&sink), ended));
	buf_free(&sink);
	return ok;
}

bool mcp_retry(struct mcp *m, const struct mcp_args *a, struct json *j, struct buf *why)
{
	const struct mcp_value *ids = mcp_args_get(a, "deliveries"), *sink = mcp_args_get(a, "sink");
	const struct spool_delivery_filter f = {.sink = sink->text, .state = -1};
	int64_t changed = 0, ended = 0;
	bool ok = true;

	if (ids->given == sink->given)
		return buf_printf(why, "give deliveries or sink, and not both") && false;
	if (sink->given && !conf_sink(m->conf, sink->text))
		return buf_printf(why, "the configuration has no sink \"%s\"", sink->text) && false;
	if (sink->given)
		ok = spool_deliveries_retry(m->db, &f, clock_now(), &changed) && end_sink_pause(m, sink->text, &ended);
	for (size_t i = 0; ok && i < ids->n_ids; i++)
		ok = retry_delivery(m, ids->id[i], &changed, &ended);
	wake_relay(m, true);
	json_number(j, "due_again", changed);
	json_number(j, "pauses_ended", ended);
	return ok;
}

/* ---- reply */

bool mcp_reply(struct mcp *m, const struct mcp_args *a, struct json *j, struct buf *why)
{
	const struct reply_request r = {.event = mcp_args_get(a, "event")->number, .sink = mcp_args_get(a, "sink")->text,
		.text = slice_text(mcp_args_get(a, "text")->text), .again = mcp_args_get(a, "again")->flag};
	struct buf said = {0};
	bool ok = reply_put(m->conf, m->db, &r, &said) == CLI_OK;

	if (ok) {
		log_message(LOG_LEVEL_INFO, "mcp: %s", buf_str(&said));
		json_string(j, "done", buf_str(&said));
	}
	if (!ok)
		buf_printf(why, "%s", buf_str(&said));
	buf_free(&said);
	return ok;
}
