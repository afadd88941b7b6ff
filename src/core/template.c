/* SPDX-License-Identifier: ISC */
/* Templates: the text that a relay sends, with values of the event in it. */
#include "core/template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/paths.h"
#include "core/template_node.h"

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

struct template *template_new(const char *text, enum template_escape escape, char *why, size_t n)
{
	struct template *t = calloc(1, sizeof *t);

	if (t)
		t->text = strdup(text);
	if (!t || !t->text) {
		snprintf(why, n, "memory is short");
		template_free(t);
		return NULL;
	}
	t->escape = escape;
	if (template_read(t, why, n))
		return t;
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

static struct slice node_value(const struct printer *p, const struct template_node *node)
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

static bool is_true_node(const struct printer *p, const struct template_node *node)
{
	struct slice v = node_value(p, node);

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

/* The scratch buffer that does not hold the value. */
static struct buf *other_scratch(struct printer *p, struct slice v)
{
	return &p->scratch[v.p == p->scratch[0].data];
}

static bool print_node_value(struct printer *p, const struct template_node *node, struct buf *out)
{
	struct slice v = node_value(p, node);

	for (size_t i = 0; i < node->n_filters; i++)
		if (!template_filter(&node->filter[i], &v, other_scratch(p, v)))
			return false;
	return template_filter_escape(node->bare ? TEMPLATE_PLAIN : p->t->escape, v, other_scratch(p, v), out);
}

static bool print_all(struct printer *p, struct buf *out)
{
	const struct template_node *node;
	bool ok = true;

	for (size_t i = 0; ok && i < p->t->n; i++) {
		node = &p->t->node[i];
		if (node->kind == NODE_TEXT)
			ok = buf_add(out, node->text.p, node->text.n);
		else if (node->kind == NODE_VALUE)
			ok = print_node_value(p, node, out);
		else if (node->kind == NODE_ELSE || (node->kind == NODE_IF && !is_true_node(p, node)))
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
