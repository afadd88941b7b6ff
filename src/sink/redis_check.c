/* SPDX-License-Identifier: ISC */
/* hookspool check, sinks of the type redis: is the server there, and is its acknowledgement durable? */
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include "sink/redis.h"

enum { ANSWER_S = 5 };

struct asking {
	redisContext *context;
	sink_say *say;
	void *ctx;
};

static void say_wrong(const struct asking *a, const char *what, const char *why)
{
	char text[512];

	snprintf(text, sizeof text, "%s: %.300s", what, why);
	a->say(a->ctx, SINK_WRONG, text);
}

/* A warning only: events wait for a server that is down. */
static void say_down(const struct asking *a)
{
	char text[256];

	snprintf(text, sizeof text, "the server can't be reached: %.150s", a->context ? a->context->errstr : "memory is short");
	a->say(a->ctx, SINK_DOUBTFUL, text);
}

/* Takes the answer to a command of the setup. False after a finding. */
static bool take(const struct asking *a, const char *what, redisReply *reply)
{
	bool ok = reply && reply->type != REDIS_REPLY_ERROR;

	if (!ok)
		say_wrong(a, what, reply ? reply->str : a->context->errstr);
	freeReplyObject(reply);
	return ok;
}

static bool log_in(const struct asking *a, const struct redis_link *l)
{
	const struct redis_url *url = &l->options->url;

	if (l->password && !take(a, "AUTH", url->user ? redisCommand(a->context, "AUTH %s %s", url->user, l->password)
		: redisCommand(a->context, "AUTH %s", l->password)))
		return false;
	return take(a, "SELECT", redisCommand(a->context, "SELECT %d", url->database));
}

/* What is wrong with a setting, where it has a value other than the right one. */
static const struct {
	const char *name, *right, *finding;
} settings[] = {
	{"appendonly", "yes", "the server keeps no log of its writes, so a delivered event may be lost; in redis.conf: appendonly yes"},
	{"appendfsync", "always", "the server answers before its log is on the disk, so a delivered event may be lost; in redis.conf: appendfsync always"},
	{"maxmemory-policy", "noeviction",
		"the server drops keys when memory is short, so an event may arrive twice, or go; in redis.conf: maxmemory-policy noeviction"},
};

/* Returns false when the server does not say. */
static bool ask_setting(const struct asking *a, size_t i, bool *fine)
{
	redisReply *reply = redisCommand(a->context, "CONFIG GET %s", settings[i].name);
	bool known = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 && reply->element[1]->str;

	if (known && strcmp(reply->element[1]->str, settings[i].right) != 0) {
		a->say(a->ctx, SINK_DOUBTFUL, settings[i].finding);
		*fine = false;
	}
	freeReplyObject(reply);
	return known;
}

static void ask_settings(const struct asking *a)
{
	bool fine = true;

	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
		if (!ask_setting(a, i, &fine)) {
			a->say(a->ctx, SINK_DOUBTFUL, "the server does not tell its settings; it needs appendonly yes, appendfsync always and maxmemory-policy noeviction");
			return;
		}
	if (fine)
		a->say(a->ctx, SINK_FINE, "the server acknowledges an event when it is on the disk");
}

void redis_check(struct redis *r, sink_say *say, void *ctx)
{
	const struct redis_url *url = &r->link.options->url;
	struct timeval time = {.tv_sec = ANSWER_S};
	struct asking a = {.say = say, .ctx = ctx};

	a.context = url->path ? redisConnectUnixWithTimeout(url->path, time) : redisConnectWithTimeout(url->host, url->port, time);
	if (!a.context || a.context->err || redisSetTimeout(a.context, time) != REDIS_OK)
		say_down(&a);
	else if (log_in(&a, &r->link))
		ask_settings(&a);
	if (a.context)
		redisFree(a.context);
}
