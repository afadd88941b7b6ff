/* SPDX-License-Identifier: ISC */
/* Tools of hookspool mcp that read events: list_events, search, show_event. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/endpoint_name.h"
#include "cli/filter.h"
#include "cli/mcp.h"
#include "cli/verdict.h"
#include "core/clock.h"
#include "core/encode.h"
#include "core/unpack.h"
#include "core/utf8.h"
#include "spool/deliveries.h"
#include "spool/events.h"

enum {
	SCAN_MS = 3000,   /* the longest search in one call */
	SCAN_IDS = 20000, /* read at a time */
	FIELD_MAX = 500,  /* bytes of a name or an id */
	HEADERS_MAX = 8192,
	DELIVERIES_MAX = 50,
};

/* ---- lists */

static void add_found(struct json *j, struct filter *f, const struct spool_row *row)
{
	json_item(j);
	json_number(j, "id", row->id);
	json_time(j, "received_at", row->received_at);
	json_text(j, "endpoint", row->endpoint);
	json_string(j, "source", spool_source_name(row->source));
	json_text(j, "note", row->note);
	json_number(j, "bytes", (int64_t)row->body.n);
	mcp_result_untrusted(j);
	mcp_result_text(j, "event", row->event, FIELD_MAX);
	mcp_result_text(j, "account", row->account, FIELD_MAX);
	mcp_result_text(j, "sender_id", row->sender_id, FIELD_MAX);
	mcp_result_text(j, "sender_name", row->sender_name, FIELD_MAX);
	mcp_result_text(j, "conversation", row->conversation, FIELD_MAX);
	mcp_result_text(j, "text", filter_row_text(f, row), MCP_TEXT_MAX);
	mcp_result_trusted(j);
	json_item_end(j);
}

struct listing {
	struct mcp *mcp;
	struct filter filter;
	struct json *json;
	int64_t limit, n;
	int64_t until;    /* clock_mono_us() */
	int64_t searched; /* the id of the oldest event that was looked at */
	bool full;
};

/* Lists the events of some ids, which are so few that the reading ends soon. */
static bool list_ids(struct listing *l, int64_t after, int64_t last)
{
	struct spool_events_iter *it;
	struct spool_row row;

	l->filter.spool.after = after;
	l->filter.spool.last = last;
	it = spool_events_find(l->mcp->db, &l->filter.spool);
	while (!l->full && spool_events_next(it, &row)) {
		l->full = l->n == l->limit || mcp_result_full(l->json) || clock_mono_us() > l->until;
		if (l->full)
			break;
		l->searched = row.id;
		if (!filter_match(&l->filter, &row))
			continue;
		add_found(l->json, &l->filter, &row);
		l->n++;
	}
	return spool_events_end(it);
}

/* Lists the newest events of the filter below `before`. */
static bool list_found(struct listing *l, const struct mcp_value *before)
{
	int64_t last;
	bool ok = spool_events_newest(l->mcp->db, &last);
	char how[128];

	filter_begin(&l->filter, l->mcp->conf, l->mcp->db);
	l->filter.spool.newest_first = l->filter.spool.without_bodies = true;
	l->until = clock_mono_us() + 1000 * SCAN_MS;
	if (before->given && before->number <= last)
		last = before->number - 1;
	l->searched = last + 1;
	json_list(l->json, "events");
	while (ok && last > 0 && !l->full) {
		int64_t after = last > SCAN_IDS ? last - SCAN_IDS : 0;

		ok = list_ids(l, after, last);
		last = after;
		if (!l->full)
			l->searched = after + 1;
		l->full = l->full || (last > 0 && clock_mono_us() > l->until);
	}
	json_list_end(l->json);
	snprintf(how, sizeof how, "there may be older ones; call again with \"before\": %" PRId64, l->searched);
	if (l->full)
		mcp_result_more(l->json, how);
	filter_free(&l->filter);
	return ok;
}

static bool list_for(struct mcp *m, const struct mcp_args *a, struct json *j, const struct filter *f)
{
	struct listing l = {.mcp = m, .filter = *f, .json = j, .limit = mcp_args_get(a, "limit")->number};

	if (mcp_args_get(a, "since")->given)
		l.filter.spool.since = mcp_args_get(a, "since")->number;
	return list_found(&l, mcp_args_get(a, "before"));
}

bool mcp_list_events(struct mcp *m, const struct mcp_args *a, struct json *j, struct buf *why)
{
	struct filter f = FILTER_ALL;

	(void)why;
	f.spool.endpoint = mcp_args_get(a, "endpoint")->text;
	f.spool.event = mcp_args_get(a, "event")->text;
	f.spool.account = mcp_args_get(a, "account")->text;
	f.sender = mcp_args_get(a, "sender")->text;
	f.text = mcp_args_get(a, "text")->text;
	if (mcp_args_get(a, "until")->given)
		f.spool.until = mcp_args_get(a, "until")->number;
	return list_for(m, a, j, &f);
}

