/* SPDX-License-Identifier: ISC */
/* /event/ID and /event/ID.json: one event, or one refused delivery as rID. */
#include "page/detail.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/utf8.h"
#include "hook/again.h"
#include "hook/outcome.h"
#include "page/content.h"
#include "page/files.h"
#include "page/row.h"
#include "page/shell.h"
#include "page/vault.h"
#include "spool/deliveries.h"
#include "spool/events.h"
#include "spool/rejects.h"
#include "spool/view.h"

/* The text ID or rID behind event/. False for anything else. */
static bool read_detail_id(const char *text, int64_t *id, bool *refused, bool *json)
{
	const char *p = text;

	*refused = *p == 'r';
	p += *refused;
	for (*id = 0; *p >= '0' && *p <= '9' && p - text < 18; p++)
		*id = *id * 10 + (*p - '0');
	*json = strcmp(p, ".json") == 0;
	return *id > 0 && (*json || !*p);
}

/* ---- parts of both kinds */

static void write_command(struct json *j, const char *name, const char *command)
{
	json_item(j);
	json_string(j, "name", name);
	json_string(j, "command", command);
	json_item_end(j);
}

/* hookspool NAME ID */
static void write_cli(struct json *j, const char *name, const char *command, int64_t id)
{
	char text[96];

	snprintf(text, sizeof text, "hookspool %s %" PRId64, command, id);
	write_command(j, name, text);
}

static void write_curl(struct page_call *c, struct json *j, const struct endpoint *e, struct slice headers, struct slice body)
{
	const char *host = request_variable(c->http, "HTTP_HOST");
	const struct shell_delivery d = {e, host ? host : "localhost", headers, body};
	struct buf script = {0};
	bool possible = false;

	if (e && body.p && body.n <= CONTENT_SHOWN_MAX && c->conf->page_bodies && shell_curl(&d, &script, &possible) && possible)
		write_command(j, "curl", buf_str(&script));
	buf_free(&script);
}

/* ---- an event */

static void write_tries(struct page_call *c, struct json *j, int64_t delivery)
{
	struct spool_rows *rows = spool_deliveries_attempts(c->db, delivery);
	struct spool_delivery_attempt a;

	json_list(j, "tries");
	while (spool_deliveries_next_attempt(rows, &a)) {
		json_item(j);
		json_time(j, "at", a.at);
		json_number(j, "ms", a.ms);
		json_number(j, "status", a.status);
		json_text(j, "error", a.error);
		json_text(j, "answer", c->conf->page_bodies ? a.answer : (struct slice){0});
		json_item_end(j);
	}
	json_list_end(j);
	spool_rows_end(rows);
}

static bool write_deliveries(struct page_call *c, struct json *j, int64_t event)
{
	struct spool_rows *rows = spool_view_deliveries(c->db, event);
	struct spool_delivery d;

	json_list(j, "deliveries");
	while (spool_deliveries_next(rows, &d)) {
		json_item(j);
		json_number(j, "id", d.id);
		json_text(j, "sink", d.sink);
		json_string(j, "state", spool_deliveries_states[d.state]);
		json_number(j, "attempts", d.attempts);
		if (d.state == SPOOL_RELAY_PENDING)
			json_time(j, "due", d.due);
		if (d.paused_until)
			json_time(j, "paused_until", d.paused_until);
		write_tries(c, j, d.id);
		json_item_end(j);
	}
	json_list_end(j);
	return spool_rows_end(rows);
}

/* The name of the secret that the receiver noted; the number is the configuration's as it was then. */
static void write_secret(struct page_call *c, struct json *j, const struct endpoint *e, int number)
{
	char name[VAULT_NAME];

	if (number <= 0) {
		json_text(j, "secret", (struct slice){0});
		return;
	}
	json_object(j, "secret");
	json_number(j, "number", number);
	json_text(j, "name", e && vault_secret_name(c->page->vault, e->path, number, name) ? slice_text(name) : (struct slice){0});
	json_object_end(j);
}

static const char *verdict_of(const struct endpoint *e, int secret)
{
	if (secret > 0)
		return "the signature was right when it came";
	if (e && e->scheme.algorithm != ALGORITHM_NONE)
		return "stored without a signature";
	return "not signed: the endpoint's scheme has no signature";
}

static void write_private_fields(struct page_call *c, struct json *j, const struct spool_row *r)
{
	const struct {
		const char *name;
		struct slice value;
	} fields[] = {{"key", r->key}, {"sender", r->sender_name}, {"sender_id", r->sender_id}, {"conversation", r->conversation}};
	struct stored_text reader = {.conf = c->conf};
	struct spool_view_row row = {.endpoint = r->endpoint, .headers = r->headers, .body = r->body, .text = r->text, .text_known = r->text_known};
	bool shown = c->conf->page_bodies;

	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		json_text(j, fields[i].name, shown ? fields[i].value : (struct slice){0});
	json_text(j, "text", shown ? row_text(&reader, &row) : (struct slice){0});
	stored_text_free(&reader);
}

