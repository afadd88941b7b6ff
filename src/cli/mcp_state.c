/* SPDX-License-Identifier: ISC */
/* Tools of hookspool mcp that tell how things stand: list_deliveries, list_refused, explain_signature, stats. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/mcp.h"
#include "core/clock.h"
#include "hook/again.h"
#include "hook/explain.h"
#include "hook/stored.h"
#include "spool/deliveries.h"
#include "spool/events.h"
#include "spool/pause.h"
#include "spool/rejects.h"
#include "spool/totals.h"

enum { FIELD_MAX = 500, BODY_MAX = 16384 };

/* ---- deliveries */

static void add_delivery(struct json *j, const struct spool_delivery *d)
{
	json_item(j);
	json_number(j, "id", d->id);
	json_number(j, "event", d->event);
	json_text(j, "endpoint", d->endpoint);
	json_text(j, "sink", d->sink);
	json_string(j, "state", spool_deliveries_states[d->state]);
	json_number(j, "attempts", d->attempts);
	if (d->state == SPOOL_RELAY_PENDING)
		json_time(j, "due", d->due);
	if (d->paused_until > clock_now())
		json_time(j, "sink_paused_until", d->paused_until);
	if (d->last_at) {
		json_time(j, "last_at", d->last_at);
		json_number(j, "status", d->status);
		mcp_result_untrusted(j);
		mcp_result_text(j, "error", d->error, FIELD_MAX);
		mcp_result_text(j, "answer", d->answer, FIELD_MAX);
		mcp_result_trusted(j);
	}
	json_item_end(j);
}

static bool add_attempts(struct mcp *m, int64_t id, struct json *j)
{
	struct spool_rows *rows = spool_deliveries_attempts(m->db, id);
	struct spool_delivery_attempt a;

	json_list(j, "last_attempts");
	while (spool_deliveries_next_attempt(rows, &a)) {
		json_item(j);
		json_time(j, "at", a.at);
		json_number(j, "ms", a.ms);
		json_number(j, "status", a.status);
		mcp_result_untrusted(j);
		mcp_result_text(j, "error", a.error, FIELD_MAX);
		mcp_result_text(j, "answer", a.answer, MCP_TEXT_MAX);
		mcp_result_trusted(j);
		json_item_end(j);
	}
	json_list_end(j);
	return spool_rows_end(rows);
}

bool mcp_list_deliveries(struct mcp *m, const struct mcp_args *a, struct json *j, struct buf *why)
{
	const struct mcp_value *id = mcp_args_get(a, "id"), *state = mcp_args_get(a, "state");
	int64_t limit = mcp_args_get(a, "limit")->number, n = 0;
	struct spool_delivery_filter f = {.sink = mcp_args_get(a, "sink")->text, .id = id->number, .event = mcp_args_get(a, "event")->number,
		.state = -1, .failing_first = true};
	struct spool_delivery d;
	struct spool_rows *rows;
	bool more = false;

	for (int i = 0; state->given && i <= SPOOL_RELAY_DEAD; i++)
		if (strcmp(spool_deliveries_states[i], state->text) == 0)
			f.state = i;
	rows = spool_deliveries_list(m->db, &f, limit + 1);
	json_list(j, "deliveries");
	while (!more && spool_deliveries_next(rows, &d)) {
		more = n == limit || mcp_result_full(j);
		if (!more)
			add_delivery(j, &d);
		n += !more;
	}
	json_list_end(j);
	if (!spool_rows_end(rows))
		return false;
	if (more)
		mcp_result_more(j, "there are more; give sink, event or state, or a larger limit");
	if (id->given && !n)
		return buf_printf(why, "there is no delivery %" PRId64 "; list_deliveries without id lists them", id->number) && false;
	return !id->given || add_attempts(m, id->number, j);
}

/* ---- refused deliveries */

