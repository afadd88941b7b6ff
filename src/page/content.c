/* SPDX-License-Identifier: ISC */
/* The headers and the body of a delivery as JSON: exact, readable, and with the place of a syntax error. */
#include "page/content.h"

#include <string.h>

#include "core/unpack.h"
#include "core/utf8.h"

static void write_headers(struct json *j, struct slice headers)
{
	const char *p = headers.p, *end = headers.p + headers.n, *stop, *colon, *value;

	json_list(j, "headers");
	for (; p < end; p = stop + 1) {
		stop = memchr(p, '\n', (size_t)(end - p));
		if (!stop)
			stop = end;
		colon = stop > p ? memchr(p + 1, ':', (size_t)(stop - p) - 1) : NULL; /* not the one in front of ":query" */
		if (!colon)
			continue;
		for (value = colon + 1; value < stop && *value == ' '; value++)
			;
		json_item(j);
		json_text(j, "name", (struct slice){p, (size_t)(colon - p)});
		json_text(j, "value", (struct slice){value, (size_t)(stop - value)});
		json_item_end(j);
	}
	json_list_end(j);
}

static bool looks_like_json(struct slice s)
{
	size_t i = 0;

	while (i < s.n && (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\r' || s.p[i] == '\n'))
		i++;
	return i < s.n && (s.p[i] == '{' || s.p[i] == '[');
}

/* Lines and columns begin with 1; a column counts bytes. */
static void write_json_error(struct json *j, struct slice text)
{
	size_t at, line = 1, column = 1;

	if (!looks_like_json(text) || json_check(text, &at)) {
		json_text(j, "json_error", (struct slice){0});
		return;
	}
	for (size_t i = 0; i < at && i < text.n; i++) {
		column = text.p[i] == '\n' ? 1 : column + 1;
		line += text.p[i] == '\n';
	}
	json_object(j, "json_error");
	json_number(j, "at", (int64_t)at);
	json_number(j, "line", (int64_t)line);
	json_number(j, "column", (int64_t)column);
	json_string(j, "reason", at >= text.n ? "the text ends too early" : "this is not JSON");
	json_object_end(j);
}

void content_write(struct json *j, bool shown, struct slice headers, struct slice body)
{
	const struct slice none = {0};
	struct buf plain = {0};
	struct slice whole = body;
	bool cut = body.n > CONTENT_SHOWN_MAX;

	if (!shown || !headers.p)
		json_text(j, "headers", none);
	else
		write_headers(j, headers);
	if (!shown || !body.p) {
		json_text(j, "body", none);
		json_text(j, "json_error", none);
		return;
	}
	unpack_kept(body, &plain, &whole);
	json_body(j, (struct slice){body.p, cut ? utf8_fit(body.p, body.n, CONTENT_SHOWN_MAX) : body.n});
	json_bool(j, "body_cut", cut);
	if (whole.p != body.p)
		json_text(j, "unpacked", (struct slice){whole.p, whole.n > CONTENT_SHOWN_MAX ? utf8_fit(whole.p, whole.n, CONTENT_SHOWN_MAX) : whole.n});
	write_json_error(j, whole);
	buf_free(&plain);
}