bool mcp_search(struct mcp *m, const struct mcp_args *a, struct json *j, struct buf *why)
{
	struct filter f = FILTER_ALL;

	f.sender = f.text = mcp_args_get(a, "query")->text;
	f.either = true;
	if (*f.text)
		return list_for(m, a, j, &f);
	return buf_printf(why, "query is empty; list_events lists all") && false;
}

/* ---- one event */

static bool add_deliveries(struct mcp *m, int64_t event, struct json *j)
{
	const struct spool_delivery_filter filter = {.event = event, .state = -1};
	struct spool_rows *rows = spool_deliveries_list(m->db, &filter, DELIVERIES_MAX);
	struct spool_delivery d;

	json_list(j, "deliveries");
	while (spool_deliveries_next(rows, &d)) {
		json_item(j);
		json_number(j, "id", d.id);
		json_text(j, "sink", d.sink);
		json_string(j, "state", spool_deliveries_states[d.state]);
		json_number(j, "attempts", d.attempts);
		json_item_end(j);
	}
	json_list_end(j);
	return spool_rows_end(rows);
}

/* The part of the body that was asked for, as text or in base64. */
static void add_body_part(struct json *j, struct slice body, size_t offset, size_t most)
{
	struct slice part = {body.p + (offset < body.n ? offset : body.n), offset < body.n ? body.n - offset : 0};
	struct buf base64 = {0};

	if (part.n > most)
		part.n = utf8_valid(part.p, part.n) ? utf8_fit(part.p, part.n, most) : most;
	if (utf8_valid(part.p, part.n)) {
		json_text(j, "body", (struct slice){part.n ? part.p : "", part.n});
	} else if (buf_reserve(&base64, encode_size(ENCODING_BASE64, part.n) + 1)) {
		encode(ENCODING_BASE64, part.p, part.n, base64.data);
		json_text(j, "body_base64", (struct slice){base64.data, encode_size(ENCODING_BASE64, part.n)});
	}
	buf_free(&base64);
	mcp_result_trusted(j);
	json_number(j, "body_bytes", (int64_t)body.n);
	json_number(j, "offset", (int64_t)offset);
	if (offset + part.n < body.n) {
		char how[96];

		snprintf(how, sizeof how, "the body goes on; call again with \"offset\": %zu", offset + part.n);
		mcp_result_more(j, how);
	}
}

static bool show_row(struct mcp *m, const struct mcp_args *a, const struct spool_row *row, struct json *j)
{
	struct buf verdict = {0}, plain = {0};
	struct slice body = row->body;
	bool ok;

	verdict_describe(m->conf, row, &verdict);
	json_number(j, "id", row->id);
	json_time(j, "received_at", row->received_at);
	json_text(j, "endpoint", row->endpoint);
	json_text(j, "name", endpoint_name(m->conf, row->endpoint));
	json_text(j, "remote_addr", row->remote_addr);
	json_string(j, "source", spool_source_name(row->source));
	json_text(j, "note", row->note);
	json_number(j, "came", row->came);
	json_string(j, "verdict", buf_str(&verdict));
	ok = add_deliveries(m, row->id, j);
	unpack_kept(row->body, &plain, &body);
	mcp_result_untrusted(j);
	mcp_result_text(j, "event", row->event, FIELD_MAX);
	mcp_result_text(j, "key", row->key, FIELD_MAX);
	mcp_result_text(j, "account", row->account, FIELD_MAX);
	mcp_result_text(j, "sender_id", row->sender_id, FIELD_MAX);
	mcp_result_text(j, "sender_name", row->sender_name, FIELD_MAX);
	mcp_result_text(j, "conversation", row->conversation, FIELD_MAX);
	mcp_result_text(j, "sent_at", row->sent_at, FIELD_MAX);
	mcp_result_text(j, "headers", row->headers, HEADERS_MAX);
	add_body_part(j, body, (size_t)mcp_args_get(a, "offset")->number, (size_t)mcp_args_get(a, "bytes")->number);
	buf_free(&plain);
	buf_free(&verdict);
	return ok;
}

bool mcp_show_event(struct mcp *m, const struct mcp_args *a, struct json *j, struct buf *why)
{
	struct spool_events_iter *it = spool_events_get(m->db, mcp_args_get(a, "id")->number);
	struct spool_row row;
	bool found = spool_events_next(it, &row), ok = !found || show_row(m, a, &row, j);

	if (!spool_events_end(it) || !ok)
		return false;
	if (!found)
		buf_printf(why, "there is no event %" PRId64 "; list_events has the ids", mcp_args_get(a, "id")->number);
	return found;
}
