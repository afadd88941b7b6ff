/* Values at paths in the tree that yajl makes of a JSON text: what paths_find() finds, the slow way. */
#ifndef TREE_H
#define TREE_H

#include "fuzz.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <yajl/yajl_tree.h>

#include "core/paths.h"

/* Of a path in a tree, what paths_find() counts. */
struct found {
	const char *value;
	enum path_kind kind;
	bool differ, filled, twice; /* twice: a key on it */
	size_t values, elements;
};

static bool is_index(const char *part, size_t n, size_t index)
{
	char text[32];

	snprintf(text, sizeof text, "%zu", index);
	return *part == '*' || (strlen(text) == n && memcmp(text, part, n) == 0);
}

static void walk(yajl_val v, const char *part, struct found *f);

static void walk_into(yajl_val v, const char *part, size_t n, struct found *f)
{
	f->elements += *part == '*';
	walk(v, part[n] ? part + n + 1 : NULL, f);
}

static void walk(yajl_val v, const char *part, struct found *f)
{
	const char *text = YAJL_IS_STRING(v) ? v->u.string : YAJL_IS_NUMBER(v) ? v->u.number.r : YAJL_IS_TRUE(v) ? "true"
		: YAJL_IS_FALSE(v) ? "false" : NULL;
	enum path_kind kind = YAJL_IS_STRING(v) ? PATH_STRING : YAJL_IS_NUMBER(v) ? PATH_NUMBER : PATH_BOOLEAN;
	size_t n = part ? strcspn(part, ".") : 0, times = 0;

	if (!part && text && *text) {
		f->values++;
		f->differ |= f->value && strcmp(f->value, text) != 0;
		f->kind = f->value ? f->kind : kind;
		f->value = f->value ? f->value : text;
	}
	if (!part && ((YAJL_IS_OBJECT(v) && v->u.object.len > 0) || (YAJL_IS_ARRAY(v) && v->u.array.len > 0)))
		f->filled = true;
	for (size_t i = 0; part && YAJL_IS_OBJECT(v) && i < v->u.object.len; i++) {
		if (strlen(v->u.object.keys[i]) != n || memcmp(v->u.object.keys[i], part, n) != 0)
			continue;
		f->twice |= ++times > 1;
		walk_into(v->u.object.values[i], part, n, f);
	}
	for (size_t i = 0; part && YAJL_IS_ARRAY(v) && i < v->u.array.len; i++)
		if (is_index(part, n, i))
			walk_into(v->u.array.values[i], part, n, f);
}

/* The tree is of a text that paths_find() takes with this path. */
static struct found find_in_tree(yajl_val tree, const char *path)
{
	struct found f = {0};

	walk(tree, path, &f);
	if (f.twice || (strchr(path, '*') && (f.differ || f.values != f.elements)))
		f.value = NULL;
	f.filled = f.filled && !f.twice;
	return f;
}

#endif
