/* One FastCGI request on a connection that we accepted ourselves. */
#include "gate/fcgi.h"

#include <errno.h>
#include <fcgiapp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "core/clock.h"
#include "hook/handle.h"

/* FastCGI 1.0, section 8 */
enum { HEADER_SIZE = 8, FCGI_VERSION = 1, TYPE_BEGIN = 1, TYPE_ABORT = 2, TYPE_PARAMS = 4, TYPE_STDIN = 5 };

enum {
	PEEK_SIZE = 128 * 1024,
	FULL_SIZE = 32 * 1024, /* a peer that writes in small pieces may fill the socket's buffer with so much */
};

struct fcgi {
	FCGX_Request fcgx;
	struct request request;
	struct delivery delivery;
	struct buf answer;
	struct fcgi_service how;
	int fd;
	int64_t deadline; /* of the body, clock_mono_us() */
};

bool fcgi_init(void)
{
	/* libfcgi waits up to 2 s for the peer when it closes; we linger without holding a thread */
	return setenv("LIBFCGI_OS_CLOSE_POLL_TIMEOUT", "0", 1) == 0 && FCGX_Init() == 0;
}

struct fcgi *fcgi_new(void)
{
	return calloc(1, sizeof(struct fcgi));
}

void fcgi_free(struct fcgi *f)
{
	if (!f)
		return;
	handle_free(&f->delivery);
	buf_free(&f->request.body);
	buf_free(&f->answer);
	free(f);
}

/*
 * Walks the records (section 3.3). Only the types of a request pass: a management record, id 0,
 * would reach a stack overflow in libfcgi and no server sends one.
 */
static enum fcgi_ready walk(const unsigned char *p, size_t n)
{
	enum fcgi_ready seen = FCGI_READY_PARTIAL;
	size_t at = 0, content;

	while (n - at >= HEADER_SIZE) {
		const unsigned char *h = p + at;

		if (h[0] != FCGI_VERSION || (h[2] == 0 && h[3] == 0) || (at == 0 && h[1] != TYPE_BEGIN))
			return FCGI_READY_CLOSED;
		if (h[1] != TYPE_BEGIN && h[1] != TYPE_ABORT && h[1] != TYPE_PARAMS && h[1] != TYPE_STDIN)
			return FCGI_READY_CLOSED;
		content = (size_t)h[4] << 8 | h[5];
		if (h[1] == TYPE_PARAMS && content == 0)
			seen = FCGI_READY_PARAMS;
		if (h[1] == TYPE_ABORT || (h[1] == TYPE_STDIN && content == 0))
			return FCGI_READY_COMPLETE;
		content += HEADER_SIZE + h[6];
		if (content > n - at)
			break;
		at += content;
	}
	return n >= FULL_SIZE && seen == FCGI_READY_PARAMS ? FCGI_READY_FULL : seen;
}

enum fcgi_ready fcgi_peek(int fd)
{
	static _Thread_local unsigned char seen[PEEK_SIZE];
	ssize_t n = recv(fd, seen, sizeof seen, MSG_PEEK | MSG_DONTWAIT);

	if (n > 0)
		return walk(seen, (size_t)n);
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? FCGI_READY_EMPTY : FCGI_READY_CLOSED;
}

/* Lets the next read wait no longer than to the body's deadline. False when that has passed. */
static bool set_wait(const struct fcgi *f)
{
	int64_t left = f->deadline - clock_mono_us();
	struct timeval tv = {left / 1000000, left % 1000000};

	return left > 0 && setsockopt(f->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0;
}

/*
 * A body_reader. FCGX_GetStr(n) would loop over reads until it has n; FCGX_GetChar() refills the
 * stream's buffer with one read, and only what is then there is taken.
 */
static enum read_result read_body(void *ctx, char *p, size_t n, size_t *got)
{
	struct fcgi *f = ctx;
	FCGX_Stream *in = f->fcgx.in;
	size_t there;
	int c;

	if (in->rdNext == in->stop && !f->how.complete && !set_wait(f))
		return READ_TIMEOUT;
	c = FCGX_GetChar(in);
	if (c == EOF) {
		if (FCGX_GetError(in) == 0)
			return READ_END;
		return FCGX_GetError(in) == EAGAIN ? READ_TIMEOUT : READ_BROKEN; /* SO_RCVTIMEO, socket(7) */
	}
	p[0] = (char)c;
	there = (size_t)(in->stop - in->rdNext);
	if (there > n - 1)
		there = n - 1;
	*got = 1 + (size_t)FCGX_GetStr(p + 1, (int)there, in);
	return READ_DATA;
}

/* What is left of a complete request costs no waiting to read, and saves the connection. */
static bool drain(struct fcgi *f)
{
	char trash[4096];
	size_t got;
	enum read_result r = READ_DATA;

	while (r == READ_DATA)
		r = read_body(f, trash, sizeof trash, &got);
	return r == READ_END;
}

enum fcgi_next fcgi_answer(struct fcgi *f)
{
	FCGX_Request *x = &f->fcgx;
	bool keep, at_end;

	f->answer.len = 0;
	handle_answer(&f->delivery, &f->answer);
	FCGX_PutStr(f->answer.data, (int)f->answer.len, x->out);
	at_end = f->request.at_end || (f->how.complete && FCGX_GetError(x->in) == 0 && drain(f));
	keep = x->keepConnection != 0;
	if (!at_end)
		x->keepConnection = 1; /* libfcgi must not close: the answer would be lost to a peer still sending */
	FCGX_Finish_r(x);
	handle_record(&f->request, f->how.conf, f->how.spool, &f->delivery);
	if (x->ipcFd < 0)
		return FCGI_NEXT_CLOSED;
	return keep && at_end ? FCGI_NEXT_KEEP : FCGI_NEXT_LINGER;
}

enum fcgi_next fcgi_take(struct fcgi *f, int fd, const struct fcgi_service *how)
{
	FCGX_Request *x = &f->fcgx;
	bool event = false;

	FCGX_InitRequest(x, -1, FCGI_FAIL_ACCEPT_ON_INTR);
	x->ipcFd = fd;
	x->keepConnection = 1;
	if (FCGX_Accept_r(x) != 0)
		return FCGI_NEXT_CLOSED;

	f->fd = fd;
	f->how = *how;
	f->deadline = clock_mono_us() + how->conf->body_timeout * 1000;
	request_init(&f->request, x->envp, read_body, f);
	if (how->refuse)
		handle_refuse(&f->request, how->conf, OUTCOME_BUSY, &f->delivery);
	else
		event = handle(&f->request, how->conf, &f->delivery);
	return event ? FCGI_NEXT_STORE : fcgi_answer(f);
}

void fcgi_store(struct fcgi *const *f, size_t n)
{
	struct delivery *d[FCGI_BATCH];

	for (size_t i = 0; i < n; i++)
		d[i] = &f[i]->delivery;
	handle_store(f[0]->how.spool, d, n);
}
