/* SPDX-License-Identifier: ISC */
/* One FastCGI request on a connection that the receiver accepted itself. */
#include "gate/fcgi.h"

#include <errno.h>
#include <fastcgi.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "gate/libfcgi.h"
#include "gate/probe.h"
#include "gate/record.h"
#include "hook/handle.h"
#include "hook/log_delivery.h"
#include "hook/respond.h"

enum {
	RAW_SIZE = 128 * 1024, /* what of a request is seen at once is also taken at once */
	KEPT_SIZE = 128 * 1024, /* what needed a larger buffer gives all its memory back */
};

struct fcgi {
	struct request request;
	struct delivery delivery;
	struct buf answer; /* as CGI */
	struct buf params; /* the pairs of the variables */
	struct buf out;    /* records that the receiver writes itself */
	struct libfcgi *libfcgi;
	struct fcgi_service how;
	bool probe; /* the request is one, and answer has what to say to it */
	int fd;
	int64_t deadline; /* of the variables, then of the body; clock_mono_us() */

	/* the records, from `at` to `n`: in `seen` for a complete request, in `own` for one that is still arriving */
	unsigned char *raw, *own;
	size_t at, n;
	size_t content, padding; /* left of the record that `at` is in */
	int type;                /* of that record */
	unsigned id, role;
	bool keep;
	bool ended; /* `at` is behind the request's last record */
};

/* What this thread saw or took last. */
static _Thread_local unsigned char seen[RAW_SIZE];

struct fcgi *fcgi_new(void)
{
	struct fcgi *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	f->libfcgi = libfcgi_new();
	if (f->libfcgi)
		return f;
	free(f);
	return NULL;
}

/* Frees what grows with a request. */
static void release(struct fcgi *f)
{
	handle_free(&f->delivery);
	buf_free(&f->request.body);
	buf_free(&f->answer);
	buf_free(&f->out);
	buf_free(&f->params);
}

void fcgi_free(struct fcgi *f)
{
	if (!f)
		return;
	release(f);
	libfcgi_free(f->libfcgi);
	free(f->own);
	free(f);
}

