/* SPDX-License-Identifier: ISC */
/* JSON for other programs: one object a line, on standard output. */
#include "cli/json.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

#include "cli/terminal.h"
#include "core/clock.h"
#include "core/utf8.h"

static void name_member(struct json *j, const char *name)
{
	yajl_gen_string(j->gen, (const unsigned char *)name, strlen(name));
}

void json_begin(struct json *j)
{
	j->gen = yajl_gen_alloc(NULL);
	if (!j->gen) {
		fputs("hookspool: memory is short\n", stderr);
		abort();
	}
	yajl_gen_map_open(j->gen);
}

void json_text(struct json *j, const char *name, struct slice value)
{
	struct buf valid = {0};

	name_member(j, name);
	if (value.p && !utf8_valid(value.p, value.n)) {
		utf8_replace_invalid(value, &valid);
		value = (struct slice){buf_str(&valid), valid.len};
	}
	if (value.p)
		yajl_gen_string(j->gen, (const unsigned char *)value.p, value.n);
	else
		yajl_gen_null(j->gen);
	buf_free(&valid);
}

void json_string(struct json *j, const char *name, const char *value)
{
	json_text(j, name, (struct slice){value, strlen(value)});
}

void json_number(struct json *j, const char *name, int64_t value)
{
	name_member(j, name);
	yajl_gen_integer(j->gen, value);
}

void json_strings(struct json *j, const char *name, const char *const *texts)
{
	name_member(j, name);
	yajl_gen_array_open(j->gen);
	for (; *texts; texts++)
		yajl_gen_string(j->gen, (const unsigned char *)*texts, strlen(*texts));
	yajl_gen_array_close(j->gen);
}

void json_time(struct json *j, const char *name, int64_t ms)
{
	char text[CLOCK_TEXT];

	json_string(j, name, clock_format(ms, text));
}

void json_list(struct json *j, const char *name)
{
	name_member(j, name);
	yajl_gen_array_open(j->gen);
}

void json_item(struct json *j)
{
	yajl_gen_map_open(j->gen);
}

void json_item_end(struct json *j)
{
	yajl_gen_map_close(j->gen);
}

void json_list_end(struct json *j)
{
	yajl_gen_array_close(j->gen);
}

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
	json_text(j, "note", r->note);
}

void json_body(struct json *j, struct slice body)
{
	size_t n = 4 * ((body.n + 2) / 3);
	unsigned char *text;

	if (utf8_valid(body.p, body.n)) {
		json_text(j, "body", body);
		return;
	}
	text = malloc(n + 1);
	if (!text) {
		fputs("hookspool: memory is short\n", stderr);
		abort();
	}
	EVP_EncodeBlock(text, (const unsigned char *)body.p, (int)body.n);
	json_text(j, "body_base64", (struct slice){(const char *)text, n});
	free(text);
}

void json_end(struct json *j)
{
	const unsigned char *text;
	size_t n;

	yajl_gen_map_close(j->gen);
	yajl_gen_get_buf(j->gen, &text, &n);
	terminal_json(stdout, (struct slice){(const char *)text, n});
	putchar('\n');
	yajl_gen_free(j->gen);
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
