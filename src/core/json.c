/* SPDX-License-Identifier: ISC */
/* JSON for other programs: an object on one line. No text in it can break the line or steer a terminal. */
#include "core/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>

#include "core/clock.h"
#include "core/encode.h"
#include "core/utf8.h"
#include "core/yajl_memory.h"

static void name_member(struct json *j, const char *name)
{
	yajl_gen_string(j->gen, (const unsigned char *)name, strlen(name));
}

void json_begin(struct json *j)
{
	j->gen = yajl_gen_alloc(&yajl_memory);
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

void json_bool(struct json *j, const char *name, bool value)
{
	name_member(j, name);
	yajl_gen_bool(j->gen, value);
}

size_t json_size(const struct json *j)
{
	const unsigned char *text;
	size_t n = 0;

	yajl_gen_get_buf(j->gen, &text, &n);
	return n;
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

void json_object(struct json *j, const char *name)
{
	name_member(j, name);
	yajl_gen_map_open(j->gen);
}

void json_object_end(struct json *j)
{
	yajl_gen_map_close(j->gen);
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

void json_element_number(struct json *j, int64_t value)
{
	yajl_gen_integer(j->gen, value);
}

void json_element_decimal(struct json *j, double value)
{
	char text[64];
	int n = snprintf(text, sizeof text, "%.3f", value);

	if (n > 0 && n < (int)sizeof text)
		yajl_gen_number(j->gen, text, (size_t)n);
	else
		yajl_gen_null(j->gen);
}

void json_element_null(struct json *j)
{
	yajl_gen_null(j->gen);
}

void json_body(struct json *j, struct slice body)
{
	size_t n = encode_size(ENCODING_BASE64, body.n);
	char *text;

	if (utf8_valid(body.p, body.n)) {
		json_text(j, "body", body);
		return;
	}
	text = yajl_memory.malloc(NULL, n + 1);
	encode(ENCODING_BASE64, body.p, body.n, text);
	json_text(j, "body_base64", (struct slice){text, n});
	free(text);
}

/* The first byte from `at` on that is no printable character of ASCII. */
static size_t skip_printable(struct slice json, size_t at)
{
	while (at < json.n && json.p[at] >= ' ' && json.p[at] < 0x7F)
		at++;
	return at;
}

bool json_escape(struct slice json, struct buf *out)
{
	size_t clean = 0; /* all before is added */
	uint32_t c;
	bool ok = buf_reserve(out, json.n);

	for (size_t at = skip_printable(json, 0), len; ok && at < json.n; at = skip_printable(json, at + len)) {
		len = utf8_next(json.p + at, json.n - at, &c);
		if (len == 0)
			len = 1; /* not UTF-8, which JSON is */
		else if (json.p[at] == '\n' || !utf8_steers(c))
			continue;
		ok = buf_add(out, json.p + clean, at - clean) &&
			buf_printf(out, "\\u%04x", len == 1 ? (unsigned)(unsigned char)json.p[at] : (unsigned)c);
		clean = at + len;
	}
	return ok && buf_add(out, json.p + clean, json.n - clean);
}

bool json_finish(struct json *j, struct buf *out)
{
	const unsigned char *text;
	size_t n;
	bool ok;

	yajl_gen_map_close(j->gen);
	yajl_gen_get_buf(j->gen, &text, &n);
	ok = json_escape((struct slice){(const char *)text, n}, out);
	yajl_gen_free(j->gen);
	return ok;
}

void json_drop(struct json *j)
{
	yajl_gen_free(j->gen);
}

bool json_is_valid(struct slice text)
{
	yajl_handle h = yajl_alloc(NULL, NULL, NULL);
	bool ok = h && yajl_parse(h, (const unsigned char *)text.p, text.n) == yajl_status_ok && yajl_complete_parse(h) == yajl_status_ok;

	if (h)
		yajl_free(h);
	return ok;
}

bool json_check(struct slice text, size_t *at)
{
	yajl_handle h = yajl_alloc(NULL, NULL, NULL);
	yajl_status status;
	uint32_t c;
	size_t len = 1;

	*at = 0;
	if (!h)
		return false;
	status = yajl_parse(h, (const unsigned char *)text.p, text.n);
	*at = text.n;
	if (status != yajl_status_ok)
		*at = yajl_get_bytes_consumed(h);
	else
		status = yajl_complete_parse(h);
	yajl_free(h);
	for (size_t i = 0; i < *at && len; i += len) {
		len = utf8_next(text.p + i, text.n - i, &c);
		if (len == 0) {
			*at = i; /* yajl's own check is weak */
			status = yajl_status_error;
		}
	}
	return status == yajl_status_ok;
}
