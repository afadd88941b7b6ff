/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: a line, whose first byte is the escape and whose rest is what is known of the event; a template up to a
 * byte 0x1E; and the body behind it. The verdict and what is printed are compared with those of a second reader, which
 * prints the template as it reads it, with the values of yajl's tree.
 */
#include "fuzz.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/template.h"
#include "core/utf8.h"
#include "tree.h"

enum { MOST_FILTERS = 4, DEEPEST = 16, MOST_CHARACTERS = 1000000 };

/* ---- the second reader */

struct reading {
	const char *p; /* what comes next */
	enum template_escape escape;
	const struct template_values *values;
	yajl_val tree; /* of the body; NULL: it has no values */
	char *path[TEMPLATE_VALUES_MAX];
	size_t n_paths;
	struct buf out;
};

static void add(struct buf *b, const char *p, size_t n)
{
	assert(buf_add(b, p, n));
}

/* The bytes of the character that stands here, or 0: RFC 3629 by the numbers of the characters. */
static size_t character(const char *s, size_t n)
{
	static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char c = (unsigned char)*s;
	size_t len = c < 0x80 ? 1 : c >> 5 == 6 ? 2 : c >> 4 == 14 ? 3 : c >> 3 == 30 ? 4 : 0;
	unsigned long code = len == 1 ? c : c & 0xFFU >> (len + 1);

	if (len > n)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (((unsigned char)s[i] & 0xC0) != 0x80)
			return 0;
		code = code << 6 | ((unsigned char)s[i] & 0x3F);
	}
	return code < least[len] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF) ? 0 : len;
}

static void add_mended(struct buf *out, struct slice v)
{
	for (size_t i = 0, n; i < v.n; i += n ? n : 1) {
		n = character(v.p + i, v.n - i);
		add(out, n ? v.p + i : "\xEF\xBF\xBD", n ? n : 3);
	}
}

static void add_json(struct buf *out, struct slice v)
{
	struct buf mended = {0};

	add_mended(&mended, v);
	for (size_t i = 0; i < mended.len; i++) {
		unsigned char c = (unsigned char)mended.data[i];

		if (c < 0x20 && c != '\n')
			assert(buf_printf(out, "\\u%04x", c));
		else if (c == '\n')
			add(out, "\\n", 2);
		else
			assert(buf_printf(out, c == '"' || c == '\\' ? "\\%c" : "%c", c));
	}
	buf_free(&mended);
}

static void add_escaped(struct buf *out, enum template_escape escape, struct slice v)
{
	static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";

	if (escape == TEMPLATE_JSON)
		add_json(out, v);
	else if (escape == TEMPLATE_PLAIN)
		add(out, v.p, v.n);
	for (size_t i = 0; escape == TEMPLATE_URL && i < v.n; i++)
		if (memchr(unreserved, v.p[i], sizeof unreserved - 1))
			add(out, &v.p[i], 1);
		else
			assert(buf_printf(out, "%%%02X", (unsigned)(unsigned char)v.p[i]));
}

static void add_marked_up(struct buf *out, const struct buf *in, bool quotes)
{
	for (size_t i = 0; i < in->len; i++) {
		char c = in->data[i];
		const char *entity = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;"
			: quotes && c == '"' ? "&quot;" : quotes && c == '\'' ? "&#39;" : NULL;

		add(out, entity ? entity : &c, entity ? strlen(entity) : 1);
	}
}

static void add_markdown(struct buf *out, const struct buf *in)
{
	for (size_t i = 0; i < in->len; i++) {
		if (in->data[i] && strchr("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", in->data[i]))
			add(out, "\\", 1);
		add(out, &in->data[i], 1);
	}
}

/* A character begins with the first byte, and with each that continues none, whether that is UTF-8 or not. */
static void add_truncated(struct buf *out, const struct buf *in, size_t most)
{
	size_t characters = 0, last = 0;

	for (size_t i = 0; i < in->len; i++) {
		characters += i == 0 || ((unsigned char)in->data[i] & 0xC0) != 0x80;
		last = characters < most ? i + 1 : last;
	}
	add(out, in->data, characters > most ? last : in->len);
	if (characters > most)
		add(out, "…", strlen("…"));
}