static bool try_again(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

enum fcgi_ready fcgi_peek(int fd, size_t *size)
{
	static const enum fcgi_ready ready[] = {
		[RECORD_SEEN_PARTIAL] = FCGI_READY_PARTIAL,
		[RECORD_SEEN_PARAMS] = FCGI_READY_PARAMS,
		[RECORD_SEEN_FULL] = FCGI_READY_FULL,
		[RECORD_SEEN_COMPLETE] = FCGI_READY_COMPLETE,
		[RECORD_SEEN_MANAGEMENT] = FCGI_READY_MANAGEMENT,
		[RECORD_SEEN_WRONG] = FCGI_READY_CLOSED,
	};
	ssize_t n = recv(fd, seen, sizeof seen, MSG_PEEK | MSG_DONTWAIT);

	if (n > 0)
		return ready[record_walk(seen, (size_t)n, size)];
	return try_again(n) ? FCGI_READY_EMPTY : FCGI_READY_CLOSED;
}

/* Adds what comes to the raw bytes; waits no longer than to the deadline, and not at all to refuse. */
static enum read_result refill(struct fcgi *f)
{
	struct pollfd p = {.fd = f->fd, .events = POLLIN};
	int64_t left = f->deadline - clock_mono_us();
	int wait_ms = f->how.refuse ? 0 : (int)((left + 999) / 1000);
	ssize_t k;

	if (f->how.complete)
		return READ_BROKEN; /* what fcgi_peek() saw was another request */
	memmove(f->raw, f->raw + f->at, f->n - f->at);
	f->n -= f->at;
	f->at = 0;
	if (left <= 0 || poll(&p, 1, wait_ms) == 0)
		return READ_TIMEOUT;
	k = recv(f->fd, f->raw + f->n, RAW_SIZE - f->n, MSG_DONTWAIT);
	if (k <= 0)
		return try_again(k) ? READ_DATA : READ_BROKEN;
	f->n += (size_t)k;
	return READ_DATA;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Passes what is left of the current record, and waits for a whole header. */
static enum read_result skip_record(struct fcgi *f, size_t behind)
{
	enum read_result r = READ_DATA;
	size_t skip;

	while (r == READ_DATA) {
		skip = least(f->content + f->padding, f->n - f->at);
		f->padding -= skip > f->content ? skip - f->content : 0;
		f->content -= least(skip, f->content);
		f->at += skip;
		if (f->content + f->padding == 0 && f->n - f->at >= behind)
			return READ_DATA;
		r = refill(f);
	}
	return r;
}

/* Goes on to the next record of this request, the first one gives its id. Any other record is broken. */
static enum read_result next_record(struct fcgi *f)
{
	enum read_result result = skip_record(f, RECORD_HEADER);
	struct record r;

	if (result != READ_DATA)
		return result;
	if (!record_read(f->raw + f->at, &r) || r.id == FCGI_NULL_REQUEST_ID || (f->id && r.id != f->id))
		return READ_BROKEN;
	f->id = r.id;
	f->type = r.type;
	f->content = r.content;
	f->padding = r.padding;
	f->at += RECORD_HEADER;
	return READ_DATA;
}

/* The part of the current record's content that is there, at least a byte. READ_END behind its last one. */
static enum read_result next_piece(struct fcgi *f, const unsigned char **p, size_t *n)
{
	enum read_result r = READ_DATA;

	if (f->content == 0)
		return READ_END;
	while (r == READ_DATA && f->at == f->n)
		r = refill(f);
	*p = f->raw + f->at;
	*n = least(f->content, f->n - f->at);
	return r;
}

static void pass(struct fcgi *f, size_t n)
{
	f->at += n;
	f->content -= n;
}

/* The request's last record: its padding belongs to it. A server that aborted has no use for the connection. */
static enum read_result end_request(struct fcgi *f, enum read_result result)
{
	f->ended = skip_record(f, 0) == READ_DATA;
	f->keep = f->keep && f->type != FCGI_ABORT_REQUEST;
	return result;
}

/* A body_reader. */
static enum read_result read_body(void *ctx, char *p, size_t n, size_t *got)
{
	struct fcgi *f = ctx;
	const unsigned char *piece;
	enum read_result r = READ_DATA;

	while (r == READ_DATA) {
		r = f->type == FCGI_STDIN ? next_piece(f, &piece, got) : READ_END;
		if (r == READ_DATA) {
			*got = least(*got, n);
			memcpy(p, piece, *got);
			pass(f, *got);
			return READ_DATA;
		}
		if (r == READ_END)
			r = next_record(f);
		if (r == READ_DATA && f->type == FCGI_ABORT_REQUEST)
			return end_request(f, READ_BROKEN);
		if (r == READ_DATA && f->type != FCGI_STDIN)
			r = READ_BROKEN;
		if (r == READ_DATA && f->content == 0)
			return end_request(f, READ_END);
	}
	return r;
}

enum params {
	PARAMS_OK,
	PARAMS_TOO_LARGE,
	PARAMS_ABORTED,
	PARAMS_OTHER_ROLE, /* not a responder's */
	PARAMS_BROKEN,     /* or too slow */
};

/* BEGIN_REQUEST, section 5.1. */
static enum read_result read_begin(struct fcgi *f)
{
	enum read_result r = next_record(f);

	if (r != READ_DATA)
		return r;
	if (f->type != FCGI_BEGIN_REQUEST || f->content != sizeof(FCGI_BeginRequestBody))
		return READ_BROKEN;
	while (r == READ_DATA && f->n - f->at < f->content)
		r = refill(f);
	if (r != READ_DATA)
		return r;
	f->role = (unsigned)f->raw[f->at] << 8 | f->raw[f->at + 1];
	f->keep = f->raw[f->at + 2] & FCGI_KEEP_CONN;
	return READ_DATA;
}

/* Adds the content of a PARAMS record. */
static enum read_result add_params(struct fcgi *f)
{
	const unsigned char *piece;
	enum read_result r;
	size_t n;

	while ((r = next_piece(f, &piece, &n)) == READ_DATA && f->params.len <= RECORD_PARAMS_MAX) {
		if (!buf_add(&f->params, piece, n))
			return READ_BROKEN;
		pass(f, n);
	}
	return r == READ_END ? READ_DATA : r;
}

static enum params read_params(struct fcgi *f)
{
	enum read_result r = read_begin(f);

	while (r == READ_DATA && (r = next_record(f)) == READ_DATA) {
		if (f->type == FCGI_ABORT_REQUEST) {
			end_request(f, READ_END);
			return PARAMS_ABORTED;
		}
		if (f->type != FCGI_PARAMS)
			return PARAMS_BROKEN;
		if (f->content == 0)
			return f->role == FCGI_RESPONDER ? PARAMS_OK : PARAMS_OTHER_ROLE;
		r = add_params(f);
		if (r == READ_DATA && f->params.len > RECORD_PARAMS_MAX)
			return PARAMS_TOO_LARGE;
	}
	return PARAMS_BROKEN;
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
static enum fcgi_next next_of(const struct fcgi *f)
{
	if (!f->how.complete && !(f->ended && f->at == f->n))
		return FCGI_NEXT_LINGER; /* closing now could lose the answer to a peer that still sends */
	return f->keep ? FCGI_NEXT_KEEP : FCGI_NEXT_CLOSED;
}

/* Ends a request without an answer (section 5.5). */
static enum fcgi_next end(struct fcgi *f, unsigned char status)
{
	const FCGI_EndRequestBody body = {.protocolStatus = status};

	return record_add(&f->out, FCGI_END_REQUEST, f->id, &body, sizeof body, 0) && send_out(f->fd, &f->out) ? next_of(f) : FCGI_NEXT_CLOSED;
}

enum fcgi_next fcgi_answer(struct fcgi *f)
{
	if (!f->probe) {
		f->answer.len = 0;
		if (!respond(&f->delivery, &f->answer))
			return FCGI_NEXT_CLOSED;
	}
	return libfcgi_answer(f->libfcgi, f->fd, &f->answer) ? next_of(f) : FCGI_NEXT_CLOSED;
}

/* The largest buffer of the request. */
static size_t memory(const struct fcgi *f)
{
	const struct buf *all[] = {&f->request.body, &f->answer, &f->params, &f->out};
	size_t most = handle_memory(&f->delivery);

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		most = all[i]->cap > most ? all[i]->cap : most;
	return most;
}

void fcgi_record(struct fcgi *f)
{
	log_delivery(&f->request, f->how.conf, f->how.spool, &f->delivery);
	libfcgi_close(f->libfcgi);
	if (memory(f) > KEPT_SIZE)
		release(f);
}

/* Takes what fcgi_peek() saw, or makes room for what comes. */
static bool begin(struct fcgi *f)
{
	ssize_t n = 0;

	f->at = f->n = f->content = f->padding = 0;
	f->id = 0;
	f->ended = false;
	f->params.len = f->out.len = 0;
	libfcgi_close(f->libfcgi);
	f->deadline = clock_mono_us() + f->how.conf->params_timeout * 1000;
	if (!f->how.complete && !f->own)
		f->own = malloc(RAW_SIZE);
	f->raw = f->how.complete ? seen : f->own;
	if (f->how.complete)
		n = recv(f->fd, seen, least(f->how.complete, sizeof seen), MSG_DONTWAIT);
	f->n = n > 0 ? (size_t)n : 0;
	return f->raw && n >= 0;
}

/* Hands the variables to libfcgi. What is cut off is enough to name the endpoint and the sender of a refused request. */
static bool take_variables(struct fcgi *f, enum params params)
{
	bool whole = record_add_variables(&f->out, f->id, (struct slice){f->params.data, f->params.len});

	if ((!whole && params != PARAMS_TOO_LARGE) || f->out.len == 0 || !libfcgi_open(f->libfcgi, &f->out))
		return false;
	request_init(&f->request, libfcgi_variables(f->libfcgi), read_body, f);
	f->deadline = clock_mono_us() + f->how.conf->body_timeout * 1000;
	return true;
}

enum fcgi_next fcgi_take(struct fcgi *f, int fd, const struct fcgi_service *how)
{
	enum params params;
	enum fcgi_next next;
	bool event = false;

	f->fd = fd;
	f->how = *how;
	params = begin(f) ? read_params(f) : PARAMS_BROKEN;
	if (params == PARAMS_BROKEN)
		return FCGI_NEXT_CLOSED;
	if (params == PARAMS_ABORTED)
		return end(f, FCGI_REQUEST_COMPLETE);
	if (params == PARAMS_OTHER_ROLE)
		return end(f, FCGI_UNKNOWN_ROLE);
	if (!take_variables(f, params))
		return FCGI_NEXT_CLOSED;
	f->probe = request_variable(&f->request, PROBE_VARIABLE) != NULL;
	if (f->probe) {
		f->answer.len = 0;
		probe_answer(how->spool, &f->answer);
		return fcgi_answer(f);
	}
	if (params == PARAMS_TOO_LARGE || how->refuse)
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

enum fcgi_next fcgi_manage(int fd, size_t size)
{
	struct buf out = {0};
	struct record r;
	bool ok;

	ok = recv(fd, seen, least(size, sizeof seen), MSG_DONTWAIT) == (ssize_t)size && record_read(seen, &r) &&
		record_manage(&r, seen + RECORD_HEADER, &out) && send_out(fd, &out);
	buf_free(&out);
	return ok ? FCGI_NEXT_KEEP : FCGI_NEXT_CLOSED;
}
