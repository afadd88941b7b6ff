/*
 * Values at paths in a JSON text, by yajl's SAX callbacks.
 *
 * Where we are is the depth, and for each path how many of its parts lead here: the containers that are open,
 * and the key or index of the value that comes.
 */
#include "core/paths.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "core/log.h"
#include "core/utf8.h"

enum { MAX_DEPTH = 64, MAX_TOP_KEYS = 256 };

/* A stretch of the arena; offsets, because the arena moves as it grows. */
struct span {
	size_t at, n;
	bool set;
};

struct trail {
	const char *part[PATH_PARTS_MAX + 1]; /* where part i begins, for i up to matched; NULL behind the last */
	size_t size[PATH_PARTS_MAX + 1];      /* of it */
	int matched;
	unsigned seen; /* bit i: part i was seen in the object that is open at its depth */
	struct span value;
	size_t elements, values; /* of a path with a * */
	bool every, differ, twice;
	bool filled;
};

struct parse {
	struct buf *arena;
	const char *reason;
	bool no_memory, array_root;
	int depth;
	bool in_array[MAX_DEPTH + 1];
	size_t index[MAX_DEPTH + 1]; /* of the next element */
	struct path *paths;
	struct trail *trail; /* of each path */
	int n;
	struct span *top_key;
	size_t n_top_keys;
};

static int refuse(struct parse *p, const char *reason)
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

static size_t part_size(const char *part)
{
	return strcspn(part, ".");
}

static bool part_is_index(const char *part, size_t index)
{
	char *end;

	if (*part == '*')
		return true;
	if (*part < '0' || *part > '9' || (*part == '0' && part_size(part) > 1))
		return false;
	return strtoul(part, &end, 10) == index && (*end == '.' || *end == '\0');
}

/* The next value is that of the trail's part at this depth. */
static void step(struct trail *t, int depth)
{
	const char *part = t->part[depth - 1], *next = part + t->size[depth - 1];

	t->matched = depth;
	t->part[depth] = *next ? next + 1 : NULL;
	t->size[depth] = *next ? part_size(next + 1) : 0;
	if (*part == '*')
		t->elements++;
	t->seen &= (2U << (depth - 1)) - 1; /* what is below it begins anew */
}

/* Goes back to where the open containers led; false when the trail doesn't lead to this depth. */
static bool at_depth(struct trail *t, int depth)
{
	if (t->matched < depth - 1)
		return false;
	t->matched = depth - 1;
	t->filled |= !t->part[depth - 1]; /* it leads to what is open here, and something comes in it */
	return t->part[depth - 1] != NULL;
}

static int on_top_key(struct parse *p, const unsigned char *s, size_t n)
{
	const struct span *k;

	for (k = p->top_key; k < p->top_key + p->n_top_keys; k++)
		if (k->n == n && memcmp(p->arena->data + k->at, s, n) == 0)
			return refuse(p, "a top-level key is there twice");
	if (p->n_top_keys == MAX_TOP_KEYS)
		return refuse(p, "more than 256 top-level keys");
	return keep(p, &p->top_key[p->n_top_keys++], s, n);
}

static int on_key(void *ctx, const unsigned char *s, size_t n)
{
	struct parse *p = ctx;
	struct trail *t;

	for (t = p->trail; t < p->trail + p->n; t++) {
		if (!at_depth(t, p->depth) || t->size[p->depth - 1] != n || memcmp(t->part[p->depth - 1], s, n) != 0)
			continue;
		t->twice |= p->depth > 1 && t->seen & 1U << (p->depth - 1);
		if (t->twice && !p->paths[t - p->trail].lenient)
			return refuse(p, "a routing key is there twice");
		t->seen |= 1U << (p->depth - 1);
		step(t, p->depth);
	}
	return p->depth == 1 ? on_top_key(p, s, n) : 1;
}

/* Before any value: the root must be a container, and an array's element has its index. */
static int begin_value(struct parse *p)
{
	struct trail *t;

	if (p->depth == 0)
		return refuse(p, "not a JSON object");
	if (!p->in_array[p->depth])
		return 1;
	for (t = p->trail; t < p->trail + p->n; t++)
		if (at_depth(t, p->depth) && part_is_index(t->part[p->depth - 1], p->index[p->depth]))
			step(t, p->depth);
	p->index[p->depth]++;
	return 1;
}

