/* SPDX-License-Identifier: ISC */
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
	bool missing, many;         /* an element of a * has no value; a = has two elements */
	size_t values;
};

static bool is_index(const char *part, size_t n, size_t index)
{
	char text[32];

	snprintf(text, sizeof text, "%zu", index);
	return (n == 1 && (*part == '*' || *part == '=')) || (strlen(text) == n && memcmp(text, part, n) == 0);
}

/* The part is "!a!b", of n bytes: a path may be as long as the input. */
static bool is_excluded_name(const char *part, size_t n, const char *key)
{
	size_t size;

	for (size_t at = 1; at <= n; at += size + 1) {
		size = 0;
		while (at + size < n && part[at + size] != '!')
			size++;
		if (strlen(key) == size && memcmp(key, part + at, size) == 0)
			return true;
	}
	return false;
}

static void walk(yajl_val v, const char *part, bool member, struct found *f);

static void add_value(struct found *f, const char *text, enum path_kind kind)
{
	f->values++;
	f->differ |= f->value && strcmp(f->value, text) != 0;
	f->kind = f->value ? f->kind : kind;
	f->value = f->value ? f->value : text;
}

static void walk_member(yajl_val v, const char *part, size_t n, bool member, struct found *f)
{
	const char *chosen = NULL;

	for (size_t i = 0; i < v->u.object.len; i++) {
		const char *key = v->u.object.keys[i];
		yajl_val value = v->u.object.values[i];

		if (chosen) {
			f->twice |= strcmp(chosen, key) == 0;
			continue;
		}
		if (is_excluded_name(part, n, key) || (!YAJL_IS_OBJECT(value) && !YAJL_IS_ARRAY(value)))
			continue;
		chosen = key;
		if (member && !part[n] && *key)
			add_value(f, key, PATH_STRING);
		walk(value, part[n] ? part + n + 1 : NULL, member, f);
	}
}

static void walk(yajl_val v, const char *part, bool member, struct found *f)
{
	const char *text = YAJL_IS_STRING(v) ? v->u.string : YAJL_IS_NUMBER(v) ? v->u.number.r : YAJL_IS_TRUE(v) ? "true"
		: YAJL_IS_FALSE(v) ? "false" : NULL;
	enum path_kind kind = YAJL_IS_STRING(v) ? PATH_STRING : YAJL_IS_NUMBER(v) ? PATH_NUMBER : PATH_BOOLEAN;
	size_t n = part ? strcspn(part, ".") : 0, times = 0, values;

	if (!part && text && *text && !member)
		add_value(f, text, kind);
	if (!part && ((YAJL_IS_OBJECT(v) && v->u.object.len > 0) || (YAJL_IS_ARRAY(v) && v->u.array.len > 0)))
		f->filled = true;
	if (part && *part == '!' && YAJL_IS_OBJECT(v)) {
		walk_member(v, part, n, member, f);
		return;
	}
	for (size_t i = 0; part && YAJL_IS_OBJECT(v) && i < v->u.object.len; i++) {
		if (strlen(v->u.object.keys[i]) != n || memcmp(v->u.object.keys[i], part, n) != 0)
			continue;
		f->twice |= ++times > 1;
		walk(v->u.object.values[i], part[n] ? part + n + 1 : NULL, member, f);
	}
	for (size_t i = 0; part && YAJL_IS_ARRAY(v) && i < v->u.array.len; i++) {
		if (!is_index(part, n, i))
			continue;
		if (*part == '=' && n == 1 && i > 0) {
			f->many = true;
			continue;
		}
		values = f->values;
		walk(v->u.array.values[i], part[n] ? part + n + 1 : NULL, member, f);
		f->missing |= *part == '*' && n == 1 && f->values == values;
	}
}

/* The tree is of a text that paths_find() takes with this path. */
static struct found find_in_tree(yajl_val tree, const char *path, bool member)
{
	struct found f = {0};

	walk(tree, path, member, &f);
	if (f.twice || f.many || (strchr(path, '*') && (f.differ || f.missing)))
		f.value = NULL;
	f.filled = f.filled && !f.twice;
	return f;
}

#endif
