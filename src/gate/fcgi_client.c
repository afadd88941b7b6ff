/* SPDX-License-Identifier: ISC */
/* A client of FastCGI for one small request: hookspool's own programs ask a receiver by it. */
#include "gate/fcgi_client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "core/clock.h"

/* FastCGI 1.0, section 8 */
enum { HEADER = 8, FCGI_1 = 1, TYPE_BEGIN = 1, TYPE_END = 3, TYPE_PARAMS = 4, TYPE_STDIN = 5, TYPE_STDOUT = 6, ROLE_RESPONDER = 1 };

enum { CONTENT_MAX = 0xFFFF, ANSWER_MOST = 4096 };

static bool add_record(struct buf *b, unsigned char type, const char *content, size_t n)
{
	const unsigned char header[HEADER] = {FCGI_1, type, 0, 1, (unsigned char)(n >> 8), (unsigned char)n};

	return buf_add(b, header, sizeof header) && (n == 0 || buf_add(b, content, n));
}

/* A length is a byte, or four with the highest bit set (section 3.4). */
static bool add_length(struct buf *b, size_t n)
{
	const unsigned char four[] = {(unsigned char)(n >> 24 | 0x80), (unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n};

	return n < 0x80 ? buf_add(b, four + 3, 1) : buf_add(b, four, 4);
}

bool fcgi_client_variable(struct buf *variables, const char *name, const char *value)
{
	return add_length(variables, strlen(name)) && add_length(variables, strlen(value)) && buf_add_text(variables, name) &&
		buf_add_text(variables, value);
}

static bool send_request(int fd, struct slice variables, struct slice body)
{
	static const char begin[8] = {0, ROLE_RESPONDER};
	struct buf all = {0};
	bool ok = variables.n <= CONTENT_MAX && body.n <= CONTENT_MAX && add_record(&all, TYPE_BEGIN, begin, sizeof begin) &&
		add_record(&all, TYPE_PARAMS, variables.p, variables.n) && add_record(&all, TYPE_PARAMS, "", 0) &&
		(body.n == 0 || add_record(&all, TYPE_STDIN, body.p, body.n)) && add_record(&all, TYPE_STDIN, "", 0);

	ok = ok && send(fd, all.data, all.len, MSG_NOSIGNAL) == (ssize_t)all.len; /* less than any socket's buffer */
	buf_free(&all);
	return ok;
}

/* Gathers standard output from the records that have come. True at the end of the request. */
static bool take_records(struct buf *in, struct buf *out)
{
	const unsigned char *h;
	size_t at = 0, content, whole;
	bool ended = false;

	while (!ended && in->len - at >= HEADER) {
		h = (const unsigned char *)in->data + at;
		content = (size_t)h[4] << 8 | h[5];
		whole = HEADER + content + h[6];
		if (whole > in->len - at)
			break;
		if (h[1] == TYPE_STDOUT)
			buf_add(out, h + HEADER, content);
		ended = h[1] == TYPE_END;
		at += whole;
	}
	if (at > 0)
		memmove(in->data, in->data + at, in->len - at);
	in->len -= at;
	return ended;
}

static enum fcgi_client_end receive(int fd, int64_t end, struct buf *in, struct buf *out)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t left;
	ssize_t n;

	do {
		left = end - clock_mono_us();
		if (left <= 0 || in->len + out->len > ANSWER_MOST)
			return left <= 0 ? FCGI_CLIENT_SILENT : FCGI_CLIENT_OTHER;
		if (poll(&p, 1, (int)((left + 999) / 1000)) <= 0)
			continue;
		n = buf_reserve(in, ANSWER_MOST) ? recv(fd, in->data + in->len, ANSWER_MOST, MSG_DONTWAIT) : 0;
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return out->len ? FCGI_CLIENT_OTHER : FCGI_CLIENT_CLOSED;
		in->len += n > 0 ? (size_t)n : 0;
	} while (!take_records(in, out));
	return FCGI_CLIENT_ANSWERED;
}

enum fcgi_client_end fcgi_client_ask(int fd, struct slice variables, struct slice body, int64_t timeout_ms, struct buf *out)
{
	int64_t end = clock_mono_us() + timeout_ms * 1000;
	enum fcgi_client_end e = FCGI_CLIENT_CLOSED;
	struct buf in = {0};

	if (send_request(fd, variables, body))
		e = receive(fd, end, &in, out);
	buf_free(&in);
	return e;
}
