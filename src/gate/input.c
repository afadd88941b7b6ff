/* SPDX-License-Identifier: ISC */
/* What arrives on a FastCGI connection: the records of one request, its variables and its body. */
#include "gate/input.h"

#include <errno.h>
#include <fastcgi.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"
#include "gate/record.h"

/* The bytes that this thread saw or took last. */
static _Thread_local unsigned char seen[INPUT_MOST];

bool input_try_again(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

static enum input_ready ready_of(size_t n, size_t *size)
{
	static const enum input_ready ready[] = {
		[RECORD_SEEN_PARTIAL] = INPUT_PARTIAL,
		[RECORD_SEEN_PARAMS] = INPUT_PARAMS,
		[RECORD_SEEN_FULL] = INPUT_FULL,
		[RECORD_SEEN_COMPLETE] = INPUT_COMPLETE,
		[RECORD_SEEN_MANAGEMENT] = INPUT_MANAGEMENT,
		[RECORD_SEEN_WRONG] = INPUT_CLOSED,
	};

	return ready[record_walk(seen, n, size)];
}

/* Receives on fd behind the first `early` bytes. */
static enum input_ready receive_seen(int fd, size_t early, int how, size_t *size, size_t *n)
{
	ssize_t more = early < sizeof seen ? recv(fd, seen + early, sizeof seen - early, how | MSG_DONTWAIT) : 0;

	*n = early + (more > 0 ? (size_t)more : 0);
	if (*n)
		return ready_of(*n, size);
	return input_try_again(more) ? INPUT_EMPTY : INPUT_CLOSED;
}

enum input_ready input_look(int fd, struct slice early, size_t *size)
{
	size_t n;

	if (early.n)
		memcpy(seen, early.p, early.n);
	return receive_seen(fd, early.n, MSG_PEEK, size, &n);
}

enum input_ready input_peek(int fd, size_t *size)
{
	return input_look(fd, (struct slice){0}, size);
}

enum input_ready input_take(int fd, size_t *size, size_t *taken)
{
	return receive_seen(fd, 0, 0, size, taken);
}

struct slice input_taken(size_t from, size_t taken)
{
	return (struct slice){(const char *)seen + from, taken > from ? taken - from : 0};
}

/* Receives more bytes. Waits until the deadline, or not at all. */
static enum read_result refill(struct input *in)
{
	struct pollfd p = {.fd = in->fd, .events = POLLIN};
	int64_t left = in->deadline - clock_mono_us();
	int wait_ms = in->may_wait ? (int)((left + 999) / 1000) : 0;
	ssize_t k;

	if (in->complete)
		return READ_BROKEN; /* what input_peek() saw was another request */
	memmove(in->raw, in->raw + in->at, in->n - in->at);
	in->n -= in->at;
	in->at = 0;
	if (left <= 0 || poll(&p, 1, wait_ms) == 0)
		return READ_TIMEOUT;
	k = recv(in->fd, in->raw + in->n, INPUT_MOST - in->n, MSG_DONTWAIT);
	if (k <= 0)
		return input_try_again(k) ? READ_DATA : READ_BROKEN;
	in->n += (size_t)k;
	return READ_DATA;
}

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Skips the rest of the current record, and waits until `behind` bytes follow it. */
static enum read_result skip_record(struct input *in, size_t behind)
{
	enum read_result r = READ_DATA;
	size_t skip;

	while (r == READ_DATA) {
		skip = smaller(in->content + in->padding, in->n - in->at);
		in->padding -= skip > in->content ? skip - in->content : 0;
		in->content -= smaller(skip, in->content);
		in->at += skip;
		if (in->content + in->padding == 0 && in->n - in->at >= behind)
			return READ_DATA;
		r = refill(in);
	}
	return r;
}

/* Begins with the next record of this request. The first record gives the request's id. READ_BROKEN for a record with another. */
static enum read_result next_record(struct input *in)
{
	enum read_result result = skip_record(in, RECORD_HEADER);
	struct record r;

	if (result != READ_DATA)
		return result;
	if (!record_read(in->raw + in->at, &r) || r.id == FCGI_NULL_REQUEST_ID || (in->id && r.id != in->id))
		return READ_BROKEN;
	in->id = r.id;
	in->type = r.type;
	in->content = r.content;
	in->padding = r.padding;
	in->at += RECORD_HEADER;
	return READ_DATA;
}

/* The content of the current record that has arrived, at least a byte. READ_END at the end of the content. */
static enum read_result next_piece(struct input *in, const unsigned char **p, size_t *n)
{
	enum read_result r = READ_DATA;

	if (in->content == 0)
		return READ_END;
	while (r == READ_DATA && in->at == in->n)
		r = refill(in);
	*p = in->raw + in->at;
	*n = smaller(in->content, in->n - in->at);
	return r;
}

static void pass_content(struct input *in, size_t n)
{
	in->at += n;
	in->content -= n;
}

/* Skips the padding of the request's last record. A web server that aborted a request does not use the connection again. */
static enum read_result end_request(struct input *in, enum read_result result)
{
	in->ended = skip_record(in, 0) == READ_DATA;
	in->keep = in->keep && in->type != FCGI_ABORT_REQUEST;
	return result;
}

enum read_result input_body(void *ctx, char *p, size_t n, size_t *got)
{
	struct input *in = ctx;
	const unsigned char *piece;
	enum read_result r = READ_DATA;

	while (r == READ_DATA) {
		r = in->type == FCGI_STDIN ? next_piece(in, &piece, got) : READ_END;
		if (r == READ_DATA) {
			*got = smaller(*got, n);
			memcpy(p, piece, *got);
			pass_content(in, *got);
			return READ_DATA;
		}
		if (r == READ_END)
			r = next_record(in);
		if (r == READ_DATA && in->type == FCGI_ABORT_REQUEST)
			return end_request(in, READ_BROKEN);
		if (r == READ_DATA && in->type != FCGI_STDIN)
			r = READ_BROKEN;
		if (r == READ_DATA && in->content == 0)
			return end_request(in, READ_END);
	}
	return r;
}

/* BEGIN_REQUEST, section 5.1. */
static enum read_result read_begin(struct input *in)
{
	enum read_result r = next_record(in);

	if (r != READ_DATA)
		return r;
	if (in->type != FCGI_BEGIN_REQUEST || in->content != sizeof(FCGI_BeginRequestBody))
		return READ_BROKEN;
	while (r == READ_DATA && in->n - in->at < in->content)
		r = refill(in);
	if (r != READ_DATA)
		return r;
	in->role = (unsigned)in->raw[in->at] << 8 | in->raw[in->at + 1];
	in->keep = in->raw[in->at + 2] & FCGI_KEEP_CONN;
	return READ_DATA;
}

/* Adds the content of a PARAMS record. */
static enum read_result add_pairs(struct input *in)
{
	const unsigned char *piece;
	enum read_result r;
	size_t n;

	while ((r = next_piece(in, &piece, &n)) == READ_DATA && in->pairs.len <= RECORD_PARAMS_MAX) {
		if (!buf_add(&in->pairs, piece, n))
			return READ_BROKEN;
		pass_content(in, n);
	}
	return r == READ_END ? READ_DATA : r;
}

static enum input_variables read_pairs(struct input *in)
{
	enum read_result r = read_begin(in);

	while (r == READ_DATA && (r = next_record(in)) == READ_DATA) {
		if (in->type == FCGI_ABORT_REQUEST) {
			end_request(in, READ_END);
			return INPUT_VARIABLES_ABORTED;
		}
		if (in->type != FCGI_PARAMS)
			return INPUT_VARIABLES_BROKEN;
		if (in->content == 0)
			return in->role == FCGI_RESPONDER ? INPUT_VARIABLES_OK : INPUT_VARIABLES_OTHER_ROLE;
		r = add_pairs(in);
		if (r == READ_DATA && in->pairs.len > RECORD_PARAMS_MAX)
			return INPUT_VARIABLES_TOO_LARGE;
	}
	return INPUT_VARIABLES_BROKEN;
}

/* Receives what is not taken yet of a request that has come whole. */
static bool take_rest(int fd, const struct input_mode *mode)
{
	return mode->taken >= mode->complete ||
		recv(fd, seen + mode->taken, mode->complete - mode->taken, MSG_DONTWAIT) == (ssize_t)(mode->complete - mode->taken);
}

/* Gives a request that is still arriving a buffer of its own. */
static bool begin_own(struct input *in, struct slice early)
{
	if (!in->own)
		in->own = malloc(INPUT_MOST);
	if (!in->own)
		return false;
	if (early.n)
		memcpy(in->own, early.p, early.n);
	in->n = early.n;
	return true;
}

bool input_begin(struct input *in, int fd, const struct input_mode *mode)
{
	in->fd = fd;
	in->complete = mode->complete;
	in->may_wait = mode->may_wait;
	in->deadline = mode->deadline;
	in->at = in->n = in->content = in->padding = 0;
	in->id = 0;
	in->ended = false;
	in->pairs.len = 0;
	if (in->complete ? !take_rest(fd, mode) : !begin_own(in, mode->early))
		return false;
	in->raw = in->complete ? seen : in->own;
	in->n = in->complete ? in->complete : in->n;
	return true;
}

/* Of variables that are too large the first ones are enough to name the endpoint and the sender in the log. */
enum input_variables input_variables(struct input *in)
{
	enum input_variables result = read_pairs(in);
	size_t most = (in->pairs.len / RECORD_PAIR_MIN + 1) * sizeof(char *);
	bool whole;

	if (result != INPUT_VARIABLES_OK && result != INPUT_VARIABLES_TOO_LARGE)
		return result;
	in->envp.len = 0;
	if (!buf_reserve(&in->pairs, 1) || !buf_reserve(&in->envp, most))
		return INPUT_VARIABLES_BROKEN;
	whole = record_variables(in->pairs.data, in->pairs.len, input_envp(in));
	return whole || result == INPUT_VARIABLES_TOO_LARGE ? result : INPUT_VARIABLES_BROKEN;
}

char **input_envp(const struct input *in)
{
	return (char **)(void *)in->envp.data;
}

bool input_is_taken(const struct input *in)
{
	return in->complete || (in->ended && in->at == in->n);
}

size_t input_memory(const struct input *in)
{
	return in->pairs.cap + in->envp.cap + (in->own ? INPUT_MOST : 0);
}

void input_release(struct input *in)
{
	buf_free(&in->pairs);
	buf_free(&in->envp);
}

void input_free(struct input *in)
{
	input_release(in);
	free(in->own);
}
