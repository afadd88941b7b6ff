/*
 * What a delivery says: the fields that route, dedupe and list an event, taken from its JSON.
 *
 * yajl's SAX callbacks; where we are is the depth and which of the objects on the way is one of
 * ours. Fields are looked at only while every container from the root down is known:
 *
 *   depth 1  {            event, data                                        OBJECT_TOP
 *   depth 2   data {      message_urn, id, account_id, conversation_id, ...  OBJECT_DATA
 *   depth 3    sender {   id, name                                           OBJECT_SENDER
 */
#include "hook/event.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <yajl/yajl_parse.h>

#include "core/log.h"
#include "core/utf8.h"

enum { MAX_DEPTH = 64, MAX_TOP_KEYS = 256 };

enum object { OBJECT_TOP, OBJECT_DATA, OBJECT_SENDER, OBJECT_OTHER };

enum field {
	FIELD_EVENT,
	FIELD_DATA,
	FIELD_URN,
	FIELD_ID,
	FIELD_ACCOUNT,
	FIELD_CONVERSATION,
	FIELD_SENT_AT,
	FIELD_TEXT,
	FIELD_SENDER,
	FIELD_SENDER_ID,
	FIELD_SENDER_NAME,
	FIELD_COUNT
};

static const struct {
	enum object in;
	const char *key;
} fields[FIELD_COUNT] = {
	[FIELD_EVENT] = {OBJECT_TOP, "event"},
	[FIELD_DATA] = {OBJECT_TOP, "data"},
	[FIELD_URN] = {OBJECT_DATA, "message_urn"},
	[FIELD_ID] = {OBJECT_DATA, "id"},
	[FIELD_ACCOUNT] = {OBJECT_DATA, "account_id"},
	[FIELD_CONVERSATION] = {OBJECT_DATA, "conversation_id"},
	[FIELD_SENT_AT] = {OBJECT_DATA, "timestamp"},
	[FIELD_TEXT] = {OBJECT_DATA, "body"},
	[FIELD_SENDER] = {OBJECT_DATA, "sender"},
	[FIELD_SENDER_ID] = {OBJECT_SENDER, "id"},
	[FIELD_SENDER_NAME] = {OBJECT_SENDER, "name"},
};

/* A stretch of the arena; offsets, because the arena moves as it grows. */
struct span {
	size_t at, n;
	bool set;
};

struct parse {
	struct buf *arena;
	const char *reason;
	bool no_memory;
	int depth;
	enum object object[MAX_DEPTH + 1]; /* what the container at each depth is */
	enum field field;                  /* what the next value is; FIELD_COUNT: nothing of ours */
	bool seen[FIELD_COUNT];
	struct span value[FIELD_COUNT];
	struct span top_key[MAX_TOP_KEYS];
	size_t n_top_keys;
};

static int refuse(struct parse *p, const char *reason)
{
	p->reason = reason;
	return 0;
}

static bool keep(struct parse *p, struct span *span, const unsigned char *s, size_t n)
{
	*span = (struct span){p->arena->len, n, true};
	if (buf_add(p->arena, s, n))
		return true;
	p->no_memory = true;
	return false;
}

static bool is_key(enum field f, enum object in, const unsigned char *s, size_t n)
{
	return fields[f].in == in && strlen(fields[f].key) == n && memcmp(fields[f].key, s, n) == 0;
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
	enum object in = p->object[p->depth];

	p->field = FIELD_COUNT;
	if (in == OBJECT_OTHER)
		return 1;
	for (int f = 0; f < FIELD_COUNT; f++)
		if (is_key((enum field)f, in, s, n))
			p->field = (enum field)f;
	if (in == OBJECT_TOP)
		return on_top_key(p, s, n);
	if (p->field == FIELD_COUNT)
		return 1;
	if (p->seen[p->field])
		return refuse(p, "a routing key is there twice");
	p->seen[p->field] = true;
	return 1;
}

/* The value before anything else that it might be: the root must be an object. */
static int on_value(struct parse *p)
{
	return p->depth == 0 ? refuse(p, "not a JSON object") : 1;
}