static void add_reject(struct json *j, const struct spool_reject_row *r, bool whole)
{
	json_item(j);
	json_number(j, "id", r->id);
	json_time(j, "received_at", r->received_at);
	json_text(j, "endpoint", r->endpoint);
	json_text(j, "outcome", r->code);
	json_text(j, "remote_addr", r->remote_addr);
	json_number(j, "bytes", r->bytes);
	json_bool(j, "kept_whole", r->body.p && r->headers.p);
	mcp_result_untrusted(j);
	mcp_result_text(j, "reason", r->reason, FIELD_MAX);
	mcp_result_text(j, "path", r->path, FIELD_MAX);
	mcp_result_text(j, "method", r->method, FIELD_MAX);
	mcp_result_text(j, "content_type", r->content_type, FIELD_MAX);
	if (whole) {
		mcp_result_text(j, "headers", r->headers, BODY_MAX);
		mcp_result_text(j, "body", r->body, BODY_MAX);
	}
	mcp_result_trusted(j);
	json_item_end(j);
}

bool mcp_list_refused(struct mcp *m, const struct mcp_args *a, struct json *j, struct buf *why)
{
	const struct mcp_value *id = mcp_args_get(a, "id");
	int64_t limit = mcp_args_get(a, "limit")->number, n = 0;
	struct spool_rows *rows = id->given ? spool_rejects_get(m->db, id->number)
		: spool_rejects_list(m->db, mcp_args_get(a, "endpoint")->text, limit);
	struct spool_reject_row r;
	bool full = false;

	json_list(j, "refused");
	while (!full && spool_rejects_next(rows, &r)) {
		full = mcp_result_full(j);
		again_hide_secret(&r);
		if (!full)
			add_reject(j, &r, id->given);
		n++;
	}
	json_list_end(j);
	if (!spool_rows_end(rows))
		return false;
	if (full || (!id->given && n == limit))
		mcp_result_more(j, full ? "there are newer ones; give a smaller limit" : "there may be older ones; give endpoint, or a larger limit");
	if (id->given && !n)
		return buf_printf(why, "there is no refused delivery %" PRId64 "; list_refused without id lists them", id->number) && false;
	return true;
}

/* ---- signatures */

struct delivered {
	struct slice endpoint, headers, body;
	int64_t at;
};

static bool add_verdict(struct json *j, const struct request *r, const struct endpoint *e, int64_t at, struct buf *why)
{
	struct buf cause = {0};
	struct verify v = {0};
	enum verify_result result = verify_delivery(r, e, at, &v);
	bool ok = result != VERIFY_UNAVAILABLE && (!v.reason || explain_cause(r, e, &v, &cause));

	json_text(j, "endpoint", slice_text(e->path));
	json_string(j, "scheme", e->scheme.name);
	if (e->scheme.signs)
		json_string(j, "signs", e->scheme.signs);
	json_bool(j, "right", result == VERIFY_OK);
	if (result == VERIFY_OK && v.secret)
		json_number(j, "secret_number", v.secret);
	if (result != VERIFY_OK && v.reason)
		json_string(j, "reason", v.reason);
	if (v.at)
		json_time(j, "signed_at", v.at);
	if (v.reason && cause.len)
		json_string(j, "cause", buf_str(&cause));
	else if (v.reason && !v.secret && scheme_has_key(&e->scheme))
		json_string(j, "cause", "not found: another secret, or other bytes than were signed");
	if (!ok)
		buf_printf(why, "memory is short");
	buf_free(&cause);
	verify_free(&v);
	return ok;
}

static bool missing_key(const struct endpoint *e)
{
	for (size_t i = 0; scheme_has_key(&e->scheme) && i < e->secrets.n; i++)
		if (!e->secrets.item[i].key)
			return true;
	return false;
}

static bool explain(struct mcp *m, const struct delivered *d, struct json *j, struct buf *why)
{
	char *path = strndup(d->endpoint.p ? d->endpoint.p : "", d->endpoint.n);
	const struct endpoint *e = path ? conf_endpoint(m->conf, path) : NULL;
	struct stored stored = {0};
	bool ok = false;

	free(path);
	if (!e)
		buf_printf(why, "the configuration has no endpoint for it");
	else if (missing_key(e))
		buf_printf(why, "a secret of the endpoint can't be read; run hookspool mcp as a user that may read it");
	else if (!stored_request(d->headers, d->body, &stored))
		buf_printf(why, "memory is short");
	else
		ok = add_verdict(j, &stored.request, e, d->at, why);
	stored_free(&stored);
	return ok;
}

