/* One FastCGI request on a connection that we accepted ourselves. */
#define _GNU_SOURCE /* memfd_create */
#include "gate/fcgi.h"

#include <errno.h>
#include <fcgiapp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "hook/handle.h"

/* FastCGI 1.0, section 8 */
enum { HEADER_SIZE = 8, FCGI_VERSION = 1, TYPE_BEGIN = 1, TYPE_PARAMS = 4, TYPE_STDIN = 5 };

enum {
	PEEK_SIZE = 128 * 1024,
	RAW_SIZE = PEEK_SIZE, /* what of a request is seen at once is also taken at once */
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

	/* a request that is still arriving */
	unsigned char *raw;  /* its records, from `at` to `n`; NULL until the first such request */
	size_t at, n;
	size_t content, padding; /* left of the record that `at` is in */
	int id;
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
	free(f->raw);
	free(f);
}

/*
 * Walks the records (section 3.3), and tells where those of the variables end, if they do. Only one
 * request's records pass, in their order: a management record, id 0, would reach a stack overflow in
 * libfcgi, another request's would have it wait for more, and no server sends either.
 */
static enum fcgi_ready walk(const unsigned char *p, size_t n, size_t *params_end)
{
	enum fcgi_ready seen = FCGI_READY_PARTIAL;
	size_t at = 0, content;

	while (n - at >= HEADER_SIZE) {
		const unsigned char *h = p + at;

		if (h[0] != FCGI_VERSION || (h[2] == 0 && h[3] == 0) || h[2] != p[2] || h[3] != p[3])
			return FCGI_READY_CLOSED;
		if (h[1] != (at == 0 ? TYPE_BEGIN : seen == FCGI_READY_PARTIAL ? TYPE_PARAMS : TYPE_STDIN))
			return FCGI_READY_CLOSED;
		content = (size_t)h[4] << 8 | h[5];
		if (h[1] == TYPE_STDIN && content == 0)
			return FCGI_READY_COMPLETE;
		content += HEADER_SIZE + h[6];
		if (content > n - at)
			break;
		at += content;
		if (h[1] == TYPE_PARAMS && content == HEADER_SIZE + (size_t)h[6]) {
			seen = FCGI_READY_PARAMS;
			*params_end = at;
		}
	}
	return n >= FULL_SIZE && seen == FCGI_READY_PARAMS ? FCGI_READY_FULL : seen;
}

enum fcgi_ready fcgi_peek(int fd)
{
	static _Thread_local unsigned char seen[PEEK_SIZE];
	ssize_t n = recv(fd, seen, sizeof seen, MSG_PEEK | MSG_DONTWAIT);
	size_t params_end;

	if (n > 0)
		return walk(seen, (size_t)n, &params_end);
	return n < 0 && (errno == EAGAIN || errno == EINTR) ? FCGI_READY_EMPTY : FCGI_READY_CLOSED;
}

/*
 * A body_reader for a request that is all there. FCGX_GetStr(n) would loop over reads until it has
 * n; FCGX_GetChar() refills the stream's buffer with one read, and only what is then there is taken.
 */
static enum read_result read_complete(void *ctx, char *p, size_t n, size_t *got)
{
	struct fcgi *f = ctx;
	FCGX_Stream *in = f->fcgx.in;
	size_t there;
	int c = FCGX_GetChar(in);

	if (c == EOF)
		return FCGX_GetError(in) == 0 ? READ_END : READ_BROKEN;
	p[0] = (char)c;
	there = (size_t)(in->stop - in->rdNext);
	if (there > n - 1)
		there = n - 1;
	*got = 1 + (size_t)FCGX_GetStr(p + 1, (int)there, in);
	return READ_DATA;
}

/* Adds what comes to the raw bytes; waits no longer than to the body's deadline. */
static enum read_result refill(struct fcgi *f)
{
	struct pollfd p = {.fd = f->fd, .events = POLLIN};
	int64_t left = f->deadline - clock_mono_us();
	ssize_t k;

	memmove(f->raw, f->raw + f->at, f->n - f->at);
	f->n -= f->at;
	f->at = 0;
	if (left <= 0 || poll(&p, 1, (int)((left + 999) / 1000)) == 0)
		return READ_TIMEOUT;
	k = recv(f->fd, f->raw + f->n, RAW_SIZE - f->n, MSG_DONTWAIT);
	if (k <= 0)
		return k < 0 && (errno == EAGAIN || errno == EINTR) ? READ_DATA : READ_BROKEN;
	f->n += (size_t)k;
	return READ_DATA;
}

/* Takes the next record's header from the raw bytes. */
static enum read_result next_record(struct fcgi *f)
{
	const unsigned char *h = f->raw + f->at;

