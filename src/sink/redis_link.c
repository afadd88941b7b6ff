/* SPDX-License-Identifier: ISC */
/* A connection to a Redis server. */
#include "sink/redis_link.h"

#include <errno.h>
#include <hiredis/sds.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sink/lookup.h"

enum { UNWRITTEN_MOST = 128 * 1024 };

/* ---- hiredis on the loop */

static void on_redis_socket(void *ctx, int fd, unsigned events)
{
	struct redis_link *l = ctx;
	redisAsyncContext *context = l->context;

	(void)fd;
	if (events & LOOP_WRITE) {
		redisAsyncHandleWrite(context);
		if (l->context == context && redis_link_has_room(l))
			l->on_ready(l->ctx);
	}
	if (l->context == context && (events & LOOP_READ)) /* a failed write frees it */
		redisAsyncHandleRead(context);
}

static void watch_socket(struct redis_link *l, unsigned events)
{
	int fd = l->context->c.fd;

	if (events == l->events)
		return;
	l->events = events;
	if (!events)
		loop_unwatch(l->loop, fd);
	else if (!loop_watch(l->loop, fd, events, on_redis_socket, l))
		l->events = 0; /* the deadline of a message ends it */
}

static void add_read(void *l)
{
	watch_socket(l, ((struct redis_link *)l)->events | LOOP_READ);
}

static void remove_read(void *l)
{
	watch_socket(l, ((struct redis_link *)l)->events & ~(unsigned)LOOP_READ);
}

static void add_write(void *l)
{
	watch_socket(l, ((struct redis_link *)l)->events | LOOP_WRITE);
}

static void remove_write(void *l)
{
	watch_socket(l, ((struct redis_link *)l)->events & ~(unsigned)LOOP_WRITE);
}

/* ---- the end */

/* Ends the watch before hiredis closes the descriptor. The context, NULL where there is none, is no more the link's. */
static redisAsyncContext *let_go(struct redis_link *l)
{
	redisAsyncContext *context = l->context;

	if (l->lookup >= 0) {
		loop_unwatch(l->loop, l->lookup);
		close(l->lookup);
		l->lookup = -1;
	}
	if (context) {
		watch_socket(l, 0);
		memset(&context->ev, 0, sizeof context->ev);
		context->data = NULL;
	}
	l->context = NULL;
	l->ready = false;
	return context;
}

static void fail_link(struct redis_link *l, const char *why)
{
	char copy[256]; /* of a text that may be the context's */

	snprintf(copy, sizeof copy, "%s", *l->setup_error ? l->setup_error : why);
	redis_link_close(l);
	l->on_end(l->ctx, copy);
}

void redis_link_close(struct redis_link *l)
{
	redisAsyncContext *context = let_go(l);

	if (context)
		redisAsyncFree(context); /* at once, or behind the callback that runs */
}

/* hiredis frees the context behind these two. */
static void on_context_end(struct redis_link *l, const redisAsyncContext *context)
{
	char why[256];

	snprintf(why, sizeof why, "%s", *context->c.errstr ? context->c.errstr : "the server has closed the connection");
	let_go(l);
	l->on_end(l->ctx, *l->setup_error ? l->setup_error : why);
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
	(void)status;
	if (context->data)
		on_context_end(context->data, context);
}

static void on_connect(const redisAsyncContext *context, int status)
{
	if (status != REDIS_OK && context->data)
		on_context_end(context->data, context);
}

/* ---- the beginning */

/* The answers to AUTH and SELECT. */
static void on_setup(redisAsyncContext *context, void *answer, void *what)
{
	const redisReply *reply = answer;
	struct redis_link *l = context->data;

	if (!l || !reply || reply->type != REDIS_REPLY_ERROR)
		return;
	snprintf(l->setup_error, sizeof l->setup_error, "%s: %.200s", (const char *)what, reply->str);
	fail_link(l, l->setup_error);
}

/* The answer to SCRIPT LOAD, the last of the setup. */
static void on_loaded(redisAsyncContext *context, void *answer, void *what)
{
	const redisReply *reply = answer;
	struct redis_link *l = context->data;

	if (!l || !reply || reply->type == REDIS_REPLY_ERROR) {
		on_setup(context, answer, what);
		return;
	}
	snprintf(l->sha, sizeof l->sha, "%s", reply->str ? reply->str : "");
	l->ready = true;
	l->on_ready(l->ctx);
}

static char auth[] = "AUTH", select_database[] = "SELECT", load_script[] = "SCRIPT LOAD";

static bool send_setup(struct redis_link *l)
{
	const struct redis_url *url = &l->options->url;
	int code = REDIS_OK;

	if (l->password && url->user)
		code = redisAsyncCommand(l->context, on_setup, auth, "AUTH %s %s", url->user, l->password);
	else if (l->password)
		code = redisAsyncCommand(l->context, on_setup, auth, "AUTH %s", l->password);
	if (code == REDIS_OK && url->database)
		code = redisAsyncCommand(l->context, on_setup, select_database, "SELECT %d", url->database);
	return code == REDIS_OK && redisAsyncCommand(l->context, on_loaded, load_script, "SCRIPT LOAD %s", l->script) == REDIS_OK;
}

static void connect_to(struct redis_link *l, const char *address)
{
	redisAsyncContext *context = l->options->url.path ? redisAsyncConnectUnix(l->options->url.path)
		: redisAsyncConnect(address, l->options->url.port);

	if (!context || context->err) {
		fail_link(l, context ? context->errstr : "memory is short");
		if (context)
			redisAsyncFree(context);
		return;
	}
	l->context = context;
	l->events = 0;
	context->data = l;
	context->ev.data = l;
	context->ev.addRead = add_read;
	context->ev.delRead = remove_read;
	context->ev.addWrite = add_write;
	context->ev.delWrite = remove_write;
	redisAsyncSetConnectCallback(context, on_connect);
	redisAsyncSetDisconnectCallback(context, on_disconnect);
	if (!send_setup(l))
		fail_link(l, "memory is short");
}

static void on_lookup(void *ctx, int fd, unsigned events)
{
	struct redis_link *l = ctx;
	char address[LOOKUP_SIZE];
	bool ok = lookup_read(fd, address);

	(void)events;
	let_go(l);
	if (ok)
		connect_to(l, address);
	else
		fail_link(l, *address ? address : "the lookup of its host failed");
}

void redis_link_open(struct redis_link *l)
{
	*l->setup_error = '\0';
	if (l->options->url.path) {
		connect_to(l, NULL);
		return;
	}
	l->lookup = lookup_start(l->options->url.host);
	if (l->lookup < 0 || !loop_watch(l->loop, l->lookup, LOOP_READ, on_lookup, l))
		fail_link(l, strerror(errno));
}

bool redis_link_has_room(const struct redis_link *l)
{
	return l->ready && sdslen(l->context->c.obuf) < UNWRITTEN_MOST;
}

bool redis_link_is_open(const struct redis_link *l)
{
	return l->context || l->lookup >= 0;
}
