/* SPDX-License-Identifier: ISC */
/* Templates: the text that a relay sends, with values of the event in it. */
#include "core/template.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/encode.h"
#include "core/paths.h"
#include "core/utf8.h"

enum { FILTERS_MAX = 4, DEPTH_MAX = 16, TRUNCATE_MAX = 1000000 };

enum filter_kind { FILTER_DEFAULT, FILTER_TRUNCATE, FILTER_HTML, FILTER_MRKDWN, FILTER_MARKDOWN, FILTER_HEADER };

struct filter {
	enum filter_kind kind;
	struct slice text; /* of default */
	size_t characters; /* of truncate */
};

enum value_kind { VALUE_RAW, VALUE_KNOWN, VALUE_PATH };

enum node_kind { NODE_TEXT, NODE_VALUE, NODE_IF, NODE_ELSE, NODE_END };

/* What the template is a list of; a node of a condition knows where the list goes on without it. */
struct node {
	enum node_kind kind;
	struct slice text;
	enum value_kind value;
	size_t which; /* the known value, or the path */
	bool bare;    /* three braces */
	struct filter filter[FILTERS_MAX];
	size_t n_filters;
	size_t beyond; /* IF: behind its ELSE or END; ELSE: its END */
};

struct template {
	char *text; /* what nodes and paths borrow from */
	enum template_escape escape;
	struct node *node;
	size_t n, room;
	char *path[TEMPLATE_VALUES_MAX];
	size_t n_paths;
};

static const char prefix[] = "hookspool.";

static const char *const known_names[TEMPLATE_KNOWN_COUNT] = {
	[TEMPLATE_ID] = "id",
	[TEMPLATE_ENDPOINT] = "endpoint",
	[TEMPLATE_EVENT] = "event",
	[TEMPLATE_ACCOUNT] = "account",
	[TEMPLATE_SENDER_ID] = "sender_id",
	[TEMPLATE_SENDER_NAME] = "sender_name",
	[TEMPLATE_CONVERSATION] = "conversation",
	[TEMPLATE_TEXT] = "text",
	[TEMPLATE_SENT_AT] = "sent_at",
	[TEMPLATE_RECEIVED_AT] = "received_at",
	[TEMPLATE_REPLY] = "reply",
};

const char *template_known_name(enum template_known k)
{
	return known_names[k];
}

/* ---- reading the text */

struct reader {
	struct template *t;
	const char *p;      /* what comes next */
	const char *reason; /* NULL: all is well so far */
	size_t open[DEPTH_MAX]; /* the nodes of the conditions that are open */
	size_t depth;
};

static bool wrong(struct reader *r, const char *reason)
{
	if (!r->reason)
		r->reason = reason;
	return false;
}

static struct node *add_node(struct reader *r, enum node_kind kind)
{
	struct template *t = r->t;
	struct node *more;

	if (t->n == t->room) {
		more = realloc(t->node, (t->room * 2 + 16) * sizeof *more);
		if (!more) {
			wrong(r, "memory is short");
			return NULL;
		}
		t->node = more;
		t->room = t->room * 2 + 16;
	}
	t->node[t->n] = (struct node){.kind = kind};
	return &t->node[t->n++];
}

static void skip_blanks(struct reader *r)
{
	while (*r->p == ' ' || *r->p == '\t' || *r->p == '\n')
		r->p++;
}

/* Passes over the text when it comes next. */
static bool take(struct reader *r, const char *text)
{
	size_t n = strlen(text);

	if (strncmp(r->p, text, n) != 0)
		return false;
	r->p += n;
	return true;
}

/* The same for a word, which ends where no letter follows. */
static bool take_word(struct reader *r, const char *word)
{
	const char *p = r->p;

	if (take(r, word) && !isalnum((unsigned char)*r->p))
		return true;
	r->p = p;
	return false;
}

static bool add_path(struct reader *r, const char *name, size_t n, size_t *which)
{
	struct template *t = r->t;
	char *path;

	for (*which = 0; *which < t->n_paths; ++*which)
		if (strlen(t->path[*which]) == n && memcmp(t->path[*which], name, n) == 0)
			return true;
	if (t->n_paths == TEMPLATE_VALUES_MAX)
		return wrong(r, "more than 40 different values");
	path = strndup(name, n);
	if (!path)
		return wrong(r, "memory is short");
	t->path[t->n_paths++] = path;
	return paths_valid(path, false) || wrong(r, "this is no path; write names and indexes with dots between, such as {{data.sender.name}}");
}

