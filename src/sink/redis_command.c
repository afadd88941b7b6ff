/* SPDX-License-Identifier: ISC */
/* What is sent to Redis of a message, and what its errors mean. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sink/redis.h"

/*
 * KEYS: the stream, and the key that says that it has the event. ARGV: the entries to keep, the milliseconds to keep the key, and
 * the fields. Returns the entry's id. An event that the stream has already is not added again. The script is one transaction in the
 * append-only file, too.
 */
const char redis_script[] =
	"local had = redis.call('GET', KEYS[2])\n"
	"if had then return had end\n"
	"local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 3))\n"
	"redis.call('SET', KEYS[2], id, 'NX', 'PX', ARGV[2])\n"
	"return id\n";

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

bool redis_command_make(struct redis_command *c, const struct sink *s, const struct sink_message *m, struct slice stream, const char *sha)
{
	*c = (struct redis_command){.n = 0};
	snprintf(c->max_length, sizeof c->max_length, "%u", redis_options(s)->max_length);
	snprintf(c->window, sizeof c->window, "%" PRId64, redis_options(s)->dedupe_window);
	/* in a cluster, the text in braces puts the key beside the stream */
	if (!buf_printf(&c->key, "hookspool:{") || !buf_add(&c->key, stream.p, stream.n) || !buf_printf(&c->key, "}:%s", m->id))
		return false;
	add_word(c, sha ? "EVALSHA" : "EVAL");
	add_word(c, sha ? sha : redis_script);
	add_word(c, "2");
	add_argument(c, stream.p, stream.n);
	add_argument(c, c->key.data, c->key.len);
	add_word(c, c->max_length);
	add_word(c, c->window);
	add_fields(c, m);
	return true;
}

void redis_command_free(struct redis_command *c)
{
	buf_free(&c->key);
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