/* Encoded words of up to 45 bytes, each of whole characters if that is possible; blanks for control characters. */
static void add_header(struct buf *out, const struct buf *in)
{
	struct buf line = {0};
	unsigned char word[64];
	bool plain = true;
	size_t to;

	add(&line, in->data, in->len);
	for (size_t i = 0; i < line.len; i++)
		line.data[i] = iscntrl((unsigned char)line.data[i]) ? ' ' : line.data[i];
	for (size_t i = 0; i < line.len; i++)
		plain = plain && line.data[i] >= ' ';
	if (plain && !strstr(buf_str(&line), "=?")) {
		add(out, line.data, line.len);
		line.len = 0;
	}
	for (size_t from = 0; from < line.len; from = to) {
		for (to = from + 45; to < line.len && to > from && ((unsigned char)line.data[to] & 0xC0) == 0x80; to--)
			;
		to = to > line.len ? line.len : to > from ? to : from + 45;
		EVP_EncodeBlock(word, (const unsigned char *)line.data + from, (int)(to - from));
		assert(buf_printf(out, "%s=?UTF-8?B?%s?=", from ? "\n " : "", word));
	}
	buf_free(&line);
}

static void skip(const char **p)
{
	*p += strspn(*p, " \t\n");
}

/* Does the text stand here? Then passes over it. */
static bool at(const char **p, const char *text)
{
	if (strncmp(*p, text, strlen(text)) != 0)
		return false;
	*p += strlen(text);
	return true;
}

/* The same for a word behind blanks. */
static bool at_word(const char **p, const char *word)
{
	const char *here = *p;

	skip(&here);
	if (!at(&here, word) || isalnum((unsigned char)*here))
		return false;
	*p = here;
	return true;
}

/* The same for a tag of one word. */
static bool at_tag(const char **p, const char *word)
{
	const char *here = *p;

	if (!at(&here, "{{") || !at_word(&here, word) || (skip(&here), !at(&here, "}}")))
		return false;
	*p = here;
	return true;
}

static bool begins_tag(const char *p, const char *word)
{
	return at(&p, "{{") && at_word(&p, word);
}

static bool note_path(struct reading *r, const char *path)
{
	for (size_t i = 0; i < r->n_paths; i++)
		if (strcmp(r->path[i], path) == 0)
			return true;
	if (!paths_valid(path, false) || r->n_paths == TEMPLATE_VALUES_MAX)
		return false;
	assert((r->path[r->n_paths++] = strdup(path)));
	return true;
}

static bool find_known(const struct reading *r, const char *name, struct slice *value)
{
	for (int k = 0; k < TEMPLATE_KNOWN_COUNT; k++) {
		if (strcmp(name, template_known_name((enum template_known)k)) != 0)
			continue;
		*value = r->values->known[k];
		return true;
	}
	return false;
}

static bool is_true(const struct found *f)
{
	if (!f->value)
		return f->filled;
	if (f->kind == PATH_STRING)
		return true;
	return f->kind == PATH_BOOLEAN ? *f->value == 't' : strcspn(f->value, "123456789") < strcspn(f->value, "eE");
}

static bool read_name(struct reading *r, struct slice *value, bool *truth)
{
	struct found f;
	char *name;
	bool ok;

	skip(&r->p);
	assert((name = strndup(r->p, strcspn(r->p, " \t\n|{}\""))));
	r->p += strlen(name);
	if (strcmp(name, "raw") == 0) {
		*value = r->values->body;
		*truth = value->n > 0;
		ok = true;
	} else if (strncmp(name, "hookspool.", 10) == 0 && name[10]) {
		ok = find_known(r, name + 10, value);
		*truth = ok && value->n > 0;
	} else {
		f = find_in_tree(r->tree, name, false);
		*value = (struct slice){f.value, f.value ? strlen(f.value) : 0};
		*truth = is_true(&f);
		ok = !(*name && strchr("#/^!&>", *name)) && note_path(r, name);
	}
	free(name);
	return ok;
}

