/* SPDX-License-Identifier: ISC */
/* A connection of the web server: FastCGI requests one after the other, or the one request of CGI. */
#include "page/connection.h"

#include <errno.h>
#include <fastcgi.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "gate/fcgi.h"
#include "gate/input.h"
#include "gate/record.h"

extern char **environ;

enum {
	PARAMS_US = 10 * 1000 * 1000, /* for the variables of a request, which a web server sends at once */
	ANSWER_US = 30 * 1000 * 1000, /* for a peer to take an answer */
	TICK_MS = 500,
	IDLE_MS = 60 * 1000,          /* a kept connection without a request */
	IDLE_CROWDED_MS = 1000,       /* the same while half of the connections are in use */
	CROWD = 64,
	SKIPPED_MAX = 1024 * 1024,    /* bytes of a body that no handler read: closing with some unread could lose the answer */
};

/* ---- writing */

static bool send_records(int fd, const struct buf *out, int64_t deadline)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	size_t at = 0;
	ssize_t n;

	while (at < out->len) {
		n = send(fd, out->data + at, out->len - at, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			at += (size_t)n;
		else if (!input_try_again(n) || clock_mono_us() > deadline || (poll(&p, 1, TICK_MS) < 0 && errno != EINTR))
			return false;
	}
	return true;
}

/* The answer as records, and the end of the request (FastCGI 1.0, sections 5.3 and 5.5). */
static bool send_answer(int fd, unsigned id, const struct buf *cgi)
{
	static const FCGI_EndRequestBody end = {.protocolStatus = FCGI_REQUEST_COMPLETE};
	struct buf out = {0};
	bool ok = true;
	size_t n;

	for (size_t at = 0; ok && at < cgi->len; at += n) {
		n = cgi->len - at < RECORD_CONTENT_MAX - 7 ? cgi->len - at : RECORD_CONTENT_MAX - 7;
		ok = record_add(&out, FCGI_STDOUT, id, cgi->data + at, n, -n % 8);
	}
	ok = ok && record_add(&out, FCGI_STDOUT, id, NULL, 0, 0) && record_add(&out, FCGI_END_REQUEST, id, &end, sizeof end, 0) &&
		send_records(fd, &out, clock_mono_us() + ANSWER_US);
	buf_free(&out);
	return ok;
}

/* ---- FastCGI */

/* Waits for the next request. False when the connection is to be closed. */
static bool wait_for_request(int fd, const atomic_bool *stopping, const atomic_uint *connections)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t begin = clock_mono_us(), waited;

	while (!atomic_load(stopping)) {
		if (poll(&p, 1, TICK_MS) > 0)
			return true;
		waited = (clock_mono_us() - begin) / 1000;
		if (waited > IDLE_MS || (waited > IDLE_CROWDED_MS && atomic_load(connections) > CROWD))
			return false;
	}
	return false;
}

static bool serve_call(struct page *p, struct input *in, struct request *r)
{
	struct page_conf *conf = page_conf_get(p);
	struct page_call call;
	struct buf out = {0};
	bool ok;

	in->deadline = clock_mono_us() + conf->conf->body_timeout * 1000;
	request_init(r, input_envp(in), input_body, in);
	page_serve(p, conf, r, &call);
	ok = page_print(&call, &out) && send_answer(in->fd, in->id, &out);
	page_call_free(&call);
	buf_free(&out);
	page_conf_put(p, conf);
	return ok;
}

/* Reads the rest of a body. False when there is more than SKIPPED_MAX. */
static bool skip_body(struct input *in, const struct request *r)
{
	char trash[16384];
	size_t got, sum = 0;
	enum read_result result = r->at_end ? READ_END : READ_DATA;

	while (result == READ_DATA && sum < SKIPPED_MAX) {
		result = input_body(in, trash, sizeof trash, &got);
		sum += result == READ_DATA ? got : 0;
	}
	return result == READ_END;
}

/* One request. False when the connection is to be closed. */
static bool serve_one(struct page *p, int fd, struct input *in, struct request *r)
{
	struct input_mode mode = {.may_wait = true, .deadline = clock_mono_us() + PARAMS_US};
	enum input_variables variables;
	size_t size;

	if (input_peek(fd, &size) == INPUT_MANAGEMENT)
		return fcgi_manage(fd, size, 0) == FCGI_NEXT_KEEP;
	variables = input_begin(in, fd, &mode) ? input_variables(in) : INPUT_VARIABLES_BROKEN;
	if (variables != INPUT_VARIABLES_OK)
		return false;
	return serve_call(p, in, r) && skip_body(in, r) && in->keep && input_is_taken(in);
}

void connection_serve(struct page *p, int fd, const atomic_bool *stopping, const atomic_uint *connections)
{
	struct input in = {0};
	struct request r = {0};

	while (wait_for_request(fd, stopping, connections) && serve_one(p, fd, &in, &r))
		;
	buf_free(&r.body);
	input_free(&in);
}

/* ---- CGI */

static enum read_result read_cgi_body(void *ctx, char *p, size_t n, size_t *got)
{
	const struct request *r = ctx;
	ssize_t k;

	if (r->length_known && n > r->length - r->body.len)
		n = r->length - r->body.len;
	if (n == 0)
		return READ_END;
	do
		k = read(STDIN_FILENO, p, n);
	while (k < 0 && errno == EINTR);
	*got = k > 0 ? (size_t)k : 0;
	return k > 0 ? READ_DATA : k == 0 ? READ_END : READ_BROKEN;
}

/* Apache's mod_cgid has one socket for both directions: the answer is lost when it is closed with input unread. */
static void drain_cgi(struct request *r)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	size_t left = r->length_known ? r->length - r->body.len : 0;
	char trash[4096];
	ssize_t n = 1;

	if (left > SKIPPED_MAX)
		left = SKIPPED_MAX;
	for (; left > 0 && n > 0 && poll(&p, 1, TICK_MS) > 0; left -= n > 0 ? (size_t)n : 0)
		n = read(STDIN_FILENO, trash, left < sizeof trash ? left : sizeof trash);
}

int connection_serve_cgi(struct page *p)
{
	struct page_conf *conf = page_conf_get(p);
	struct request r = {0};
	struct page_call call;
	struct buf out = {0};
	bool ok;

	request_init(&r, environ, read_cgi_body, &r);
	page_serve(p, conf, &r, &call);
	ok = page_print(&call, &out) && io_write_all(STDOUT_FILENO, out.data, out.len);
	if (!r.at_end)
		drain_cgi(&r);
	page_call_free(&call);
	buf_free(&out);
	buf_free(&r.body);
	page_conf_put(p, conf);
	return ok ? EX_OK : EX_IOERR;
}