static bool read_name(struct reader *r, struct node *node)
{
	const char *name;
	size_t n;

	skip_blanks(r);
	name = r->p;
	n = strcspn(name, " \t\n|{}\"");
	r->p += n;
	if (n == 0)
		return wrong(r, "the name of a value is missing");
	if (strchr("#/^!&>", *name)) /* of Mustache */
		return wrong(r, "there is no such tag; beside values there are {{#if x}}, {{else}} and {{/if}}");
	if (n == 3 && memcmp(name, "raw", 3) == 0) {
		node->value = VALUE_RAW;
		return true;
	}
	if (n < sizeof prefix || memcmp(name, prefix, sizeof prefix - 1) != 0) {
		node->value = VALUE_PATH;
		return add_path(r, name, n, &node->which);
	}
	node->value = VALUE_KNOWN;
	for (node->which = 0; node->which < TEMPLATE_KNOWN_COUNT; node->which++)
		if (strlen(known_names[node->which]) == n - sizeof prefix + 1 &&
		    memcmp(known_names[node->which], name + sizeof prefix - 1, n - sizeof prefix + 1) == 0)
			return true;
	return wrong(r, "there is no such hookspool. value; hookspool.conf(5) has the list");
}

static bool read_filter(struct reader *r, struct node *node)
{
	struct filter *f = &node->filter[node->n_filters];
	char *end;

	if (node->n_filters == FILTERS_MAX)
		return wrong(r, "more than 4 filters");
	node->n_filters++;
	skip_blanks(r);
	if (take_word(r, "default")) {
		f->kind = FILTER_DEFAULT;
		skip_blanks(r);
		if (!take(r, "\""))
			return wrong(r, "default needs a text: {{x | default \"nobody\"}}");
		f->text = (struct slice){r->p, strcspn(r->p, "\"")};
		r->p += f->text.n;
		return take(r, "\"") || wrong(r, "the text of default has no second quote");
	}
	if (take_word(r, "truncate")) {
		f->kind = FILTER_TRUNCATE;
		skip_blanks(r);
		f->characters = strtoul(r->p, &end, 10);
		if (end == r->p || !isdigit((unsigned char)*r->p) || f->characters == 0 || f->characters > TRUNCATE_MAX)
			return wrong(r, "truncate needs a number of characters: {{x | truncate 3000}}");
		r->p = end;
		return true;
	}
	f->kind = take_word(r, "html") ? FILTER_HTML : take_word(r, "mrkdwn") ? FILTER_MRKDWN : take_word(r, "markdown") ? FILTER_MARKDOWN : FILTER_HEADER;
	return f->kind != FILTER_HEADER || take_word(r, "header") ||
		wrong(r, "there is no such filter; write default \"...\", truncate N, html, mrkdwn, markdown or header");
}

static bool read_value(struct reader *r, struct node *node)
{
	if (!read_name(r, node))
		return false;
	for (skip_blanks(r); take(r, "|"); skip_blanks(r))
		if (!read_filter(r, node))
			return false;
	return true;
}

/* The condition that is open last becomes complete, up to the node that was just added. */
static bool close_condition(struct reader *r, size_t last, bool is_else)
{
	if (r->depth == 0)
		return wrong(r, is_else ? "{{else}} without {{#if x}}" : "{{/if}} without {{#if x}}");
	if (is_else && r->t->node[r->open[r->depth - 1]].kind == NODE_ELSE)
		return wrong(r, "a second {{else}}");
	r->t->node[r->open[r->depth - 1]].beyond = last + 1;
	if (is_else)
		r->open[r->depth - 1] = last;
	else
		r->depth--;
	return true;
}

/* What stands between braces, which are passed over already, but for its end. */
static bool read_tag(struct reader *r, bool bare)
{
	struct node *node = add_node(r, NODE_VALUE);

	if (!node)
		return false;
	skip_blanks(r);
	if (!bare && take_word(r, "#if")) {
		node->kind = NODE_IF;
		if (r->depth == DEPTH_MAX)
			return wrong(r, "conditions are nested deeper than 16");
		r->open[r->depth++] = r->t->n - 1;
		return read_name(r, node);
	}
	if (!bare && take_word(r, "else")) {
		node->kind = NODE_ELSE;
		return close_condition(r, r->t->n - 1, true);
	}
	if (!bare && take_word(r, "/if")) {
		node->kind = NODE_END;
		return close_condition(r, r->t->n - 1, false);
	}
	node->bare = bare;
	return read_value(r, node);
}

static bool read_all(struct reader *r)
{
	const char *stop;
	struct node *node;
	bool bare;

	while (*r->p) {
		stop = strstr(r->p, "{{");
		if (stop != r->p) {
			node = add_node(r, NODE_TEXT);
			if (!node)
				return false;
			node->text = (struct slice){r->p, stop ? (size_t)(stop - r->p) : strlen(r->p)};
			r->p += node->text.n;
			continue;
		}
		bare = strncmp(r->p, "{{{", 3) == 0;
		r->p += bare ? 3 : 2;
		if (!read_tag(r, bare))
			return false;
		skip_blanks(r);
		if (!take(r, bare ? "}}}" : "}}"))
			return wrong(r, bare ? "}}} is missing" : "}} is missing");
	}
	return r->depth == 0 || wrong(r, "{{/if}} is missing");
}

