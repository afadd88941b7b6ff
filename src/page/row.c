/* SPDX-License-Identifier: ISC */
/* One line of the list: an event or a refused delivery, as JSON, and whether it has the text that is searched. */
#include "page/row.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/utf8.h"

enum { TEXT_SHOWN = 300, FIELD_SHOWN = 200 }; /* characters in a line of the list; the detail has all */

void row_write_endpoint(struct json *j, const struct conf *conf, struct slice path)
{
	const struct endpoint *e = stored_text_endpoint(conf, path);

	json_text(j, "endpoint", path);
	json_text(j, "name", e && e->name ? slice_text(e->name) : (struct slice){0});
}

struct slice row_text(struct stored_text *t, const struct spool_view_row *row)
{
	struct slice text = row->text;

	if (!row->text_known && row->body.p)
		stored_text_read(t, row->endpoint, row->headers, row->body, &text);
	return text;
}

static bool contains(struct slice text, struct slice part)
{
	return text.p && utf8_contains(text, part);
}

static bool same(struct slice a, struct slice b)
{
	return a.p && a.n == b.n && memcmp(a.p, b.p, b.n) == 0;
}

/* A refused delivery has no text: its reason, its path and its address are searched. */
bool row_matches(struct stored_text *t, const struct spool_view_row *row, struct slice sender, struct slice text)
{
	if (sender.p && !same(row->sender_id, sender) && !contains(row->sender_name, sender))
		return false;
	if (!text.p)
		return true;
	if (row->kind == SPOOL_VIEW_REJECTS)
		return contains(row->reason, text) || contains(row->path, text) || contains(row->remote_addr, text) || contains(row->code, text);
	return contains(row_text(t, row), text);
}

void row_write_cut(struct json *j, const char *name, struct slice text, size_t characters)
{
	struct buf cut = {0};
	size_t n;

	if (!text.p || text.n <= characters) {
		json_text(j, name, text);
		return;
	}
	utf8_replace_invalid(text, &cut);
	n = utf8_cut(cut.data, cut.len, characters);
	if (n < cut.len) {
		cut.len = n;
		buf_add_text(&cut, "…");
	}
	json_text(j, name, (struct slice){buf_str(&cut), cut.len});
	buf_free(&cut);
}

static void write_event(struct stored_text *t, struct json *j, const struct spool_view_row *row)
{
	bool shown = t->conf->page_bodies;
	const struct slice hidden = {0};
	struct slice sender = row->sender_name.n ? row->sender_name : row->sender_id;

	json_string(j, "kind", "event");
	json_string(j, "outcome", "stored");
	row_write_cut(j, "event", row->event, FIELD_SHOWN);
	row_write_cut(j, "account", row->account, FIELD_SHOWN);
	row_write_cut(j, "sender", shown ? sender : hidden, FIELD_SHOWN);
	row_write_cut(j, "text", shown ? row_text(t, row) : hidden, TEXT_SHOWN);
	json_text(j, "reason", hidden);
	json_text(j, "note", row->note);
	json_string(j, "source", spool_source_name(row->source));
}

static void write_refused(struct json *j, const struct spool_view_row *row)
{
	const struct slice none = {0};

	json_string(j, "kind", "refused");
	json_text(j, "outcome", row->code);
	json_text(j, "event", none);
	json_text(j, "account", none);
	json_text(j, "sender", none);
	json_text(j, "text", none);
	row_write_cut(j, "reason", row->reason, TEXT_SHOWN);
	json_text(j, "note", none);
	json_text(j, "source", none);
}

void row_write(struct stored_text *t, struct json *j, const struct spool_view_row *row)
{
	bool refused = row->kind == SPOOL_VIEW_REJECTS;
	char id[24];

	snprintf(id, sizeof id, "%s%" PRId64, refused ? "r" : "", row->id);
	json_item(j);
	json_string(j, "id", id);
	json_time(j, "received_at", row->received_at);
	row_write_endpoint(j, t->conf, row->endpoint);
	refused ? write_refused(j, row) : write_event(t, j, row);
	row_write_cut(j, "path", row->path, FIELD_SHOWN);
	json_text(j, "method", row->method);
	json_text(j, "remote_addr", row->remote_addr);
	json_number(j, "bytes", row->bytes);
	json_item_end(j);
}
