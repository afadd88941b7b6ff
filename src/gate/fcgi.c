/* SPDX-License-Identifier: ISC */
/* One FastCGI request on a connection that the receiver accepted itself. */
#include "gate/fcgi.h"

#include <errno.h>
#include <fastcgi.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "gate/deadline.h"
#include "gate/health.h"
#include "gate/input.h"
#include "gate/libfcgi.h"
#include "gate/probe.h"
#include "gate/record.h"
#include "hook/handle.h"
#include "hook/log_delivery.h"
#include "hook/respond.h"

enum { KEPT_SIZE = 128 * 1024 }; /* a request that needed a larger buffer gives all its memory back */

struct fcgi {
	struct input input;
	struct request request;
	struct delivery delivery;
	struct buf answer; /* as CGI */
	struct fcgi_service how;
	bool probe; /* the request is one, or asks for the health: `answer` has the answer to it */
};

struct fcgi *fcgi_new(void)
{
	return calloc(1, sizeof(struct fcgi));
}

/* Frees what grows with a request. */
static void release_buffers(struct fcgi *f)
{
	handle_free(&f->delivery);
	buf_free(&f->request.body);
	buf_free(&f->answer);
	input_release(&f->input);
}

void fcgi_free(struct fcgi *f)
{
	if (!f)
		return;
	release_buffers(f);
	input_free(&f->input);
	free(f);
}

/* False: the peer is gone, or reads no answers. Waiting for that would hold up all others. */
static bool send_out(int fd, const struct buf *out)
{
	ssize_t n;

	do
		n = send(fd, out->data, out->len, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)out->len;
}

/* What becomes of the connection of a request that is answered. */
static enum fcgi_next next_of(const struct input *in)
{
	if (!input_is_taken(in))
		return FCGI_NEXT_LINGER; /* closing now could lose the answer to a peer that still sends */
	return in->keep ? FCGI_NEXT_KEEP : FCGI_NEXT_CLOSED;
}

/* Ends a request without an answer (section 5.5). */
static enum fcgi_next end_unanswered(const struct input *in, unsigned char status)
{
	const FCGI_EndRequestBody body = {.protocolStatus = status};
	struct buf out = {0};
	bool ok = record_add(&out, FCGI_END_REQUEST, in->id, &body, sizeof body, 0) && send_out(in->fd, &out);

	buf_free(&out);
	return ok ? next_of(in) : FCGI_NEXT_CLOSED;
}

enum fcgi_next fcgi_answer(struct fcgi *f)
{
	if (!f->probe) {
		f->answer.len = 0;
		if (!respond(&f->delivery, &f->answer))
			return FCGI_NEXT_CLOSED;
	}
	return libfcgi_answer(f->input.fd, f->input.id, &f->answer) ? next_of(&f->input) : FCGI_NEXT_CLOSED;
}

/* The largest buffer of the request. */
static size_t largest_buffer(const struct fcgi *f)
{
	const struct buf *all[] = {&f->request.body, &f->answer, &f->input.pairs, &f->input.envp};
	size_t most = handle_memory(&f->delivery);

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		most = all[i]->cap > most ? all[i]->cap : most;
	return most;
}

size_t fcgi_held(const struct fcgi *f)
{
	return f->request.body.cap + f->answer.cap + input_memory(&f->input) + handle_memory(&f->delivery);
}

void fcgi_record(struct fcgi *f)
{
	log_delivery(&f->request, f->how.conf, f->how.spool, &f->delivery);
	if (largest_buffer(f) > KEPT_SIZE)
		release_buffers(f);
}

/* Of the body, and of all up to the answer. */
static void set_deadlines(struct fcgi *f)
{
	int64_t now = clock_mono_us();

	f->input.deadline = now + f->how.conf->body_timeout * 1000;
	f->delivery.answer_by = deadline_answer_by(f->how.conf, f->how.since ? f->how.since : now);
	if (f->input.deadline > f->delivery.answer_by)
		f->input.deadline = f->delivery.answer_by;
}

enum fcgi_next fcgi_take(struct fcgi *f, int fd, const struct fcgi_service *how)
{
	struct input_mode mode = {.complete = how->complete, .taken = how->taken, .early = how->early, .may_wait = !how->refuse,
		.deadline = clock_mono_us() + how->conf->params_timeout * 1000};
	enum input_variables variables;
	enum fcgi_next next;
	bool event = false;

	f->how = *how;
	variables = input_begin(&f->input, fd, &mode) ? input_variables(&f->input) : INPUT_VARIABLES_BROKEN;
	if (variables == INPUT_VARIABLES_BROKEN)
		return FCGI_NEXT_CLOSED;
	if (variables == INPUT_VARIABLES_ABORTED)
		return end_unanswered(&f->input, FCGI_REQUEST_COMPLETE);
	if (variables == INPUT_VARIABLES_OTHER_ROLE)
		return end_unanswered(&f->input, FCGI_UNKNOWN_ROLE);
	request_init(&f->request, input_envp(&f->input), input_body, &f->input);
	set_deadlines(f);
	f->probe = request_variable(&f->request, PROBE_VARIABLE) != NULL;
	if (f->probe || health_asked(&f->request, how->conf)) {
		f->answer.len = 0;
		(f->probe ? probe_answer : health_answer)(how->spool, &f->answer);
		f->probe = true;
		return fcgi_answer(f);
	}
	if (variables == INPUT_VARIABLES_TOO_LARGE || how->refuse)
		handle_refuse(&f->request, how->conf, how->refuse ? OUTCOME_BUSY : OUTCOME_HEADER_TOO_LARGE, &f->delivery);
	else
		event = handle(&f->request, how->conf, &f->delivery);
	if (event)
		return FCGI_NEXT_STORE;
	next = fcgi_answer(f);
	fcgi_record(f);
	return next;
}

void fcgi_store(struct fcgi *const *f, size_t n)
{
	struct delivery *d[FCGI_BATCH];

	for (size_t i = 0; i < n; i++)
		d[i] = &f[i]->delivery;
	handle_store(f[0]->how.spool, d, n);
}

struct delivery *fcgi_delivery(struct fcgi *f)
{
	return &f->delivery;
}

enum fcgi_next fcgi_manage(int fd, size_t size, size_t taken)
{
	unsigned char bytes[RECORD_SIZE_MAX];
	struct slice there = input_taken(0, taken < size ? taken : size);
	struct buf out = {0};
	struct record r;
	bool ok = size <= sizeof bytes;

	if (ok && there.n)
		memcpy(bytes, there.p, there.n);
	ok = ok && (there.n == size || recv(fd, bytes + there.n, size - there.n, MSG_DONTWAIT) == (ssize_t)(size - there.n)) &&
		record_read(bytes, &r) && record_manage(&r, bytes + RECORD_HEADER, &out) && send_out(fd, &out);

	buf_free(&out);
	return ok ? FCGI_NEXT_KEEP : FCGI_NEXT_CLOSED;
}