static bool read_default(struct reading *r, const struct buf *value, struct buf *out)
{
	const char *text, *end;

	skip(&r->p);
	if (!at(&r->p, "\""))
		return false;
	text = r->p;
	end = strchr(text, '"');
	if (!end)
		return false;
	r->p = end + 1;
	add(out, value->len ? value->data : text, value->len ? value->len : (size_t)(end - text));
	return true;
}

static bool read_truncate(struct reading *r, const struct buf *value, struct buf *out)
{
	unsigned long most = 0;

	for (skip(&r->p); isdigit((unsigned char)*r->p); r->p++)
		most = most > MOST_CHARACTERS ? most : most * 10 + (unsigned long)(*r->p - '0');
	if (most == 0 || most > MOST_CHARACTERS)
		return false;
	add_truncated(out, value, most);
	return true;
}

static bool read_filter(struct reading *r, struct buf *value)
{
	struct buf out = {0};
	bool ok = true;

	if (at_word(&r->p, "default"))
		ok = read_default(r, value, &out);
	else if (at_word(&r->p, "truncate"))
		ok = read_truncate(r, value, &out);
	else if (at_word(&r->p, "html"))
		add_marked_up(&out, value, true);
	else if (at_word(&r->p, "mrkdwn"))
		add_marked_up(&out, value, false);
	else if (at_word(&r->p, "markdown"))
		add_markdown(&out, value);
	else if (at_word(&r->p, "header"))
		add_header(&out, value);
	else
		ok = false;
	buf_free(value);
	*value = out;
	return ok;
}

static bool read_value(struct reading *r, bool printing, bool bare)
{
	struct buf value = {0};
	size_t n_filters = 0;
	struct slice found;
	bool truth, ok = read_name(r, &found, &truth);

	if (ok)
		add(&value, found.p, found.n);
	for (skip(&r->p); ok && at(&r->p, "|"); skip(&r->p))
		ok = n_filters++ < MOST_FILTERS && read_filter(r, &value);
	if (ok && printing)
		add_escaped(&r->out, bare ? TEMPLATE_PLAIN : r->escape, (struct slice){value.data, value.len});
	buf_free(&value);
	return ok && at(&r->p, bare ? "}}}" : "}}");
}

static bool read_block(struct reading *r, bool printing, int depth);

static bool read_condition(struct reading *r, bool printing, int depth)
{
	struct slice value;
	bool truth;

	if (depth > DEEPEST || !read_name(r, &value, &truth))
		return false;
	skip(&r->p);
	if (!at(&r->p, "}}") || !read_block(r, printing && truth, depth))
		return false;
	if (at_tag(&r->p, "else") && !read_block(r, printing && !truth, depth))
		return false;
	return at_tag(&r->p, "/if");
}

/* Up to the tag that ends it, or to the end. */
static bool read_block(struct reading *r, bool printing, int depth)
{
	bool ok = true;

	while (ok && *r->p) {
		if (at(&r->p, "{{{"))
			ok = read_value(r, printing, true);
		else if (begins_tag(r->p, "else") || begins_tag(r->p, "/if"))
			break;
		else if (!at(&r->p, "{{"))
			add(&r->out, r->p++, printing ? 1 : 0);
		else if (at_word(&r->p, "#if"))
			ok = read_condition(r, printing, depth + 1);
		else
			ok = read_value(r, printing, false);
	}
	return ok;
}

static bool read_all(struct reading *r, const char *text)
{
	r->p = text;
	r->out.len = 0;
	return read_block(r, true, 0) && !*r->p;
}

/* ---- what is compared with it */

/* Both calls give the same verdict. A refusal names a place in the text and a reason. */
static void check_refusal(const char *text, enum template_escape escape, const char *why)
{
	unsigned line = 0, column = 0;
	char again[256] = "";
	int reason = 0;

	assert(!template_new(text, escape, again, sizeof again) && strcmp(why, again) == 0);
	assert(sscanf(why, "template, line %u, column %u: %n", &line, &column, &reason) == 2 && reason > 0 && why[reason]);
	for (assert(line > 0); line > 1; line--) {
		text = strchr(text, '\n');
		assert(text++);
	}
	assert(column > 0 && column <= strcspn(text, "\n") + 1);
}

