/* SPDX-License-Identifier: ISC */
/* An event as a line of JSON: what hookspool export prints, and what sinks of the type file write. */
#include "spool/event_line.h"

#include "core/json.h"

const char *spool_source_name(enum spool_source source)
{
	return source == SPOOL_SOURCE_CATCH_UP ? "catch-up" : source == SPOOL_SOURCE_OWN ? "hookspool" : "webhook";
}

bool event_line(const struct spool_row *r, struct slice name, struct buf *out)
{
	struct json j;

	json_begin(&j);
	json_number(&j, "id", r->id);
	json_text(&j, "endpoint", r->endpoint);
	json_text(&j, "name", name);
	json_text(&j, "event", r->event);
	json_text(&j, "key", r->key);
	json_text(&j, "account", r->account);
	json_time(&j, "received_at", r->received_at);
	json_text(&j, "remote_addr", r->remote_addr);
	json_string(&j, "source", spool_source_name(r->source));
	json_text(&j, "note", r->note);
	if (r->came > 1) /* a sink does not know it */
		json_number(&j, "came", r->came);
	json_text(&j, "headers", r->headers);
	json_body(&j, r->body);
	return json_finish(&j, out) && buf_add(out, "\n", 1);
}
