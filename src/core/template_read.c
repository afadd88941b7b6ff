/* SPDX-License-Identifier: ISC */
/* Reads the text of a template into nodes. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/paths.h"
#include "core/template_node.h"

enum { DEPTH_MAX = 16, TRUNCATE_MAX = 1000000 };

static const char prefix[] = "hookspool.";

struct reader {
	struct template *t;
	const char *p;      /* what comes next */
	const char *reason; /* NULL: all is well so far */
	size_t open[DEPTH_MAX]; /* the nodes of the conditions that are open */
	size_t depth;
};

static bool refuse_template(struct reader *r, const char *reason)
{
	if (!r->reason)
		r->reason = reason;
	return false;
}

static struct template_node *add_node(struct reader *r, enum template_node_kind kind)
{
	struct template *t = r->t;
	struct template_node *more;

	if (t->n == t->room) {
		more = realloc(t->node, (t->room * 2 + 16) * sizeof *more);
		if (!more) {
			refuse_template(r, "memory is short");
			return NULL;
		}
		t->node = more;
		t->room = t->room * 2 + 16;
	}
	t->node[t->n] = (struct template_node){.kind = kind};
	return &t->node[t->n++];
}

static void skip_blanks(struct reader *r)
{
	while (*r->p == ' ' || *r->p == '\t' || *r->p == '\n')
		r->p++;
}

/* Skips the text if it comes next. */
static bool take_text(struct reader *r, const char *text)
{
	size_t n = strlen(text);

	if (strncmp(r->p, text, n) != 0)
		return false;
	r->p += n;
	return true;
}

/* The same for a word: no letter or digit follows. */
static bool take_word(struct reader *r, const char *word)
{
	const char *p = r->p;

	if (take_text(r, word) && !isalnum((unsigned char)*r->p))
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
		return refuse_template(r, "more than 40 different values");
	path = strndup(name, n);
	if (!path)
		return refuse_template(r, "memory is short");
	t->path[t->n_paths++] = path;
	return paths_valid(path, false) || refuse_template(r, "this is no path; write names and indexes with dots between, such as {{data.sender.name}}");
}

static bool read_name(struct reader *r, struct template_node *node)
{
	const char *name;
	size_t n;

	skip_blanks(r);
	name = r->p;
	n = strcspn(name, " \t\n|{}\"");
	r->p += n;
	if (n == 0)
		return refuse_template(r, "the name of a value is missing");
	if (strchr("#/^!&>", *name)) /* of Mustache */
		return refuse_template(r, "there is no such tag; beside values there are {{#if x}}, {{else}} and {{/if}}");
	if (n == 3 && memcmp(name, "raw", 3) == 0) {
		node->value = VALUE_RAW;
		return true;
	}
	if (n < sizeof prefix || memcmp(name, prefix, sizeof prefix - 1) != 0) {
		node->value = VALUE_PATH;
		return add_path(r, name, n, &node->which);
	}
	node->value = VALUE_KNOWN;
	name += sizeof prefix - 1;
	n -= sizeof prefix - 1;
	for (node->which = 0; node->which < TEMPLATE_KNOWN_COUNT; node->which++) {
		const char *known = template_known_name((enum template_known)node->which);

		if (strlen(known) == n && memcmp(known, name, n) == 0)
			return true;
	}
	return refuse_template(r, "there is no such hookspool. value; hookspool.conf(5) has the list");
}

static bool read_filter(struct reader *r, struct template_node *node)
{
	struct template_filter *f = &node->filter[node->n_filters];
	char *end;

	if (node->n_filters == TEMPLATE_FILTERS_MAX)
		return refuse_template(r, "more than 4 filters");
	node->n_filters++;
	skip_blanks(r);
	if (take_word(r, "default")) {
		f->kind = FILTER_DEFAULT;
		skip_blanks(r);
		if (!take_text(r, "\""))
			return refuse_template(r, "default needs a text: {{x | default \"nobody\"}}");
		f->text = (struct slice){r->p, strcspn(r->p, "\"")};
		r->p += f->text.n;
		return take_text(r, "\"") || refuse_template(r, "the text of default has no second quote");
	}
	if (take_word(r, "truncate")) {
		f->kind = FILTER_TRUNCATE;
		skip_blanks(r);
		f->characters = strtoul(r->p, &end, 10);
		if (end == r->p || !isdigit((unsigned char)*r->p) || f->characters == 0 || f->characters > TRUNCATE_MAX)
			return refuse_template(r, "truncate needs a number of characters: {{x | truncate 3000}}");
		r->p = end;
		return true;
	}
	f->kind = take_word(r, "html") ? FILTER_HTML : take_word(r, "mrkdwn") ? FILTER_MRKDWN : take_word(r, "markdown") ? FILTER_MARKDOWN : FILTER_HEADER;
	return f->kind != FILTER_HEADER || take_word(r, "header") ||
		refuse_template(r, "there is no such filter; write default \"...\", truncate N, html, mrkdwn, markdown or header");
}

static bool read_value(struct reader *r, struct template_node *node)
{
	if (!read_name(r, node))
		return false;
	for (skip_blanks(r); take_text(r, "|"); skip_blanks(r))
		if (!read_filter(r, node))
			return false;
	return true;
}

/* Ends the innermost open condition, or its first part, at the node that was just added. */
static bool close_condition(struct reader *r, size_t last, bool is_else)
{
	if (r->depth == 0)
		return refuse_template(r, is_else ? "{{else}} without {{#if x}}" : "{{/if}} without {{#if x}}");
	if (is_else && r->t->node[r->open[r->depth - 1]].kind == NODE_ELSE)
		return refuse_template(r, "a second {{else}}");
	r->t->node[r->open[r->depth - 1]].beyond = last + 1;
	if (is_else)
		r->open[r->depth - 1] = last;
	else
		r->depth--;
	return true;
}

/* Reads what is between the braces. The opening ones are skipped already. */
static bool read_tag(struct reader *r, bool bare)
{
	struct template_node *node = add_node(r, NODE_VALUE);

	if (!node)
		return false;
	skip_blanks(r);
	if (!bare && take_word(r, "#if")) {
		node->kind = NODE_IF;
		if (r->depth == DEPTH_MAX)
			return refuse_template(r, "conditions are nested deeper than 16");
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

static bool read_nodes(struct reader *r)
{
	const char *stop;
	struct template_node *node;
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
		if (!take_text(r, bare ? "}}}" : "}}"))
			return refuse_template(r, bare ? "}}} is missing" : "}} is missing");
	}
	return r->depth == 0 || refuse_template(r, "{{/if}} is missing");
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

bool template_read(struct template *t, char *why, size_t n)
{
	struct reader r = {.t = t, .p = t->text};

	if (read_nodes(&r))
		return true;
	say_where(&r, why, n);
	return false;
}
