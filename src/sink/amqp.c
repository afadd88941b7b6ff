/* SPDX-License-Identifier: ISC */
/*
 * Sinks of the type amqp: one persistent message for each event, confirmed by RabbitMQ.
 *
 * The server numbers the publications of a channel from 1, and confirms each: basic.ack, or basic.nack. A message that no queue takes
 * comes back, basic.return, and is confirmed after that. What a closed channel had not confirmed is in doubt.
 *
 * The server closes the channel at a message that is too large, and does not say which one it was. The messages that were under way then
 * are published one at a time when they come again: the channel is closed at the large one alone.
 */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "config.h"
#include "sink/amqp.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "core/clock.h"
#include "core/io.h"
#include "sink/module.h"

enum {
	CONNECT_MIN_MS = 100,
	TICK_MS = AMQP_HEARTBEAT_S * 1000 / 3, /* between the looks at the heartbeats */
};

/* ---- the connection */

/* What is held is sent over the next connection, unless it is the target that failed. */
static void drop_amqp(struct amqp *a, const char *why, bool target_failed)
{
	char copy[AMQP_WHY_SIZE]; /* of a text that may be the connection's */

	snprintf(copy, sizeof copy, "%s", why);
	worker_set_socket(a->worker, -1);
	if (a->connection)
		amqp_destroy_connection(a->connection);
	a->connection = NULL;
	a->last_tag = 0;
	worker_fail_sent(a->worker, copy, target_failed);
	if (target_failed) {
		worker_fail(a->worker, a->held, copy);
		a->held = NULL;
	}
}

static void on_amqp_socket(void *worker, int socket)
{
	worker_set_socket(worker, socket);
}

static bool connect_amqp(struct amqp *a, int64_t deadline)
{
	int64_t ms = (deadline - clock_mono_us()) / 1000;
	char why[AMQP_WHY_SIZE];

	if (a->connection)
		return true;
	a->connection = amqp_link_open(&a->place, ms > CONNECT_MIN_MS ? ms : CONNECT_MIN_MS, on_amqp_socket, a->worker, why);
	if (a->connection && amqp_link_prepare(a->connection, &a->place, why))
		return true;
	drop_amqp(a, why, true);
	return false;
}

/* ---- answers */

static void end_confirmed(struct amqp *a, struct worker_job *j, bool taken)
{
	bool named = *a->place.exchange;
	char text[WORKER_RESULT_SIZE];

	if (!taken) {
		worker_end(a->worker, j, &(struct sink_result){.verdict = SINK_RETRY, .target_failed = true,
			.error = "the server did not take it (basic.nack): is the queue full, or without a majority of its members?"});
	} else if (j->marked) {
		snprintf(text, sizeof text, "no queue takes the routing key \"%.150s\"%s%.150s%s: declare or bind one, or write queue = \"quorum\"",
			j->text[WORKER_KEY], named ? " at the exchange \"" : "", a->place.exchange, named ? "\"" : "");
		worker_end(a->worker, j, &(struct sink_result){.verdict = SINK_RETRY, .target_failed = a->fixed, .error = text});
	} else {
		snprintf(text, sizeof text, "%s%.150s%srouting key %.150s, delivery tag %" PRIu64, named ? "exchange " : "", a->place.exchange, named ? ", " : "",
			j->text[WORKER_KEY], j->tag);
		worker_end(a->worker, j, &(struct sink_result){.verdict = SINK_DELIVERED, .place = text});
	}
}

static void on_confirm(struct amqp *a, uint64_t tag, bool multiple, bool taken)
{
	struct worker_job *j;

	while ((j = worker_take(a->worker, multiple ? 0 : tag, tag)))
		end_confirmed(a, j, taken);
}

static unsigned count_held(const struct amqp *a)
{
	unsigned n = 0;

	for (const struct worker_job *j = a->held; j; j = j->next)
		n++;
	return n;
}

/* PRECONDITION_FAILED, 406, is about a message: it is larger than max_message_size of the server. */
static void on_channel_close(struct amqp *a, const amqp_channel_close_t *m)
{
	bool of_message = m->reply_code == AMQP_PRECONDITION_FAILED;
	unsigned n = worker_count_sent(a->worker);
	struct worker_job *j = of_message && n == 1 ? worker_take(a->worker, 0, UINT64_MAX) : NULL;
	char why[AMQP_WHY_SIZE];

	snprintf(why, sizeof why, "%.*s", (int)m->reply_text.len, (const char *)m->reply_text.bytes);
	if (j)
		worker_end(a->worker, j, &(struct sink_result){.verdict = SINK_REFUSED, .error = why});
	else if (of_message)
		a->alone = n + count_held(a);
	drop_amqp(a, why, !of_message);
}

static void on_content_header(struct amqp *a, const amqp_basic_properties_t *p)
{
	if (p->_flags & AMQP_BASIC_MESSAGE_ID_FLAG)
		worker_mark(a->worker, p->message_id.bytes, p->message_id.len);
}

static void on_method(struct amqp *a, amqp_method_t m)
{
	const amqp_basic_ack_t *ack = m.decoded;
	const amqp_basic_nack_t *nack = m.decoded;
	const amqp_connection_close_t *close = m.decoded;
	const amqp_connection_blocked_t *blocked = m.decoded;
	char why[AMQP_WHY_SIZE];

	if (m.id == AMQP_BASIC_ACK_METHOD) {
		on_confirm(a, ack->delivery_tag, ack->multiple, true);
	} else if (m.id == AMQP_BASIC_NACK_METHOD) {
		on_confirm(a, nack->delivery_tag, nack->multiple, false);
	} else if (m.id == AMQP_CHANNEL_CLOSE_METHOD) {
		on_channel_close(a, m.decoded);
	} else if (m.id == AMQP_CONNECTION_CLOSE_METHOD) {
		snprintf(why, sizeof why, "%.*s", (int)close->reply_text.len, (const char *)close->reply_text.bytes);
		drop_amqp(a, why, true);
	} else if (m.id == AMQP_CONNECTION_BLOCKED_METHOD) {
		snprintf(why, sizeof why, "the server takes no messages: %.*s", (int)blocked->reason.len, (const char *)blocked->reason.bytes);
		drop_amqp(a, why, true);
	}
}

