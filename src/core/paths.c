/* SPDX-License-Identifier: ISC */
/*
 * Values at paths in a JSON text, by yajl's SAX callbacks.
 *
 * The state of the parser is its depth, and for each path the number of its parts that match: the open containers,
 * and the key or index of the next value.
 */
#include "core/paths.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "core/keyset.h"
#include "core/path_part.h"
#include "core/unescape.h"
#include "core/utf8.h"
#include "core/yajl_memory.h"

enum { MAX_DEPTH = 64 };

/* A stretch of the arena; offsets, because the arena moves as it grows. */
struct span {
	size_t at, n;
	bool set;
};

struct trail {
	const char *part[PATH_PARTS_MAX + 1]; /* the beginning of part i, for i up to matched; NULL behind the last */
	size_t size[PATH_PARTS_MAX + 1];      /* of that part */
	int matched;
	unsigned seen; /* bit i: part i was seen in the object that is open at its depth */
	unsigned waiting; /* bit i: part i is a *, and its element has no value yet */
	struct span value, member; /* member: the name that "!..." has found in the open object */
	bool every, differ, twice, missing, many; /* missing: an element has no value; many: a = has two elements */
	bool filled;
};

struct parse {
	struct buf *arena;
	const char *reason;
	bool no_memory, members; /* members: a path has a "!..." */
	int depth;
	bool in_array[MAX_DEPTH + 1];
	size_t index[MAX_DEPTH + 1]; /* of the next element */
	struct path *paths;
	struct trail *trail; /* of each path */
	int n;
	struct keyset keys;
	struct span key; /* the last key that a path needs; not set: no path needs the last key */
	const char *json;
	yajl_handle handle;
};

static int refuse_json(struct parse *p, const char *reason)
{
	p->reason = reason;
	return 0;
}

static bool keep(struct parse *p, struct span *span, const void *s, size_t n)
{
	*span = (struct span){p->arena->len, n, true};
	if (buf_add(p->arena, s, n))
		return true;
	p->no_memory = true;
	return false;
}

/* The next element of an array begins. A part * must have a value in each. */
static void count_element(struct trail *t, int depth)
{
	unsigned bit = 1U << (depth - 1);

	if (*t->part[depth - 1] == '*') {
		t->missing |= (t->waiting & bit) != 0;
		t->waiting = (t->waiting | bit) & ~(bit - 1);
	}
}

/* The next value matches the trail's part at this depth. */
static void step_into(struct trail *t, int depth)
{
	const char *part = t->part[depth - 1], *next = part + t->size[depth - 1];

	t->matched = depth;
	t->part[depth] = *next ? next + 1 : NULL;
	t->size[depth] = *next ? path_part_size(next + 1) : 0;
	t->seen &= (2U << (depth - 1)) - 1; /* parts below it have not been seen yet */
}

/* Resets the trail to the open containers. False when they do not match the path up to this depth. */
static bool at_depth(struct trail *t, int depth)
{
	if (t->matched < depth - 1)
		return false;
	t->matched = depth - 1;
	t->filled |= !t->part[depth - 1]; /* the path ends at the open container, which has an element */
	return t->part[depth - 1] != NULL;
}

static bool add_top_key(struct parse *p, const void *s, size_t n)
{
	if (keyset_add(&p->keys, p->arena, s, n))
		return true;
	p->no_memory = true;
	return false;
}

static void check_keys(struct parse *p)
{
	switch (keyset_check(&p->keys, p->arena->data)) {
	case KEYSET_DIFFERENT:
		return;
	case KEYSET_TWICE:
		p->reason = "a top-level key is there twice";
		return;
	case KEYSET_NO_MEMORY:
		p->no_memory = true;
	}
}

/*
 * The key may be the member that "!..." looks for. open_container() finds out whether its value is an array or an object.
 * False when the member was found before.
 */
static bool on_member(struct parse *p, struct trail *t, const unsigned char *s, size_t n)
{
	bool found = t->seen & 1U << (p->depth - 1);

	if (found)
		return t->member.n != n || memcmp(p->arena->data + t->member.at, s, n) != 0;
	if (path_part_excludes(t->part[p->depth - 1], t->size[p->depth - 1], s, n))
		return true;
	if (!p->key.set && !keep(p, &p->key, s, n))
		return true;
	step_into(t, p->depth);
	return true;
}

