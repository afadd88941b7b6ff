/* SPDX-License-Identifier: ISC */
/* What is sent to Redis of a message, and what its errors mean. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sink/redis.h"

/*
 * KEYS: the stream, and for each event the key that says that the stream has it. ARGV: the entries to keep, the milliseconds to keep
 * a key, and for each event how many arguments follow, and those: fields and values. Returns for each event the entry's id, or its own
 * error. An event that the stream has already is not added again. The script is one transaction in the append-only file, too.
 */
const char redis_script[] =
	"local out, at = {}, 3\n"
	"for i = 2, #KEYS do\n"
	"  local n = tonumber(ARGV[at])\n"
	"  local id = redis.pcall('GET', KEYS[i])\n"
	"  if not id then\n"
	"    id = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, at + 1, at + n))\n"
	"    if type(id) == 'string' then\n"
	"      local set = redis.pcall('SET', KEYS[i], id, 'NX', 'PX', ARGV[2])\n"
	"      if type(set) == 'table' and set.err then id = set end\n"
	"    end\n"
	"  end\n"
	"  out[i - 1] = id\n"
	"  at = at + n + 1\n"
	"end\n"
	"return out\n";

static void add_argument(struct redis_command *c, const char *p, size_t n)
{
	c->argument[c->n] = p;
	c->size[c->n++] = n;
}

static void add_word(struct redis_command *c, const char *text)
{
	add_argument(c, text, strlen(text));
}

static void add_field(struct redis_command *c, const char *name, struct slice value)
{
	if (!value.p || value.n == 0)
		return;
	add_word(c, name);
	add_argument(c, value.p, value.n);
}

static void add_fields(struct redis_command *c, const struct sink_message *m)
{
	for (int i = 0; i < TEMPLATE_KNOWN_COUNT; i++)
		add_field(c, template_known_name((enum template_known)i), m->values->known[i]);
	add_field(c, "headers", m->event->headers);
	add_word(c, "content_type");
	add_word(c, m->type);
	add_word(c, "body");
	add_argument(c, m->body.p ? m->body.p : "", m->body.n);
}

/* Adds a text that is printed. The buffer has room for it, and does not move. */
static void add_printed(struct redis_command *c, size_t from)
{
	add_argument(c, c->text.data + from, c->text.len - from);
	buf_add(&c->text, "", 1);
}

/* In a cluster, the text in braces puts the key beside the stream. */
static void add_event_key(struct redis_command *c, struct slice stream, const char *id)
{
	size_t from = c->text.len;

	buf_add_text(&c->text, "hookspool:{");
	buf_add(&c->text, stream.p, stream.n);
	buf_add_text(&c->text, "}:");
	buf_add_text(&c->text, id);
	add_printed(c, from);
}

/* The number of arguments is known behind them. */
static void add_counted_fields(struct redis_command *c, const struct sink_message *m)
{
	size_t from = c->text.len;
	int at = c->n++;

	add_fields(c, m);
	buf_printf(&c->text, "%d", c->n - at - 1);
	c->argument[at] = c->text.data + from;
	c->size[at] = c->text.len - from;
}

/* Reserves all that is printed. Returns the number of messages; 0: memory is short. */
static unsigned reserve_text(struct redis_command *c, const struct redis_sent *messages)
{
	size_t room = 0;
	unsigned n = 0;

	for (const struct redis_sent *s = messages; s; s = s->next, n++)
		room += s->stream.len + strlen(s->message->id) + 64;
	c->text.len = 0;
	return buf_reserve(&c->text, room) ? n : 0;
}

bool redis_command_make(struct redis_command *c, const struct sink *sink, const struct redis_sent *messages, const char *sha)
{
	struct slice stream = {messages->stream.data, messages->stream.len};
	unsigned n = reserve_text(c, messages);

	c->n = 0;
	snprintf(c->keys_count, sizeof c->keys_count, "%u", n + 1);
	snprintf(c->max_length, sizeof c->max_length, "%u", redis_options(sink)->max_length);
	snprintf(c->window, sizeof c->window, "%" PRId64, redis_options(sink)->dedupe_window);
	add_word(c, sha ? "EVALSHA" : "EVAL");
	add_word(c, sha ? sha : redis_script);
	add_word(c, c->keys_count);
	add_argument(c, stream.p, stream.n);
	for (const struct redis_sent *s = n ? messages : NULL; s; s = s->next)
		add_event_key(c, stream, s->message->id);
	add_word(c, c->max_length);
	add_word(c, c->window);
	for (const struct redis_sent *s = n ? messages : NULL; s; s = s->next)
		add_counted_fields(c, s->message);
	return n > 0;
}

/* ---- errors */

/* A script's error has the code at its beginning since Redis 7, and in the middle, as "-OOM ", before. */
static bool names_code(const char *error, const char *code)
{
	size_t n = strlen(code);
	const char *p = strstr(error, code);

	return p && (p == error || p[-1] == '-') && (p[n] == ' ' || !p[n]);
}

/* The errors that any other event would get, too. */
static bool is_of_server(const char *error)
{
	static const char *const codes[] = {"OOM", "READONLY", "LOADING", "MISCONF", "NOAUTH", "NOPERM", "WRONGPASS", "MASTERDOWN",
		"CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN", "NOREPLICAS", "BUSY"};

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (names_code(error, codes[i]))
			return true;
	return false;
}

struct sink_result redis_result(const char *error)
{
	bool refused = names_code(error, "WRONGTYPE"); /* the key of that stream holds something else */

	return (struct sink_result){.verdict = refused ? SINK_REFUSED : SINK_RETRY, .target_failed = !refused && is_of_server(error), .error = error};
}
