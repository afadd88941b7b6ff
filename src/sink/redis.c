/* SPDX-License-Identifier: ISC */
/*
 * Sinks of the type redis: one entry of a stream for each event, by a script that adds an event once.
 *
 * The messages without an answer are in one list. They are sent when the link is ready, each as a command of its own, without
 * waiting for the answers in between. When the link fails, or the first message's time is over, all of them end with it.
 */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "config.h"
#include "sink/redis.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/io.h"
#include "sink/module.h"

struct redis_sent {
	struct redis_sent *next;
	struct redis *redis;
	struct sink_message *message;
	struct buf stream;
	int64_t began;    /* clock_mono_us() */
	bool under_way;   /* a command was sent for it */
	bool whole;       /* ...with the script's text */
};

/* ---- the list */

static void report_sent(struct redis_sent *s, struct sink_result r)
{
	r.ms = (clock_mono_us() - s->began) / 1000;
	s->redis->done(s->message, &r);
	buf_free(&s->stream);
	free(s);
}

static void unlink_sent(struct redis *r, struct redis_sent *s)
{
	struct redis_sent **at = &r->first;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	if (!*at)
		r->last = at;
}

static void end_message(struct redis_sent *s, struct sink_result result)
{
	unlink_sent(s->redis, s);
	report_sent(s, result);
}

static void set_timer(struct redis *r)
{
	loop_timer_stop(&r->timer);
	if (r->first)
		loop_timer_set(&r->timer, r->first->message->deadline);
}

/* Ends all messages, with the link closed. What was under way may have arrived. */
static void fail_all(struct redis *r, const char *why)
{
	struct redis_sent *s = r->first, *next;

	r->first = r->waiting = NULL;
	r->last = &r->first;
	loop_timer_stop(&r->timer);
	for (; s; s = next) {
		next = s->next;
		report_sent(s, (struct sink_result){.verdict = SINK_RETRY, .in_doubt = s->under_way, .target_failed = true, .error = why});
	}
}

/* ---- answers */

static void send_command(struct redis *r, struct redis_sent *s);

static void deliver_message(struct redis_sent *s, const redisReply *reply)
{
	char place[512];

	snprintf(place, sizeof place, "%.400s %.100s", buf_str(&s->stream), reply->str);
	end_message(s, (struct sink_result){.verdict = SINK_DELIVERED, .place = place});
}

static void on_script_answer(redisAsyncContext *context, void *answer, void *of)
{
	const redisReply *reply = answer;
	struct redis_sent *s = of;
	struct redis *r;

	if (!reply || !context->data)
		return; /* the link has ended, and its messages with it */
	r = s->redis;
	if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0 && !s->whole) {
		s->whole = true;
		send_command(r, s);
		return;
	}
	if (reply->type == REDIS_REPLY_STRING)
		deliver_message(s, reply);
	else
		end_message(s, redis_result(reply->type == REDIS_REPLY_ERROR ? reply->str : "an answer of another type than a script has"));
	set_timer(r);
}

/* ---- sending */

static void send_command(struct redis *r, struct redis_sent *s)
{
	struct slice stream = {s->stream.data, s->stream.len};
	struct redis_command c;
	bool ok = redis_command_make(&c, r->sink, s->message, stream, s->whole ? NULL : r->link.sha) &&
		redisAsyncCommandArgv(r->link.context, on_script_answer, s, c.n, c.argument, c.size) == REDIS_OK;

	redis_command_free(&c);
	if (ok)
		s->under_way = true;
	else
		end_message(s, (struct sink_result){.verdict = SINK_RETRY, .unsent = true, .error = "memory is short"});
}

static void send_waiting(void *ctx)
{
	struct redis *r = ctx;
	struct redis_sent *s;

	while ((s = r->waiting) && redis_link_has_room(&r->link)) {
		r->waiting = s->next;
		send_command(r, s);
	}
	set_timer(r);
}

static void on_link_end(void *ctx, const char *why)
{
	fail_all(ctx, why);
}

static void on_first_deadline(void *ctx)
{
	struct redis *r = ctx;

	redis_link_close(&r->link);
	fail_all(r, "no answer in time");
}

static void add_message(struct redis *r, struct sink_message *m)
{
	struct redis_sent *s = calloc(1, sizeof *s);

	if (!s || !template_print(redis_options(r->sink)->stream, m->values, &s->stream)) {
		r->done(m, &(struct sink_result){.verdict = SINK_RETRY, .unsent = true, .error = "memory is short"});
		free(s);
		return;
	}
	if (!s->stream.len) {
		r->done(m, &(struct sink_result){.verdict = SINK_REFUSED, .unsent = true, .error = "its stream has no name: the template is empty for this event"});
		free(s);
		return;
	}
	s->redis = r;
	s->message = m;
	s->began = clock_mono_us();
	*r->last = s;
	r->last = &s->next;
	if (!r->waiting)
		r->waiting = s;
}

static void redis_send(struct sink_target *base, struct sink_message *batch)
{
	struct redis *r = (struct redis *)(void *)base;
	struct sink_message *next;

	for (struct sink_message *m = batch; m; m = next) {
		next = m->next;
		add_message(r, m);
	}
	set_timer(r);
	if (r->link.ready)
		send_waiting(r);
	else if (r->first && !redis_link_is_open(&r->link))
		redis_link_open(&r->link);
}

/* ---- opening and closing */

static void redis_close(struct sink_target *base)
{
	struct redis *r = (struct redis *)(void *)base;
	struct redis_sent *s;

	redis_link_close(&r->link);
	loop_timer_stop(&r->timer);
	while ((s = r->first)) {
		r->first = s->next;
		buf_free(&s->stream);
		free(s);
	}
	if (r->password.data)
		explicit_bzero(r->password.data, r->password.cap);
	buf_free(&r->password);
	free(r);
}

static struct sink_target *redis_open(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t n)
{
	const struct redis_options *o = redis_options(s);
	struct redis *r = calloc(1, sizeof *r);

	if (!r) {
		snprintf(why, n, "memory is short");
		return NULL;
	}
	r->sink = s;
	r->done = done;
	r->last = &r->first;
	r->link = (struct redis_link){.loop = l, .options = o, .script = redis_script, .on_ready = send_waiting, .on_end = on_link_end, .ctx = r, .lookup = -1};
	loop_timer_init(&r->timer, l, on_first_deadline, r);
	if (o->password_file && !io_read_secret(o->password_file, &r->password, why, n)) {
		redis_close(&r->base);
		return NULL;
	}
	r->link.password = o->password_file ? buf_str(&r->password) : NULL;
	return &r->base;
}

static void check_redis_sink(struct sink_target *base, sink_say *say, void *ctx)
{
	redis_check((struct redis *)(void *)base, say, ctx);
}

static const struct sink_driver redis_driver = {
	.type = "redis",
	.open = redis_open,
	.send = redis_send,
	.close = redis_close,
	.check = check_redis_sink,
};

SINK_MODULE(redis_driver);