static int on_key(void *ctx, const unsigned char *s, size_t n)
{
	struct parse *p = ctx;
	struct trail *t;

	p->key.set = false;
	for (t = p->trail; t < p->trail + p->n; t++) {
		if (!at_depth(t, p->depth))
			continue;
		if (p->members && *t->part[p->depth - 1] == '!') {
			t->twice |= !on_member(p, t, s, n);
		} else if (t->size[p->depth - 1] == n && memcmp(t->part[p->depth - 1], s, n) == 0) {
			t->twice |= p->depth > 1 && t->seen & 1U << (p->depth - 1);
			t->seen |= 1U << (p->depth - 1);
			step_into(t, p->depth);
		} else {
			continue;
		}
		if (t->twice && !p->paths[t - p->trail].lenient)
			return refuse_json(p, "a routing key is there twice");
	}
	return !p->no_memory && (p->depth > 1 || add_top_key(p, s, n));
}

/* Before any value: the root must be a container, and an array's element has its index. */
static int begin_value(struct parse *p)
{
	struct trail *t;

	if (p->depth == 0)
		return refuse_json(p, "not a JSON object or array");
	if (!p->in_array[p->depth])
		return 1;
	for (t = p->trail; t < p->trail + p->n; t++) {
		if (!at_depth(t, p->depth) || !path_part_is_index(t->part[p->depth - 1], p->index[p->depth]))
			continue;
		count_element(t, p->depth);
		if (*t->part[p->depth - 1] == '=' && p->index[p->depth] > 0)
			t->many = true;
		else
			step_into(t, p->depth);
	}
	p->index[p->depth]++;
	return 1;
}

/* Keeps the string that yajl read. Where yajl decodes it wrongly, the text comes from the JSON itself. */
static bool keep_string(struct parse *p, bool exact, struct span *span, const void *s, size_t n)
{
	struct slice inside = unescape_inside(p->json, yajl_get_bytes_consumed(p->handle), n);

	if (!inside.p)
		return keep(p, span, s, n);
	*span = (struct span){p->arena->len, 0, true};
	p->no_memory = !unescape_add(p->arena, inside, exact);
	span->n = p->arena->len - span->at;
	return !p->no_memory;
}

static void compare_with_value(struct parse *p, struct trail *t, struct span other)
{
	t->differ |= t->value.n != other.n || memcmp(p->arena->data + t->value.at, p->arena->data + other.at, other.n) != 0;
}

static bool match_value(struct parse *p, int i, const void *s, size_t n, enum path_kind kind)
{
	struct trail *t = &p->trail[i];
	struct span span;

	t->waiting = 0;
	if (p->paths[i].each)
		p->paths[i].each(p->paths[i].ctx, kind, (struct slice){s, n});
	if (t->differ)
		return true;
	if (!(kind == PATH_STRING ? keep_string(p, p->paths[i].exact, &span, s, n) : keep(p, &span, s, n)))
		return false;
	if (t->value.set) {
		compare_with_value(p, t, span);
		p->arena->len = span.at;
	} else {
		t->value = span;
		p->paths[i].kind = kind;
	}
	return true;
}

static int on_scalar(struct parse *p, const void *s, size_t n, enum path_kind kind)
{
	if (!begin_value(p))
		return 0;
	p->key.set = false;
	for (int i = 0; i < p->n; i++)
		if (p->trail[i].matched == p->depth && !p->trail[i].part[p->depth] && n > 0 && !p->paths[i].member &&
		    !match_value(p, i, s, n, kind))
			return 0;
	return 1;
}

static int on_string(void *ctx, const unsigned char *s, size_t n)
{
	return on_scalar(ctx, s, n, PATH_STRING);
}

static int on_number(void *ctx, const char *s, size_t n)
{
	return on_scalar(ctx, s, n, PATH_NUMBER);
}

static int on_null(void *ctx)
{
	return on_scalar(ctx, "", 0, PATH_STRING);
}

static int on_boolean(void *ctx, int value)
{
	return on_scalar(ctx, value ? "true" : "false", value ? 4 : 5, PATH_BOOLEAN);
}

