/* SPDX-License-Identifier: ISC */
/*
 * Sinks of the type redis: one entry of a stream for each event, by a script that adds an event once.
 *
 * The messages that came while the link was not ready, or had enough to write, are in one list. Those of one stream go together, as one
 * command: with appendfsync the server flushes once for each. Commands do not wait for the answers to those before. An answer has a
 * result for each message. When the link fails, or the first message's time is over, all messages end with it.
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

/* ---- the lists */

static void free_sent(struct redis_sent *s)
{
	buf_free(&s->stream);
	free(s);
}

static void free_sent_list(struct redis_sent *s)
{
	struct redis_sent *next;

	for (; s; s = next) {
		next = s->next;
		free_sent(s);
	}
}

static void report_sent(struct redis *r, struct redis_sent *s, struct sink_result result)
{
	result.ms = (clock_mono_us() - s->began) / 1000;
	r->done(s->message, &result);
	free_sent(s);
}

/* Ends a list of messages. */
static void report_all(struct redis *r, struct redis_sent *s, struct sink_result result)
{
	struct redis_sent *next;

	for (; s; s = next) {
		next = s->next;
		report_sent(r, s, result);
	}
}

static void add_batch(struct redis *r, struct redis_batch *b)
{
	*r->last_batch = b;
	r->last_batch = &b->next;
}

/* Takes the batch out of those that have no answer, frees it, and gives its messages. */
static struct redis_sent *unlink_batch(struct redis_batch *b)
{
	struct redis_batch **at = &b->redis->batches;
	struct redis_sent *messages = b->messages;

	while (*at != b)
		at = &(*at)->next;
	*at = b->next;
	if (!*at)
		b->redis->last_batch = at;
	free(b);
	return messages;
}

static void set_timer(struct redis *r)
{
	const struct redis_sent *first = r->batches ? r->batches->messages : r->waiting;

	loop_timer_stop(&r->timer);
	if (first)
		loop_timer_set(&r->timer, first->message->deadline);
}

/* Ends all messages, with the link closed. What was under way may have arrived. */
static void fail_all(struct redis *r, const char *why)
{
	struct sink_result failed = {.verdict = SINK_RETRY, .target_failed = true, .error = why};
	struct redis_sent *waiting = r->waiting;
	struct redis_batch *b = r->batches, *next;

	r->batches = NULL;
	r->last_batch = &r->batches;
	r->waiting = NULL;
	r->last_waiting = &r->waiting;
	loop_timer_stop(&r->timer);
	failed.in_doubt = true;
	for (; b; b = next) {
		next = b->next;
		report_all(r, b->messages, failed);
		free(b);
	}
	failed.in_doubt = false;
	report_all(r, waiting, failed);
}

/* ---- answers */

static void send_command(struct redis_batch *b);

static void report_answer(struct redis *r, struct redis_sent *s, const redisReply *answer)
{
	char place[512];

	if (answer->type == REDIS_REPLY_STRING) {
		snprintf(place, sizeof place, "%.400s %.100s", buf_str(&s->stream), answer->str);
		report_sent(r, s, (struct sink_result){.verdict = SINK_DELIVERED, .place = place});
	} else {
		report_sent(r, s, redis_result(answer->type == REDIS_REPLY_ERROR ? answer->str : "an answer of another type than a script has"));
	}
}

static size_t count_messages(const struct redis_batch *b)
{
	size_t n = 0;

	for (const struct redis_sent *s = b->messages; s; s = s->next)
		n++;
	return n;
}

static void on_script_answer(redisAsyncContext *context, void *answer, void *of)
{
	const redisReply *reply = answer;
	struct redis_batch *b = of;
	struct redis_sent *s, *next;
	struct redis *r;

	if (!reply || !context->data)
		return; /* the link has ended, and its batches with it */
	r = b->redis;
	if (reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "NOSCRIPT", 8) == 0 && !b->whole) {
		b->whole = true;
		send_command(b);
		return;
	}
	if (reply->type == REDIS_REPLY_ARRAY && reply->elements == count_messages(b)) {
		s = unlink_batch(b);
		for (size_t i = 0; s; s = next) {
			next = s->next;
			report_answer(r, s, reply->element[i++]);
		}
	} else {
		report_all(r, unlink_batch(b), redis_result(reply->type == REDIS_REPLY_ERROR ? reply->str : "an answer of another type than the script has"));
	}
	set_timer(r);
}

/* ---- sending */

static void send_command(struct redis_batch *b)
{
	struct redis *r = b->redis;
	struct redis_command *c = &r->command;

	if (!redis_command_make(c, r->sink, b->messages, b->whole ? NULL : r->link.sha) ||
	    redisAsyncCommandArgv(r->link.context, on_script_answer, b, c->n, c->argument, c->size) != REDIS_OK)
		report_all(r, unlink_batch(b), (struct sink_result){.verdict = SINK_RETRY, .unsent = true, .error = "memory is short"});
}

static bool is_same_stream(const struct redis_sent *a, const struct redis_sent *b)
{
	return a->stream.len == b->stream.len && memcmp(a->stream.data, b->stream.data, a->stream.len) == 0;
}

/* Takes the first of those that wait, and those behind it that go with it. */
static struct redis_sent *take_waiting(struct redis *r)
{
	struct redis_sent *first = r->waiting, *last = first;
	size_t bytes = first->message->body.n, n = 1;

	for (; last->next && n < REDIS_BATCH && bytes < REDIS_BATCH_BYTES && is_same_stream(first, last->next); n++) {
		last = last->next;
		bytes += last->message->body.n + last->message->event->headers.n;
	}
	r->waiting = last->next;
	if (!r->waiting)
		r->last_waiting = &r->waiting;
	last->next = NULL;
	return first;
}

static void send_waiting(void *ctx)
{
	struct redis *r = ctx;
	struct redis_batch *b;

	while (r->waiting && redis_link_has_room(&r->link)) {
		b = calloc(1, sizeof *b);
		if (!b) {
			report_all(r, take_waiting(r), (struct sink_result){.verdict = SINK_RETRY, .unsent = true, .error = "memory is short"});
			continue;
		}
		b->redis = r;
		b->messages = take_waiting(r);
		add_batch(r, b);
		send_command(b);
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
	s->message = m;
	s->began = clock_mono_us();
	*r->last_waiting = s;
	r->last_waiting = &s->next;
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
	else if (r->waiting && !redis_link_is_open(&r->link))
		redis_link_open(&r->link);
}

/* ---- opening and closing */

static void redis_close(struct sink_target *base)
{
	struct redis *r = (struct redis *)(void *)base;
	struct redis_batch *b;

	redis_link_close(&r->link);
	loop_timer_stop(&r->timer);
	while (r->batches || r->waiting) {
		b = r->batches;
		free_sent_list(b ? unlink_batch(b) : take_waiting(r));
	}
	buf_free(&r->command.text);
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
	r->last_batch = &r->batches;
	r->last_waiting = &r->waiting;
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
