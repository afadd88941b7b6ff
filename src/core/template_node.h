/* SPDX-License-Identifier: ISC */
/* A template as template_read() leaves it and template_print() follows it: a list of nodes. */
#ifndef TEMPLATE_NODE_H
#define TEMPLATE_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/template.h"
#include "core/template_filter.h"

enum { TEMPLATE_FILTERS_MAX = 4 };

enum template_value_kind { VALUE_RAW, VALUE_KNOWN, VALUE_PATH };

enum template_node_kind { NODE_TEXT, NODE_VALUE, NODE_IF, NODE_ELSE, NODE_END };

/* One node of the list. A node of a condition knows where the list goes on when the condition is false. */
struct template_node {
	enum template_node_kind kind;
	struct slice text;
	enum template_value_kind value;
	size_t which; /* the known value, or the path */
	bool bare;    /* three braces */
	struct template_filter filter[TEMPLATE_FILTERS_MAX];
	size_t n_filters;
	size_t beyond; /* IF: behind its ELSE or END; ELSE: its END */
};

struct template {
	char *text; /* what nodes and paths borrow from */
	enum template_escape escape;
	struct template_node *node;
	size_t n, room;
	char *path[TEMPLATE_VALUES_MAX];
	size_t n_paths;
};

/* Reads t->text into nodes and paths. False with the reason in why: it names the place by its line and column. */
bool template_read(struct template *t, char *why, size_t why_size);

#endif
