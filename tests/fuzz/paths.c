/* SPDX-License-Identifier: ISC */
/* Fuzz target: one line, a path, and the JSON behind it; what is found is compared with what yajl's tree has there. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/paths.h"
#include "tree.h"

static const char *const paths[] = {"event", "data.sender.id", "data.body", "a.*.b", "a.0", "entry.0.id", "0.x", "*.x", "a.=.b", "a.*.b.*.c",
	"!event.id", "a.*.!b.c"};
static const char *const members[] = {"!event", "a.*.!b!c"};

enum { PATHS = sizeof paths / sizeof *paths, MEMBERS = sizeof members / sizeof *members };

static void check_value(const struct path *p, const struct buf *arena, yajl_val tree)
{
	struct found f;

	assert(!p->value.p || (p->value.n > 0 && p->value.p >= arena->data && p->value.p + p->value.n <= arena->data + arena->len));
	for (size_t i = 0; p->kind == PATH_NUMBER && i < p->value.n; i++)
		assert(p->value.p[i] && strchr("+-.0123456789eE", p->value.p[i]));
	if (!tree)
		return;
	f = find_in_tree(tree, p->text, p->member);
	assert(!f.twice || p->lenient);
	assert(!f.value == !p->value.p);
	assert(!f.value || (strlen(f.value) == p->value.n && memcmp(f.value, p->value.p, p->value.n) == 0));
	assert(!f.value || f.kind == p->kind);
	assert(f.filled == p->filled);
}

/* `text` is the JSON with a NUL. */
static void check(const char *json, size_t size, const char *text, const char *further)
{
	static const char before[] = "already in the arena";
	struct path p[PATHS + MEMBERS + 1] = {{0}};
	struct buf arena = {0};
	const char *reason = NULL;
	enum paths_result result;
	size_t n_paths = 0;
	yajl_val tree = NULL;
	char why[128];

	for (; n_paths < PATHS; n_paths++)
		p[n_paths].text = paths[n_paths];
	for (size_t i = 0; i < MEMBERS; i++)
		p[n_paths++] = (struct path){.text = members[i], .member = true};
	if (further)
		p[n_paths++].text = further;
	assert(buf_add(&arena, before, sizeof before));
	result = paths_find(json, size, p, n_paths, &arena, &reason);
	assert(result == (reason ? PATHS_MALFORMED : PATHS_OK));
	assert(arena.len >= sizeof before && memcmp(arena.data, before, sizeof before) == 0);
	/* the tree's strings end at a NUL, its surrogates are yajl's, and it knows no byte order mark */
	if (result == PATHS_OK && !strstr(text, "\\u0000") && !strstr(text, "\\ud") && !strstr(text, "\\uD") && strncmp(text, "\xEF\xBB\xBF", 3) != 0)
		assert((tree = yajl_tree_parse(text, why, sizeof why)));
	for (size_t i = 0; i < n_paths; i++)
		if (result == PATHS_OK)
			check_value(&p[i], &arena, tree);
		else
			assert(!p[i].value.p && !p[i].filled);
	yajl_tree_free(tree);
	buf_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *stop = size ? memchr(p, '\n', size) : NULL;
	char *path, *text;

	if (!stop)
		return 0;
	path = strndup(p, (size_t)(stop - p));
	size -= (size_t)(stop + 1 - p);
	text = calloc(1, size + 1);
	assert(path && text);
	memcpy(text, stop + 1, size);
	check(stop + 1, size, text, paths_valid(path, false) ? path : NULL);
	free(path);
	free(text);
	return 0;
}