static bool explain_event(struct mcp *m, int64_t id, struct json *j, struct buf *why)
{
	struct spool_events_iter *it = spool_events_get(m->db, id);
	struct spool_row r;
	bool found = spool_events_next(it, &r);
	bool ok = found && r.source == SPOOL_SOURCE_WEBHOOK && explain(m, &(struct delivered){r.endpoint, r.headers, r.body, r.received_at}, j, why);

	if (!spool_events_end(it))
		return false;
	if (!found)
		buf_printf(why, "there is no event %" PRId64 "; list_events has the ids", id);
	else if (r.source != SPOOL_SOURCE_WEBHOOK)
		buf_printf(why, "event %" PRId64 " has no signature: it came by no webhook", id);
	return ok;
}

static bool explain_refused(struct mcp *m, int64_t id, struct json *j, struct buf *why)
{
	struct spool_rows *rows = spool_rejects_get(m->db, id);
	struct spool_reject_row r = {0};
	bool found = spool_rejects_next(rows, &r), whole, ok;

	again_hide_secret(&r);
	whole = found && r.body.p && r.headers.p;
	ok = whole && explain(m, &(struct delivered){r.endpoint, r.headers, r.body, r.received_at}, j, why);

	if (!spool_rows_end(rows))
		return false;
	if (!found)
		buf_printf(why, "there is no refused delivery %" PRId64 "; list_refused has the ids", id);
	else if (!whole)
		buf_printf(why, "refused delivery %" PRId64 " was not kept whole; reject-bodies = true in the configuration keeps the next ones", id);
	return ok;
}

bool mcp_explain_signature(struct mcp *m, const struct mcp_args *a, struct json *j, struct buf *why)
{
	const struct mcp_value *event = mcp_args_get(a, "event"), *refused = mcp_args_get(a, "refused");

	if (event->given == refused->given)
		return buf_printf(why, "give event or refused, and not both") && false;
	return event->given ? explain_event(m, event->number, j, why) : explain_refused(m, refused->number, j, why);
}

/* ---- numbers */

static bool add_counters(struct mcp *m, struct json *j)
{
	struct spool_rows *rows = spool_totals_counters(m->db);
	struct spool_counter c;
	bool full = false;

	json_list(j, "outcomes");
	while (!full && spool_totals_next(rows, &c)) {
		full = mcp_result_full(j);
		json_item(j);
		json_string(j, "endpoint", c.endpoint);
		json_string(j, "outcome", c.code);
		json_number(j, "deliveries", c.n);
		json_time(j, "last_at", c.last_at);
		json_item_end(j);
	}
	json_list_end(j);
	if (full)
		mcp_result_more(j, "hookspool stats prints all");
	return spool_rows_end(rows);
}

static bool add_sinks(struct mcp *m, struct json *j)
{
	struct spool_rows *rows = spool_deliveries_counts(m->db);
	struct spool_delivery_count c;
	struct spool_pause p;
	bool ok;

	json_list(j, "sinks");
	while (spool_deliveries_next_count(rows, &c)) {
		json_item(j);
		json_string(j, "sink", c.sink);
		json_string(j, "state", spool_deliveries_states[c.state]);
		json_number(j, "deliveries", c.n);
		json_item_end(j);
	}
	ok = spool_rows_end(rows);
	json_list_end(j);
	rows = spool_pause_list(m->db, clock_now());
	json_list(j, "pauses");
	while (spool_pause_next(rows, &p)) {
		json_item(j);
		json_string(j, "sink", p.sink);
		json_time(j, "until", p.until);
		json_number(j, "failures", p.failures);
		json_item_end(j);
	}
	json_list_end(j);
	return spool_rows_end(rows) && ok;
}

bool mcp_stats(struct mcp *m, const struct mcp_args *a, struct json *j, struct buf *why)
{
	struct spool_totals t;

	(void)a;
	(void)why;
	if (!spool_totals_read(m->db, &t))
		return false;
	json_number(j, "events", t.events);
	json_bool(j, "events_at_most", t.at_most);
	json_number(j, "spool_bytes", t.bytes);
	if (t.events) {
		json_time(j, "oldest", t.oldest);
		json_time(j, "newest", t.newest);
	}
	return add_sinks(m, j) && add_counters(m, j);
}
