/* SPDX-License-Identifier: ISC */
/*
 * Sinks of the type http: one request for each message, or for a batch of them, by libcurl.
 *
 * Each sink has a CURLM, and so connections of its own. libcurl asks the loop for its descriptors and for one timer, and does all
 * of its work in on_socket() and on_timer().
 */
#include "sink/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/buf.h"
#include "core/clock.h"
#include "sink/http_batch.h"
#include "sink/http_headers.h"
#include "sink/http_options.h"
#include "sink/http_result.h"
#include "sink/http_target.h"
#include "sink/http_transfer.h"
#include "sink/private_address.h"

enum { CONNECTIONS_KEPT = 256 /* of one sink */ };

struct http {
	struct sink_target base;
	struct loop *loop;
	sink_done *done;
	struct http_target target;
	struct cidrs forbidden;
	CURLM *multi;
	struct loop_timer timer;
	struct http_transfer *idle, *running;
	/* with batches: the messages that wait for a request, and those of refused batches, which go alone */
	struct http_row waiting, alone;
	unsigned n_running;
};

static void send_batches(struct http *h);

/* ---- the end of a request */

static void unlink_running(struct http *h, const struct http_transfer *t)
{
	struct http_transfer **at = &h->running;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	h->n_running--;
}

static void release(struct http *h, struct http_transfer *t)
{
	http_transfer_end(t);
	t->next = h->idle;
	h->idle = t;
}

/*
 * Where a kept connection ended without an answer, the others to the target may have ended too. The next attempts open new ones
 * until one has an answer. A request that libcurl wants to repeat over a new connection is one that the target refuses over HTTP/2
 * (RFC 9113 section 9.2.2).
 */
static void learn(const struct http_transfer *t, int status)
{
	t->target->fresh = status == 0 && (t->repeated || t->kept);
	t->target->http1 = t->target->http1 || (t->repeated && !t->kept);
}

/* The events of a refused batch go again one by one, so that one that the target never takes does not hold up the others. */
static void finish_batch(struct http *h, struct http_batch *b, const struct sink_result *r)
{
	if (r->verdict == SINK_REFUSED && b->n > 1) {
		while (b->events.first)
			http_row_add(&h->alone, http_row_take(&b->events));
	} else {
		http_row_report(&b->events, r, h->done);
	}
	http_batch_free(b);
}

static void finish(struct http *h, struct http_transfer *t, CURLcode code)
{
	struct sink_result r = http_result(t, code);

	learn(t, r.status);
	curl_multi_remove_handle(h->multi, t->easy);
	unlink_running(h, t);
	if (t->message->driver)
		finish_batch(h, t->message->driver, &r);
	else
		h->done(t->message, &r);
	if (code == CURLE_OK)
		release(h, t);
	else
		http_transfer_free(t); /* libcurl would go on counting how often it has repeated a request */
	send_batches(h);
}

static void finish_ended(struct http *h)
{
	struct http_transfer *t;
	CURLMsg *message;
	CURLcode code;
	int left;

	while ((message = curl_multi_info_read(h->multi, &left))) {
		code = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		finish(h, t, code);
	}
}

/* ---- libcurl on the loop (libcurl-multi(3), "MULTI_SOCKET") */

static void on_socket(void *ctx, int fd, unsigned events)
{
	struct http *h = ctx;
	int running;

	curl_multi_socket_action(h->multi, fd,
		(events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0), &running);
	finish_ended(h);
}

