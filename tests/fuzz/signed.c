/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: a flag byte, six lines (signs, timestamp, id, method, url, query), and the body behind them. Put together
 * for every scheme, and for one that signs what the first line says.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "hook/signed.h"

enum { FLAG_NO_URL = 2, FLAG_NO_BODY = 4, FLAG_NO_TIMESTAMP = 8, FLAG_NO_ID = 16 };
enum { LINE_SIGNS, LINE_TIMESTAMP, LINE_ID, LINE_METHOD, LINE_URL, LINE_QUERY, LINES };

static void add(struct buf *b, const void *p, size_t n)
{
	assert(n == 0 || buf_add(b, p, n));
}

static void add_text(struct buf *b, const char *s)
{
	if (s)
		add(b, s, strlen(s));
}

static void add_url(struct buf *b, const struct signed_parts *parts)
{
	add_text(b, parts->url);
	if (*parts->query)
		add(b, "?", 1);
	add_text(b, parts->query);
}

static void add_decoded_url(struct buf *b, const struct signed_parts *parts)
{
	static const char codes[] = "3A:2F/3F?40@21!24$27'28(29)2A*2C,3B;";
	struct buf url = {0};
	const char *code;

	add_url(&url, parts);
	for (const char *p = buf_str(&url); *p; p++) {
		for (code = codes; *code && !(p[0] == '%' && p[1] == code[0] && p[2] == code[1]); code += 3)
			;
		add(b, *code ? code + 2 : p, 1);
		p += *code ? 2 : 0;
	}
	buf_free(&url);
}

/* Does the placeholder stand here? Then passes over it. */
static bool at(const char **text, const char *placeholder)
{
	size_t n = strlen(placeholder);

	if (strncmp(*text, placeholder, n) != 0)
		return false;
	*text += n;
	return true;
}

static void concatenate(const char *signs, const struct signed_parts *parts, struct buf *out)
{
	while (*signs) {
		if (at(&signs, "{body}"))
			add(out, parts->body.p, parts->body.n);
		else if (at(&signs, "{timestamp}"))
			add(out, parts->timestamp.p, parts->timestamp.n);
		else if (at(&signs, "{id}"))
			add(out, parts->id.p, parts->id.n);
		else if (at(&signs, "{method}"))
			add(out, parts->method.p, parts->method.n);
		else if (at(&signs, "{url}"))
			add_url(out, parts);
		else if (at(&signs, "{decoded-url}"))
			add_decoded_url(out, parts);
		else
			add(out, signs++, 1);
	}
}

static void check(const struct scheme *s, const struct signed_parts *parts, struct signed_scratch *scratch)
{
	struct buf want = {0};
	struct slice got = {0};
	enum signed_result result = signed_string(s, parts, scratch, &got);

	assert(result != SIGNED_UNAVAILABLE);
	if (!scheme_signs(s, PLACEHOLDER_FORM)) {
		concatenate(s->signs, parts, &want);
		assert(result == SIGNED_OK && got.n == want.len && (got.n == 0 || memcmp(got.p, want.data, got.n) == 0));
	}
	buf_free(&want);
}

static bool is_valid(const char *signs)
{
	enum placeholder p;
	struct slice literal;

	while (scheme_next(&signs, &p, &literal))
		if (p >= PLACEHOLDER_BODY_SHA256 && p < PLACEHOLDER_COUNT)
			return false; /* place.c has these */
	return !*signs;
}

/* The lines as C strings; false when there are too few. */
static bool take_lines(struct slice *rest, char **line)
{
	for (int i = 0; i < LINES; i++) {
		const char *stop = rest->n ? memchr(rest->p, '\n', rest->n) : NULL;

		if (!stop)
			return false;
		line[i] = strndup(rest->p, (size_t)(stop - rest->p));
		assert(line[i]);
		*rest = (struct slice){stop + 1, rest->n - (size_t)(stop + 1 - rest->p)};
	}
	return true;
}

static struct slice text(const char *s, bool absent)
{
	return absent ? (struct slice){0} : (struct slice){s, strlen(s)};
}

static void check_all(int flags, char **line, struct slice body)
{
	struct signed_parts parts = {
		.body = flags & FLAG_NO_BODY ? (struct slice){0} : body,
		.timestamp = text(line[LINE_TIMESTAMP], flags & FLAG_NO_TIMESTAMP),
		.id = text(line[LINE_ID], flags & FLAG_NO_ID),
		.method = text(line[LINE_METHOD], false),
		.url = flags & FLAG_NO_URL ? NULL : line[LINE_URL],
		.query = line[LINE_QUERY],
	};
	struct signed_scratch scratch = {0};
	const struct scheme *s;

	for (size_t i = 0; (s = scheme_at(i)); i++)
		if (s->signs && !s->reads_values && !strstr(s->signs, "{body-")) /* the others: place.c */
			check(s, &parts, &scratch);
	if (is_valid(line[LINE_SIGNS]))
		check(&(struct scheme){.signs = line[LINE_SIGNS]}, &parts, &scratch);
	signed_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = {(const char *)data + 1, size - 1};
	char *line[LINES] = {0};

	if (size == 0)
		return 0;
	if (take_lines(&rest, line))
		check_all(data[0], line, rest);
	for (int i = 0; i < LINES; i++)
		free(line[i]);
	return 0;
}