static bool take(struct parse *p, int i, const void *s, size_t n, enum path_kind kind)
{
	struct trail *t = &p->trail[i];

	t->values++;
	if (t->value.set) {
		t->differ |= t->value.n != n || memcmp(p->arena->data + t->value.at, s, n) != 0;
		return true;
	}
	p->paths[i].kind = kind;
	return keep(p, &t->value, s, n);
}

static int on_scalar(struct parse *p, const void *s, size_t n, enum path_kind kind)
{
	if (!begin_value(p))
		return 0;
	for (int i = 0; i < p->n; i++)
		if (p->trail[i].matched == p->depth && !p->trail[i].part[p->depth] && n > 0 && !take(p, i, s, n, kind))
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
	return begin_value(ctx);
}

static int on_boolean(void *ctx, int value)
{
	return on_scalar(ctx, value ? "true" : "false", value ? 4 : 5, PATH_BOOLEAN);
}

static int open_container(struct parse *p, bool is_array)
{
	if (p->depth == 0 ? is_array && !p->array_root : !begin_value(p))
		return p->reason ? 0 : refuse(p, "not a JSON object");
	if (p->depth == MAX_DEPTH)
		return refuse(p, "nested deeper than 64");
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

/* yajl goes on with the NULL of an allocation that failed. */
static void *need(void *p)
{
	if (!p) {
		log_message(LOG_LEVEL_ERROR, "memory is short; ending");
		abort();
	}
	return p;
}

static void *need_malloc(void *ctx, size_t n)
{
	(void)ctx;
	return need(malloc(n));
}

static void *need_realloc(void *ctx, void *p, size_t n)
{
	(void)ctx;
	return need(realloc(p, n));
}

static void release(void *ctx, void *p)
{
	(void)ctx;
	free(p);
}

static void run(struct parse *p, const char *json, size_t n)
{
	yajl_alloc_funcs memory = {.malloc = need_malloc, .realloc = need_realloc, .free = release};
	yajl_handle h = yajl_alloc(&callbacks, &memory, p);
	bool ok;

	ok = yajl_parse(h, (const unsigned char *)json, n) == yajl_status_ok && yajl_complete_parse(h) == yajl_status_ok;
	yajl_free(h);
	if (!ok && !p->reason)
		p->reason = "not JSON";
}

static void set_trails(struct parse *p)
{
	for (int i = 0; i < p->n; i++) {
		const char *text = p->paths[i].text;

		p->trail[i] = (struct trail){.part = {text}, .size = {part_size(text)}, .every = strchr(text, '*') != NULL};
		p->array_root |= *text == '*' || (*text >= '0' && *text <= '9');
	}
}

static void set_values(struct parse *p)
{
	for (int i = 0; i < p->n; i++) {
		const struct trail *t = &p->trail[i];

		p->paths[i].filled = t->filled && !t->twice;
		if (t->value.set && !t->twice && !(t->every && (t->differ || t->values != t->elements)))
			p->paths[i].value = (struct slice){p->arena->data + t->value.at, t->value.n};
	}
}

enum paths_result paths_find(const char *json, size_t json_size, struct path *paths, size_t n, struct buf *arena,
	const char **reason)
{
	struct trail trail[PATHS_MAX];
	struct span top_key[MAX_TOP_KEYS];
	struct parse p = {.arena = arena, .paths = paths, .trail = trail, .n = (int)n, .top_key = top_key};

	set_trails(&p);
	/* yajl takes these two for white space (RFC 8259 section 2 does not), and they may stand nowhere else */
	if (json_size && (memchr(json, '\f', json_size) || memchr(json, '\v', json_size)))
		p.reason = "not JSON";
	else if (!utf8_valid(json, json_size))
		p.reason = "not UTF-8";
	else
		run(&p, json, json_size);
	*reason = p.reason;
	if (p.no_memory)
		return PATHS_NO_MEMORY;
	if (p.reason)
		return PATHS_MALFORMED;
	set_values(&p);
	return PATHS_OK;
}

bool paths_valid(const char *text)
{
	int parts = 1, stars = 0;

	for (const char *p = text; *p; p++) {
		if (p == text || p[-1] == '.')
			stars += *p == '*';
		if (*p == '.' && (p == text || p[1] == '\0' || p[1] == '.'))
			return false;
		parts += *p == '.';
	}
	return *text && parts <= PATH_PARTS_MAX && stars <= 1;
}