static void receive_frames(struct amqp *a)
{
	const struct timeval at_once = {0};
	amqp_frame_t frame;
	int code = AMQP_STATUS_OK;

	while (a->connection && (code = amqp_simple_wait_frame_noblock(a->connection, &frame, &at_once)) == AMQP_STATUS_OK) {
		if (frame.frame_type == AMQP_FRAME_METHOD)
			on_method(a, frame.payload.method);
		else if (frame.frame_type == AMQP_FRAME_HEADER)
			on_content_header(a, frame.payload.properties.decoded);
		if (a->connection)
			amqp_maybe_release_buffers(a->connection);
	}
	if (a->connection && code != AMQP_STATUS_TIMEOUT)
		drop_amqp(a, amqp_error_string2(code), true);
}

/* ---- sending */

static void publish_amqp(struct amqp *a, struct worker_job *j)
{
	int code;

	if (!worker_begin(a->worker, j, a->last_tag + 1))
		return;
	a->last_tag++;
	code = amqp_publish(a, j);
	if (code != AMQP_STATUS_OK)
		drop_amqp(a, amqp_error_string2(code), true);
}

static void publish_held(struct amqp *a)
{
	struct worker_job *j;

	while (a->held && (!a->alone || worker_count_sent(a->worker) == 0) && connect_amqp(a, a->held->deadline)) {
		j = a->held;
		a->held = j->next;
		a->alone -= a->alone > 0;
		publish_amqp(a, j);
		receive_frames(a);
	}
}

static void send_amqp_jobs(void *ctx, struct worker_job *jobs)
{
	struct amqp *a = ctx;
	struct worker_job **at = &a->held;

	while (*at)
		at = &(*at)->next;
	*at = jobs;
	publish_held(a);
}

static void receive_amqp(void *ctx)
{
	receive_frames(ctx);
	publish_held(ctx);
}

static int wait_amqp(void *ctx, int *fd)
{
	const struct amqp *a = ctx;

	*fd = a->connection ? amqp_get_sockfd(a->connection) : -1;
	return a->connection ? TICK_MS : -1;
}

static void end_amqp(void *ctx, const char *why)
{
	drop_amqp(ctx, why, true);
}

/* ---- opening and closing */

static void free_amqp(void *ctx)
{
	struct amqp *a = ctx;
	struct amqp_place *p = &a->place;

	free(p->host);
	free(p->user);
	free(p->vhost);
	free(p->exchange);
	free(p->ca_file);
	free(p->queue);
	if (p->password.data)
		explicit_bzero(p->password.data, p->password.cap);
	buf_free(&p->password);
	free(a);
}

static bool copy_place(struct amqp_place *p, const struct amqp_options *o)
{
	const struct template_values none = {.body = {NULL, 0}};
	struct buf queue = {0};
	bool ok = true;

	p->host = worker_copy(o->url.host, &ok);
	p->user = worker_copy(o->url.user, &ok);
	p->vhost = worker_copy(o->url.path && *o->url.path ? o->url.path : "/", &ok);
	p->exchange = worker_copy(o->exchange ? o->exchange : "", &ok);
	p->ca_file = worker_copy(o->ca_file, &ok);
	if (o->fixed) {
		ok = template_print(o->routing_key, &none, &queue) && ok;
		p->queue = worker_copy(buf_str(&queue), &ok);
		buf_free(&queue);
	}
	p->declare = o->queue;
	p->port = o->url.port;
	p->tls = o->url.tls;
	return ok;
}

static const char *routing_key_error(struct slice key)
{
	return key.n > AMQP_SHORT_MAX ? "a routing key has at most 255 bytes" : NULL;
}

static struct sink_target *amqp_open(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t size)
{
	static const struct worker_driver thread = {.send = send_amqp_jobs, .receive = receive_amqp, .wait = wait_amqp, .drop = end_amqp,
		.free = free_amqp, .key_error = routing_key_error};
	const struct amqp_options *o = amqp_options(s);
	struct amqp *a = calloc(1, sizeof *a);

	snprintf(why, size, "memory is short");
	if (!a)
		return NULL;
	a->fixed = o->fixed;
	if (!copy_place(&a->place, o) || (o->password_file && !io_read_secret(o->password_file, &a->place.password, why, size))) {
		free_amqp(a);
		return NULL;
	}
	buf_str(&a->place.password); /* ends it, for the library */
	a->worker = worker_new(&thread, a, s, o->routing_key, l, done, why, size);
	return a->worker ? &a->worker->base : NULL;
}

static void check_amqp_sink(struct sink_target *base, sink_say *say, void *ctx)
{
	const struct worker *w = (const struct worker *)(const void *)base;
	const struct amqp *a = w->ctx;

	amqp_check(&a->place, say, ctx);
}

static const struct sink_driver amqp_driver = {
	.type = "amqp",
	.open = amqp_open,
	.send = worker_send,
	.stop = worker_stop,
	.close = worker_close,
	.check = check_amqp_sink,
};

SINK_MODULE(amqp_driver);