static void on_timer(void *ctx)
{
	struct http *h = ctx;
	int running;

	curl_multi_socket_action(h->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	finish_ended(h);
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *of_socket)
{
	struct http *h = ctx;
	unsigned events = what == CURL_POLL_IN ? LOOP_READ : what == CURL_POLL_OUT ? LOOP_WRITE : LOOP_READ | LOOP_WRITE;

	(void)easy;
	(void)of_socket;
	if (what != CURL_POLL_REMOVE)
		return loop_watch(h->loop, fd, events, on_socket, h) ? 0 : -1;
	loop_unwatch(h->loop, fd);
	return 0;
}

static int want_timer(CURLM *multi, long ms, void *ctx)
{
	struct http *h = ctx;

	(void)multi;
	if (ms < 0)
		loop_timer_stop(&h->timer);
	else
		loop_timer_set(&h->timer, clock_mono_us() + ms * INT64_C(1000));
	return 0;
}

/* ---- the driver */

static void http_close(struct sink_target *base)
{
	struct http *h = (struct http *)(void *)base;
	struct http_transfer *t;

	while ((t = h->running)) {
		curl_multi_remove_handle(h->multi, t->easy);
		h->running = t->next;
		if (t->message->driver)
			http_batch_free(t->message->driver);
		release(h, t);
	}
	while ((t = h->idle)) {
		h->idle = t->next;
		http_transfer_free(t);
	}
	if (h->multi)
		curl_multi_cleanup(h->multi);
	loop_timer_stop(&h->timer);
	http_target_free(&h->target);
	free(h->forbidden.item);
	free(h);
}

static bool open_multi(struct http *h)
{
	h->multi = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_multi_init() : NULL;
	return h->multi && curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT) == CURLM_OK &&
		curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, want_socket) == CURLM_OK &&
		curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h) == CURLM_OK &&
		curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, want_timer) == CURLM_OK &&
		curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h) == CURLM_OK;
}

static struct sink_target *http_open(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t n)
{
	struct http *h = calloc(1, sizeof *h);

	snprintf(why, n, "memory is short");
	if (!h)
		return NULL;
	h->loop = l;
	h->done = done;
	loop_timer_init(&h->timer, l, on_timer, h);
	h->forbidden = private_addresses();
	if (h->forbidden.item && open_multi(h) && http_target_init(&h->target, s, why, n))
		return &h->base;
	http_close(&h->base);
	return NULL;
}

static struct http_transfer *take_idle(struct http *h)
{
	struct http_transfer *t = h->idle;

	if (!t)
		return http_transfer_new(&h->target, &h->forbidden);
	h->idle = t->next;
	return t;
}

static bool start_request(struct http *h, struct sink_message *m, const char *headers)
{
	struct http_transfer *t = take_idle(h);

	if (!t)
		return false;
	if (!http_transfer_prepare(t, m, headers) || (m->driver && !http_transfer_set_deadline(t, m->deadline)) ||
	    curl_multi_add_handle(h->multi, t->easy) != CURLM_OK) {
		release(h, t);
		return false;
	}
	t->next = h->running;
	h->running = t;
	h->n_running++;
	return true;
}

static void send_one(struct http *h, struct sink_message *m)
{
	struct buf headers = {0};
	char why[256];
	enum http_headers_result made = http_headers_make(m, h->target.sink, &headers, why, sizeof why);

	if (made == HTTP_HEADERS_REFUSED)
		h->done(m, &(struct sink_result){.verdict = SINK_REFUSED, .unsent = true, .error = why});
	else if (made != HTTP_HEADERS_OK || !start_request(h, m, headers.data))
		h->done(m, &(struct sink_result){.verdict = SINK_RETRY, .unsent = true, .error = "memory is short, or a key failed"});
	buf_free(&headers);
}

/* What waits for the end of a request is sent then, together. */
static void send_batches(struct http *h)
{
	const struct sink *s = h->target.sink;
	struct http_batch *b;

	while (h->n_running < http_options(s)->requests) {
		b = http_batch_take(&h->alone, s, 1, h->done);
		if (!b)
			b = http_batch_take(&h->waiting, s, s->batch, h->done);
		if (!b)
			return;
		if (start_request(h, &b->message, NULL))
			continue;
		http_row_report(&b->events, &(struct sink_result){.verdict = SINK_RETRY, .unsent = true, .error = "memory is short, or a key failed"},
			h->done);
		http_batch_free(b);
	}
}

static void http_send(struct sink_target *base, struct sink_message *batch)
{
	struct http *h = (struct http *)(void *)base;
	struct sink_message *next;

	if (h->target.sink->batch) {
		for (struct sink_message *m = batch; m; m = m->next)
			http_row_add(&h->waiting, m);
		send_batches(h);
		return;
	}

	for (struct sink_message *m = batch; m; m = next) {
		next = m->next;
		send_one(h, m);
	}
}

static void http_check(struct sink_target *base, sink_say *say, void *ctx)
{
	struct http *h = (struct http *)(void *)base;

	if (!http_options(h->target.sink)->allow_private && private_url(h->target.url))
		say(ctx, SINK_WRONG, "its URL has a private address, which is refused; add allow-private = true");
}

const struct sink_driver http_driver = {
	.type = "http",
	.open = http_open,
	.send = http_send,
	.close = http_close,
	.check = http_check,
};
