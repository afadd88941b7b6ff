/* SPDX-License-Identifier: ISC */
/* JSON for other programs: one object a line, on standard output. */
#include "cli/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

#include "cli/terminal.h"
#include "core/utf8.h"

void json_row(struct json *j, const struct spool_row *r)
{
	json_number(j, "id", r->id);
	json_text(j, "endpoint", r->endpoint);
	json_text(j, "event", r->event);
	json_text(j, "key", r->key);
	json_text(j, "account", r->account);
	json_text(j, "sender_id", r->sender_id);
	json_text(j, "sender_name", r->sender_name);
	json_text(j, "conversation", r->conversation);
	json_text(j, "sent_at", r->sent_at);
	json_time(j, "received_at", r->received_at);
	json_text(j, "remote_addr", r->remote_addr);
	json_number(j, "secret", r->secret);
	json_string(j, "source", spool_source_name(r->source));
	json_text(j, "note", r->note);
	json_number(j, "came", r->came);
	if (r->came_at)
		json_time(j, "came_at", r->came_at);
}

void json_end(struct json *j)
{
	struct buf line = {0};

	if (!json_finish(j, &line) || !buf_add(&line, "\n", 1)) {
		fputs("hookspool: memory is short\n", stderr);
		abort();
	}
	fwrite(line.data, 1, line.len, stdout);
	buf_free(&line);
}

static int echo_null(void *g)
{
	return yajl_gen_null(g) == yajl_gen_status_ok;
}

static int echo_boolean(void *g, int value)
{
	return yajl_gen_bool(g, value) == yajl_gen_status_ok;
}

static int echo_number(void *g, const char *s, size_t n)
{
	return yajl_gen_number(g, s, n) == yajl_gen_status_ok;
}

static int echo_string(void *g, const unsigned char *s, size_t n)
{
	return yajl_gen_string(g, s, n) == yajl_gen_status_ok;
}

static int echo_start_map(void *g)
{
	return yajl_gen_map_open(g) == yajl_gen_status_ok;
}

static int echo_end_map(void *g)
{
	return yajl_gen_map_close(g) == yajl_gen_status_ok;
}

static int echo_start_array(void *g)
{
	return yajl_gen_array_open(g) == yajl_gen_status_ok;
}

static int echo_end_array(void *g)
{
	return yajl_gen_array_close(g) == yajl_gen_status_ok;
}

bool json_pretty(struct slice text)
{
	static const yajl_callbacks callbacks = {
		.yajl_null = echo_null,
		.yajl_boolean = echo_boolean,
		.yajl_number = echo_number,
		.yajl_string = echo_string,
		.yajl_start_map = echo_start_map,
		.yajl_map_key = echo_string,
		.yajl_end_map = echo_end_map,
		.yajl_start_array = echo_start_array,
		.yajl_end_array = echo_end_array,
	};
	yajl_gen g = yajl_gen_alloc(NULL);
	yajl_handle h = yajl_alloc(&callbacks, NULL, g);
	const unsigned char *out;
	bool ok = g && h && utf8_valid(text.p, text.n); /* yajl's own check is weak */
	size_t n;

	if (ok) {
		yajl_gen_config(g, yajl_gen_beautify, 1);
		yajl_gen_config(g, yajl_gen_indent_string, "  ");
		ok = yajl_parse(h, (const unsigned char *)text.p, text.n) == yajl_status_ok &&
			yajl_complete_parse(h) == yajl_status_ok && yajl_gen_get_buf(g, &out, &n) == yajl_gen_status_ok;
	}
	if (ok)
		terminal_json(stdout, (struct slice){(const char *)out, n});
	if (h)
		yajl_free(h);
	if (g)
		yajl_gen_free(g);
	return ok;
}