/* Between quotes the body is unchanged, for a reader of JSON that ends strings at a NUL. */
static void check_json(const struct template_values *values)
{
	struct template *t = template_new("{\"x\":\"-{{raw}}\"}", TEMPLATE_JSON, NULL, 0);
	struct buf out = {0}, mended = {0};
	yajl_val tree;
	char why[128];

	assert(t && template_print(t, values, &out));
	assert(utf8_valid(out.data, out.len));
	assert((tree = yajl_tree_parse(buf_str(&out), why, sizeof why)));
	add_mended(&mended, values->body);
	assert(strcmp(find_in_tree(tree, "x", false).value + 1, buf_str(&mended)) == 0);
	yajl_tree_free(tree);
	template_free(t);
	buf_free(&out);
	buf_free(&mended);
}

/* NULL when the body has no values. */
static yajl_val tree_of(const struct reading *r, const char *body)
{
	struct path path[TEMPLATE_VALUES_MAX] = {{0}};
	struct buf arena = {0};
	yajl_val tree = NULL;
	const char *reason;
	char why[128];

	for (size_t i = 0; i < r->n_paths; i++)
		path[i] = (struct path){.text = r->path[i], .lenient = true};
	if (paths_find(r->values->body.p, r->values->body.n, path, r->n_paths, &arena, &reason) == PATHS_OK)
		assert((tree = yajl_tree_parse(strncmp(body, "\xEF\xBB\xBF", 3) == 0 ? body + 3 : body, why, sizeof why)));
	buf_free(&arena);
	return tree;
}

/* Printed behind what is there already, the same each time, which is what the second reader prints. */
static void check_printed(const struct template *t, struct reading *r, const char *text)
{
	struct buf twice = {0}, body = {0};
	size_t n;

	assert(template_print(t, r->values, &twice));
	n = twice.len;
	assert(template_print(t, r->values, &twice));
	assert(twice.len == 2 * n && (n == 0 || memcmp(twice.data, twice.data + n, n) == 0));
	add(&body, r->values->body.p, r->values->body.n);
	/* the tree's strings end at a NUL, and its surrogates are yajl's */
	if (!strstr(buf_str(&body), "\\u0000") && !strstr(buf_str(&body), "\\ud") && !strstr(buf_str(&body), "\\uD")) {
		r->tree = tree_of(r, buf_str(&body));
		assert(read_all(r, text));
		assert(r->out.len == n && (n == 0 || memcmp(r->out.data, twice.data, n) == 0));
		yajl_tree_free(r->tree);
	}
	buf_free(&twice);
	buf_free(&body);
}

static void check(const char *text, enum template_escape escape, const struct template_values *values)
{
	struct reading r = {.escape = escape, .values = values};
	char *copy = strdup(text), why[256] = "";
	struct template *t;

	assert(copy);
	t = template_new(copy, escape, why, sizeof why);
	free(copy); /* the template has one of its own */
	assert(read_all(&r, text) == (t != NULL));
	if (t)
		check_printed(t, &r, text);
	else
		check_refusal(text, escape, why);
	for (size_t i = 0; i < r.n_paths; i++)
		free(r.path[i]);
	buf_free(&r.out);
	template_free(t);
}

/* What is known is the line from its first byte on, from its second, and so on; beyond its end there is nothing. */
static void set_known(struct template_values *values, struct slice line)
{
	for (size_t k = 0; k < TEMPLATE_KNOWN_COUNT && k <= line.n; k++)
		values->known[k] = (struct slice){line.p + k, line.n - k};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size, *template, *stop;
	struct template_values values = {0};
	char *text;

	template = size ? memchr(p, '\n', size) : NULL;
	if (!template || template == p)
		return 0;
	set_known(&values, (struct slice){p + 1, (size_t)(template - p - 1)});
	template++;
	stop = memchr(template, 0x1E, (size_t)(end - template));
	if (stop)
		values.body = (struct slice){stop + 1, (size_t)(end - stop - 1)};
	text = strndup(template, (size_t)((stop ? stop : end) - template));
	assert(text);
	check(text, *p == 'j' ? TEMPLATE_JSON : *p == 'u' ? TEMPLATE_URL : TEMPLATE_PLAIN, &values);
	check_json(&values);
	free(text);
	return 0;
}