	if (h[0] != FCGI_VERSION || h[1] != TYPE_STDIN || (h[2] << 8 | h[3]) != f->id)
		return READ_BROKEN;
	f->content = (size_t)h[4] << 8 | h[5];
	f->padding = h[6];
	f->at += HEADER_SIZE;
	return f->content ? READ_DATA : READ_END;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * A body_reader for a request that is still arriving. libfcgi must not read it: what has not been
 * seen by walk() may be a management record.
 */
static enum read_result read_arriving(void *ctx, char *p, size_t n, size_t *got)
{
	struct fcgi *f = ctx;
	enum read_result r = READ_DATA;
	size_t skip;

	while (r == READ_DATA) {
		if (f->content && f->at < f->n) {
			*got = least(n, least(f->content, f->n - f->at));
			memcpy(p, f->raw + f->at, *got);
			f->at += *got;
			f->content -= *got;
			return READ_DATA;
		}
		skip = least(f->content ? 0 : f->padding, f->n - f->at);
		f->padding -= skip;
		f->at += skip;
		r = f->content || f->padding || f->n - f->at < HEADER_SIZE ? refill(f) : next_record(f);
	}
	return r;
}

/* What is left of a complete request costs no waiting to read, and saves the connection. */
static bool drain(struct fcgi *f)
{
	char trash[4096];
	size_t got;
	enum read_result r = READ_DATA;

	while (r == READ_DATA)
		r = read_complete(f, trash, sizeof trash, &got);
	return r == READ_END;
}

enum fcgi_next fcgi_answer(struct fcgi *f)
{
	FCGX_Request *x = &f->fcgx;
	bool keep, at_end;

	f->answer.len = 0;
	handle_answer(&f->delivery, &f->answer);
	FCGX_PutStr(f->answer.data, (int)f->answer.len, x->out);
	if (f->how.complete)
		at_end = f->request.at_end || (FCGX_GetError(x->in) == 0 && drain(f));
	else
		at_end = f->request.at_end && f->at == f->n && f->padding == 0;
	keep = x->keepConnection != 0;
	if (!at_end)
		x->keepConnection = 1; /* libfcgi must not close: the answer would be lost to a peer still sending */
	FCGX_Finish_r(x);
	if (x->ipcFd < 0)
		return FCGI_NEXT_CLOSED;
	return keep && at_end ? FCGI_NEXT_KEEP : FCGI_NEXT_LINGER;
}

void fcgi_record(const struct fcgi *f)
{
	handle_record(&f->request, f->how.conf, f->how.spool, &f->delivery);
}

/* Lets libfcgi read the variables from fd. On failure it has closed that. */
static bool parse_from(struct fcgi *f, int fd)
{
	FCGX_Request *x = &f->fcgx;

	FCGX_InitRequest(x, -1, FCGI_FAIL_ACCEPT_ON_INTR);
	x->ipcFd = fd;
	x->keepConnection = 1;
	return FCGX_Accept_r(x) == 0;
}

/* Takes what has come, and shows libfcgi only the variables of it, as a file. On failure fd is closed. */
static bool parse_arriving(struct fcgi *f)
{
	int file = memfd_create("params", MFD_CLOEXEC);
	size_t params = 0;
	bool ready;
	ssize_t n;

	if (!f->raw)
		f->raw = malloc(RAW_SIZE);
	n = f->raw ? recv(f->fd, f->raw, RAW_SIZE, MSG_DONTWAIT) : -1;
	f->n = n > 0 ? (size_t)n : 0;
	f->content = f->padding = 0;
	walk(f->raw, f->n, &params);
	ready = file >= 0 && params && io_write_all(file, f->raw, params) && lseek(file, 0, SEEK_SET) == 0;
	if (ready && parse_from(f, file)) {
		f->at = params;
		f->id = f->raw[2] << 8 | f->raw[3];
		f->fcgx.ipcFd = f->fd;
		close(file);
		return true;
	}
	if (!ready && file >= 0)
		close(file);
	close(f->fd);
	return false;
}

enum fcgi_next fcgi_take(struct fcgi *f, int fd, const struct fcgi_service *how)
{
	FCGX_Request *x = &f->fcgx;
	enum fcgi_next next;
	bool event = false;

	f->fd = fd;
	f->how = *how;
	f->deadline = clock_mono_us() + how->conf->body_timeout * 1000;
	if (!(how->complete ? parse_from(f, fd) : parse_arriving(f)))
		return FCGI_NEXT_CLOSED;
	request_init(&f->request, x->envp, how->complete ? read_complete : read_arriving, f);
	if (how->refuse)
		handle_refuse(&f->request, how->conf, OUTCOME_BUSY, &f->delivery);
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