static bool write_event_detail(struct page_call *c, const struct spool_row *r)
{
	const struct endpoint *e = stored_text_endpoint(c->conf, r->endpoint);
	char id[24];
	struct json j;
	bool ok;

	snprintf(id, sizeof id, "%" PRId64, r->id);
	json_begin(&j);
	json_string(&j, "id", id);
	json_string(&j, "kind", "event");
	json_string(&j, "outcome", "stored");
	json_time(&j, "received_at", r->received_at);
	row_write_endpoint(&j, c->conf, r->endpoint);
	json_text(&j, "event", r->event);
	json_text(&j, "account", r->account);
	write_private_fields(c, &j, r);
	json_text(&j, "sent_at", r->sent_at);
	json_text(&j, "remote_addr", r->remote_addr);
	json_text(&j, "note", r->note);
	json_number(&j, "came", r->came);
	if (r->came_at)
		json_time(&j, "came_at", r->came_at);
	json_string(&j, "source", spool_source_name(r->source));
	json_number(&j, "bytes", (int64_t)r->body.n);
	json_string(&j, "verdict", verdict_of(e, r->secret));
	write_secret(c, &j, e, r->secret);
	content_write(&j, c->conf->page_bodies, r->headers, r->body);
	ok = write_deliveries(c, &j, r->id);
	json_list(&j, "commands");
	write_cli(&j, "show", "show", r->id);
	write_cli(&j, "replay", "replay", r->id);
	write_curl(c, &j, e, r->headers, r->body);
	json_list_end(&j);
	page_answer_json(c, &j);
	return ok;
}

/* The rows borrow from the iterator, and the deliveries are read by another statement in between. */
static void answer_event(struct page_call *c, int64_t id)
{
	struct spool_events_iter *it = spool_events_get(c->db, id);
	struct spool_row row;
	bool found = spool_events_next(it, &row), ok = true;

	if (found)
		ok = write_event_detail(c, &row);
	if (!spool_events_end(it) || !ok)
		page_spool_error(c);
	else if (!found)
		page_error(c, 404, "there is no such event; it may have been purged");
}

/* ---- a refused delivery */

/* What an outcome's code means, for the sender. */
static const char *meaning_of(struct slice code)
{
	for (int o = 0; o < OUTCOME_COUNT; o++) {
		const struct outcome_info *info = outcome_info((enum outcome)o);

		if (strlen(info->code) == code.n && memcmp(info->code, code.p, code.n) == 0)
			return info->message;
	}
	return NULL;
}

static void write_explain(struct page_call *c, struct json *j, const struct spool_reject_row *r)
{
	struct buf pairs = {0};
	const char *p, *end, *name, *value;

	if (!r->body.p || !r->headers.p || !c->conf->page_bodies || !vault_explain(c->page->vault, r->id, &pairs) || !pairs.len) {
		json_text(j, "explain", (struct slice){0});
		buf_free(&pairs);
		return;
	}
	json_object(j, "explain");
	p = pairs.data;
	end = p + pairs.len;
	while ((name = vault_text(&p, end)) && (value = vault_text(&p, end)))
		json_string(j, name, value);
	json_object_end(j);
	buf_free(&pairs);
}

static void write_refused_commands(struct page_call *c, struct json *j, const struct spool_reject_row *r)
{
	json_list(j, "commands");
	write_cli(j, "show", "rejects", r->id);
	if (r->body.p && r->headers.p) {
		write_cli(j, "explain", "verify --explain --reject", r->id);
		write_cli(j, "accept", "rejects --accept", r->id);
	}
	write_curl(c, j, stored_text_endpoint(c->conf, r->endpoint), r->headers, r->body);
	json_list_end(j);
}

static void write_refused_detail(struct page_call *c, const struct spool_reject_row *r)
{
	const char *meaning = meaning_of(r->code.p ? r->code : (struct slice){"", 0});
	char id[24];
	struct json j;

	snprintf(id, sizeof id, "r%" PRId64, r->id);
	json_begin(&j);
	json_string(&j, "id", id);
	json_string(&j, "kind", "refused");
	json_text(&j, "outcome", r->code);
	json_time(&j, "received_at", r->received_at);
	row_write_endpoint(&j, c->conf, r->endpoint);
	json_text(&j, "path", r->path);
	json_text(&j, "method", r->method);
	json_text(&j, "content_type", r->content_type);
	json_text(&j, "remote_addr", r->remote_addr);
	json_number(&j, "bytes", r->bytes);
	json_text(&j, "reason", r->reason);
	json_text(&j, "meaning", meaning ? slice_text(meaning) : (struct slice){0});
	content_write(&j, c->conf->page_bodies, r->headers, r->body);
	write_explain(c, &j, r);
	write_refused_commands(c, &j, r);
	page_answer_json(c, &j);
}

static void answer_refused(struct page_call *c, int64_t id)
{
	struct spool_rows *rows = spool_rejects_get(c->db, id);
	struct spool_reject_row r;
	bool found = spool_rejects_next(rows, &r);

	if (found) {
		again_hide_secret(&r);
		write_refused_detail(c, &r);
	}
	if (!spool_rows_end(rows))
		page_spool_error(c);
	else if (!found)
		page_error(c, 404, "there is no such refused delivery; the oldest are deleted, see reject-keep");
}

void detail_answer(struct page_call *c)
{
	bool refused, json;
	int64_t id;

	if (!read_detail_id(c->tail, &id, &refused, &json))
		page_error(c, 404, "the page has no such URL");
	else if (!json)
		files_index(c);
	else if (page_reader(c))
		refused ? answer_refused(c, id) : answer_event(c, id);
}