static int on_string(void *ctx, const unsigned char *s, size_t n)
{
	struct parse *p = ctx;

	if (p->field != FIELD_COUNT && n > 0 && p->object[p->depth] == fields[p->field].in &&
	    !keep(p, &p->value[p->field], s, n))
		return 0;
	p->field = FIELD_COUNT;
	return on_value(p);
}

static int on_number(void *ctx, const char *s, size_t n)
{
	struct parse *p = ctx;

	if (p->field == FIELD_URN || p->field == FIELD_ID || p->field == FIELD_ACCOUNT)
		return on_string(ctx, (const unsigned char *)s, n);
	p->field = FIELD_COUNT;
	return on_value(p);
}

static int on_null(void *ctx)
{
	struct parse *p = ctx;

	p->field = FIELD_COUNT;
	return on_value(p);
}

static int on_boolean(void *ctx, int value)
{
	(void)value;
	return on_null(ctx);
}

static int open_container(struct parse *p, enum object object)
{
	if (p->depth == MAX_DEPTH)
		return refuse(p, "nested deeper than 64");
	p->object[++p->depth] = object;
	p->field = FIELD_COUNT;
	return 1;
}

static int on_start_map(void *ctx)
{
	struct parse *p = ctx;

	if (p->depth == 0)
		return open_container(p, OBJECT_TOP);
	if (p->field == FIELD_DATA)
		return open_container(p, OBJECT_DATA);
	if (p->field == FIELD_SENDER)
		return open_container(p, OBJECT_SENDER);
	return open_container(p, OBJECT_OTHER);
}

static int on_start_array(void *ctx)
{
	return on_value(ctx) && open_container(ctx, OBJECT_OTHER);
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

static bool parse_json(struct parse *p, const char *body, size_t n)
{
	yajl_alloc_funcs memory = {.malloc = need_malloc, .realloc = need_realloc, .free = release};
	yajl_handle h = yajl_alloc(&callbacks, &memory, p);
	bool ok;

	ok = yajl_parse(h, (const unsigned char *)body, n) == yajl_status_ok && yajl_complete_parse(h) == yajl_status_ok;
	yajl_free(h);
	if (!ok && !p->reason)
		p->reason = "not JSON";
	return ok;
}

static struct slice slice_of(const struct parse *p, enum field f)
{
	const struct span *v = &p->value[f];

	return v->set ? (struct slice){p->arena->data + v->at, v->n} : (struct slice){0};
}

enum event_result event_parse(const char *body, size_t n, struct event *ev)
{
	struct buf arena = ev->arena;
	struct parse p = {.arena = &arena, .field = FIELD_COUNT};

	arena.len = 0;
	/* yajl takes these two for white space (RFC 8259 section 2 does not), and they may stand nowhere else */
	if (n && (memchr(body, '\f', n) || memchr(body, '\v', n)))
		p.reason = "not JSON";
	else if (!utf8_valid(body, n))
		p.reason = "not UTF-8";
	else if (parse_json(&p, body, n) && !p.value[FIELD_EVENT].set)
		p.reason = "no \"event\"";
	*ev = (struct event){.arena = arena, .reason = p.reason};
	if (p.no_memory)
		return EVENT_NO_MEMORY;
	if (p.reason)
		return EVENT_MALFORMED;
	ev->event = slice_of(&p, FIELD_EVENT);
	ev->key = slice_of(&p, p.value[FIELD_URN].set ? FIELD_URN : FIELD_ID);
	ev->account = slice_of(&p, FIELD_ACCOUNT);
	ev->sender_id = slice_of(&p, FIELD_SENDER_ID);
	ev->sender_name = slice_of(&p, FIELD_SENDER_NAME);
	ev->conversation = slice_of(&p, FIELD_CONVERSATION);
	ev->sent_at = slice_of(&p, FIELD_SENT_AT);
	ev->text = slice_of(&p, FIELD_TEXT);
	return EVENT_OK;
}

void event_free(struct event *ev)
{
	buf_free(&ev->arena);
	*ev = (struct event){0};
}