static void say_where(const struct reader *r, char *why, size_t n)
{
	const char *line = r->t->text;
	int number = 1;

	for (const char *p = line; p < r->p; p++) {
		if (*p != '\n')
			continue;
		number++;
		line = p + 1;
	}
	snprintf(why, n, "template, line %d, column %d: %s", number, (int)(r->p - line) + 1, r->reason);
}

struct template *template_new(const char *text, enum template_escape escape, char *why, size_t n)
{
	struct template *t = calloc(1, sizeof *t);
	struct reader r = {.t = t};

	if (t)
		t->text = strdup(text);
	if (!t || !t->text) {
		snprintf(why, n, "memory is short");
		template_free(t);
		return NULL;
	}
	t->escape = escape;
	r.p = t->text;
	if (read_all(&r))
		return t;
	say_where(&r, why, n);
	template_free(t);
	return NULL;
}

void template_free(struct template *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_paths; i++)
		free(t->path[i]);
	free(t->node);
	free(t->text);
	free(t);
}

bool template_has(const struct template *t, enum template_known k)
{
	for (size_t i = 0; i < t->n; i++)
		if ((t->node[i].kind == NODE_VALUE || t->node[i].kind == NODE_IF) && t->node[i].value == VALUE_KNOWN && t->node[i].which == k)
			return true;
	return false;
}

/* ---- printing it */

struct printer {
	const struct template *t;
	const struct template_values *values;
	struct path path[TEMPLATE_VALUES_MAX];
	struct buf scratch[2]; /* of the filters */
};

static struct slice value_of(const struct printer *p, const struct node *node)
{
	switch (node->value) {
	case VALUE_RAW:
		return p->values->body;
	case VALUE_KNOWN:
		return p->values->known[node->which];
	case VALUE_PATH:
		break;
	}
	return p->path[node->which].value;
}

/* A JSON number is 0 when it has no other digit before its exponent. */
static bool is_zero(struct slice number)
{
	for (size_t i = 0; i < number.n && (number.p[i] | 0x20) != 'e'; i++)
		if (number.p[i] >= '1' && number.p[i] <= '9')
			return false;
	return true;
}

static bool is_true(const struct printer *p, const struct node *node)
{
	struct slice v = value_of(p, node);

	if (node->value != VALUE_PATH)
		return v.n > 0;
	if (v.n == 0)
		return p->path[node->which].filled;
	switch (p->path[node->which].kind) {
	case PATH_NUMBER:
		return !is_zero(v);
	case PATH_BOOLEAN:
		return *v.p == 't';
	default:
		return true;
	}
}

struct replacement {
	char c;
	const char *with;
};

static bool replace(struct slice in, const struct replacement *list, struct buf *out)
{
	const struct replacement *r;
	bool ok = true;

	for (size_t i = 0; ok && i < in.n; i++) {
		for (r = list; r->c && r->c != in.p[i]; r++)
			;
		ok = r->c ? buf_add(out, r->with, strlen(r->with)) : buf_add(out, &in.p[i], 1);
	}
	return ok;
}

/* No control character begins another line, not even where it was encoded. */
static char visible(char c)
{
	return (unsigned char)c < ' ' || c == 0x7F ? ' ' : c;
}

/*
 * RFC 2047 section 2: an encoded word has at most 75 characters, and none ends inside of a character; 45 bytes are 60 of
 * base64. What is plain, and can't be taken for one, stays as it is.
 */
static bool print_header(struct slice v, struct buf *out)
{
	enum { WORD_BYTES = 45 };
	char bytes[WORD_BYTES], word[WORD_BYTES / 3 * 4 + 1];
	bool plain = true, ok = true;
	size_t n;

	for (size_t i = 0; i < v.n; i++)
		plain = plain && (unsigned char)v.p[i] < 0x80 && !(v.p[i] == '=' && i + 1 < v.n && v.p[i + 1] == '?');
	for (bool first = true; ok && v.n > 0; first = false) {
		n = utf8_fit(v.p, v.n, WORD_BYTES);
		for (size_t i = 0; i < n; i++)
			bytes[i] = visible(v.p[i]);
		encode(ENCODING_BASE64, bytes, n, word);
		ok = plain ? buf_add(out, bytes, n) : buf_printf(out, "%s=?UTF-8?B?%s?=", first ? "" : "\n ", word);
		v.p += n;
		v.n -= n;
	}
	return ok;
}