/* A container begins: the members that trails stepped to by "!..." are found. */
static void find_members(struct parse *p)
{
	struct trail *t;

	for (int i = 0; i < p->n; i++) {
		t = &p->trail[i];
		if (t->matched != p->depth || *t->part[p->depth - 1] != '!')
			continue;
		t->seen |= 1U << (p->depth - 1);
		t->member = p->key;
		if (!p->paths[i].member || p->key.n == 0)
			continue;
		t->waiting = 0;
		if (t->value.set)
			compare_with_value(p, t, p->key);
		else
			t->value = p->key;
		p->paths[i].kind = PATH_STRING;
	}
	p->key.set = false;
}

static int open_container(struct parse *p, bool is_array)
{
	if (p->depth > 0) {
		if (!begin_value(p))
			return 0;
		if (p->key.set)
			find_members(p);
	}
	if (p->depth == MAX_DEPTH)
		return refuse_json(p, "nested deeper than 64");
	p->depth++;
	p->in_array[p->depth] = is_array;
	p->index[p->depth] = 0;
	return 1;
}

static int on_start_map(void *ctx)
{
	return open_container(ctx, false);
}

static int on_start_array(void *ctx)
{
	return open_container(ctx, true);
}

static int on_end(void *ctx)
{
	struct parse *p = ctx;

	p->depth--;
	return 1;
}

static const yajl_callbacks callbacks = {
	.yajl_null = on_null,
	.yajl_boolean = on_boolean,
	.yajl_number = on_number,
	.yajl_string = on_string,
	.yajl_start_map = on_start_map,
	.yajl_map_key = on_key,
	.yajl_end_map = on_end,
	.yajl_start_array = on_start_array,
	.yajl_end_array = on_end,
};

static void run_parser(struct parse *p, const char *json, size_t n)
{
	yajl_alloc_funcs memory = yajl_memory;
	yajl_handle h = yajl_alloc(&callbacks, &memory, p);
	bool ok;

	p->json = json;
	p->handle = h;
	yajl_config(h, yajl_dont_validate_strings, 1); /* utf8_valid() has, strictly */
	ok = yajl_parse(h, (const unsigned char *)json, n) == yajl_status_ok && yajl_complete_parse(h) == yajl_status_ok;
	yajl_free(h);
	if (!ok && !p->reason)
		p->reason = "not JSON";
	if (!p->reason)
		check_keys(p);
}

static void set_trails(struct parse *p)
{
	for (int i = 0; i < p->n; i++) {
		const char *text = p->paths[i].text;

		p->trail[i] = (struct trail){.part = {text}, .size = {path_part_size(text)}, .every = strchr(text, '*') != NULL};
		p->members |= strchr(text, '!') != NULL;
	}
}

static void set_path_values(struct parse *p)
{
	for (int i = 0; i < p->n; i++) {
		const struct trail *t = &p->trail[i];

		p->paths[i].named = t->seen & 1;
		p->paths[i].filled = t->filled && !t->twice;
		p->paths[i].missing = t->missing || t->waiting;
		p->paths[i].several = t->differ || t->many || (t->value.set && t->every && p->paths[i].missing);
		if (t->value.set && !t->twice && !t->many && !(t->every && (t->differ || t->missing || t->waiting)))
			p->paths[i].value = (struct slice){p->arena->data + t->value.at, t->value.n};
	}
}

enum paths_result paths_find(const char *json, size_t json_size, struct path *paths, size_t n, struct buf *arena,
	const char **reason)
{
	struct trail trail[PATHS_MAX];
	struct keyset_span few[KEYSET_FEW];
	struct parse p = {.arena = arena, .paths = paths, .trail = trail, .n = (int)n, .keys = {.few = few}};

	if (!buf_reserve(arena, 1)) /* an empty value has a place, too */
		return PATHS_NO_MEMORY;
	set_trails(&p);
	if (json_size >= 3 && memcmp(json, "\xEF\xBB\xBF", 3) == 0) { /* RFC 8259 section 8.1 allows to pass over it */
		json += 3;
		json_size -= 3;
	}
	/* yajl takes these two for white space (RFC 8259 section 2 does not), and they may stand nowhere else */
	if (json_size && (memchr(json, '\f', json_size) || memchr(json, '\v', json_size)))
		p.reason = "not JSON";
	else if (!utf8_valid(json, json_size))
		p.reason = "not UTF-8";
	else
		run_parser(&p, json, json_size);
	keyset_free(&p.keys);
	*reason = p.reason;
	if (p.no_memory)
		return PATHS_NO_MEMORY;
	if (p.reason)
		return PATHS_MALFORMED;
	set_path_values(&p);
	return PATHS_OK;
}