/* CommonMark section 2.4: a backslash takes any ASCII punctuation literally; so no link, mention, list or emphasis begins. */
static bool print_markdown(struct slice v, struct buf *out)
{
	bool ok = true;

	for (size_t i = 0; ok && i < v.n; i++)
		ok = (!ispunct((unsigned char)v.p[i]) || (unsigned char)v.p[i] >= 0x80 || buf_add(out, "\\", 1)) && buf_add(out, &v.p[i], 1);
	return ok;
}

static bool filter(const struct filter *f, struct slice *v, struct buf *out)
{
	/* docs.slack.dev, "Formatting text for app surfaces": these three, and nothing else */
	static const struct replacement mrkdwn[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {0, NULL}};
	static const struct replacement html[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}, {0, NULL}};
	size_t n;
	bool ok;

	out->len = 0;
	switch (f->kind) {
	case FILTER_DEFAULT:
		if (v->n == 0)
			*v = f->text;
		return true;
	case FILTER_TRUNCATE:
		if (utf8_cut(v->p, v->n, f->characters) == v->n)
			return true;
		n = utf8_cut(v->p, v->n, f->characters - 1);
		ok = buf_add(out, v->p, n) && buf_add(out, "\xE2\x80\xA6", 3);
		break;
	case FILTER_HEADER:
		ok = print_header(*v, out);
		break;
	case FILTER_MARKDOWN:
		ok = print_markdown(*v, out);
		break;
	default:
		ok = replace(*v, f->kind == FILTER_HTML ? html : mrkdwn, out);
		break;
	}
	*v = (struct slice){out->data, out->len};
	return ok;
}

static bool print_json(struct slice v, struct buf *out)
{
	bool ok = true;

	for (size_t i = 0; ok && i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];

		if (c == '"' || c == '\\')
			ok = buf_add(out, "\\", 1) && buf_add(out, &v.p[i], 1);
		else if (c == '\n')
			ok = buf_add(out, "\\n", 2);
		else
			ok = c < 0x20 ? buf_printf(out, "\\u%04x", c) : buf_add(out, &v.p[i], 1);
	}
	return ok;
}

static bool print_url(struct slice v, struct buf *out)
{
	bool ok = true;

	for (size_t i = 0; ok && i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];

		ok = isalnum(c) || (c && strchr("-._~", c)) ? buf_add(out, &v.p[i], 1) : buf_printf(out, "%%%02X", c);
	}
	return ok;
}

static bool print_escaped(enum template_escape escape, struct slice v, struct buf *scratch, struct buf *out)
{
	switch (escape) {
	case TEMPLATE_JSON:
		if (utf8_valid(v.p, v.n))
			return print_json(v, out);
		scratch->len = 0;
		return utf8_replace_invalid(v, scratch) && print_json((struct slice){scratch->data, scratch->len}, out);
	case TEMPLATE_URL:
		return print_url(v, out);
	case TEMPLATE_PLAIN:
		break;
	}
	return buf_add(out, v.p, v.n);
}

/* The scratch that the value is not in. */
static struct buf *other(struct printer *p, struct slice v)
{
	return &p->scratch[v.p == p->scratch[0].data];
}

static bool print_value(struct printer *p, const struct node *node, struct buf *out)
{
	struct slice v = value_of(p, node);

	for (size_t i = 0; i < node->n_filters; i++)
		if (!filter(&node->filter[i], &v, other(p, v)))
			return false;
	return print_escaped(node->bare ? TEMPLATE_PLAIN : p->t->escape, v, other(p, v), out);
}

static bool print_all(struct printer *p, struct buf *out)
{
	const struct node *node;
	bool ok = true;

	for (size_t i = 0; ok && i < p->t->n; i++) {
		node = &p->t->node[i];
		if (node->kind == NODE_TEXT)
			ok = buf_add(out, node->text.p, node->text.n);
		else if (node->kind == NODE_VALUE)
			ok = print_value(p, node, out);
		else if (node->kind == NODE_ELSE || (node->kind == NODE_IF && !is_true(p, node)))
			i = node->beyond - 1;
	}
	return ok;
}

bool template_print(const struct template *t, const struct template_values *values, struct buf *out)
{
	struct printer p = {.t = t, .values = values};
	struct buf arena = {0};
	const char *reason;
	bool ok = true;

	for (size_t i = 0; i < t->n_paths; i++)
		p.path[i] = (struct path){.text = t->path[i], .lenient = true};
	if (t->n_paths)
		ok = paths_find(values->body.p, values->body.n, p.path, t->n_paths, &arena, &reason) != PATHS_NO_MEMORY;
	ok = ok && print_all(&p, out);
	buf_free(&arena);
	buf_free(&p.scratch[0]);
	buf_free(&p.scratch[1]);
	return ok;
}
