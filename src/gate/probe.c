/* SPDX-License-Identifier: ISC */
/* The probe: a FastCGI request of hookspool check that proves that a receiver serves, and that is stored nowhere. */
#include "gate/probe.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "spool/measure.h"

/* FastCGI 1.0, section 8 */
enum { HEADER = 8, VERSION = 1, TYPE_BEGIN = 1, TYPE_END = 3, TYPE_PARAMS = 4, TYPE_STDIN = 5, TYPE_STDOUT = 6, ROLE_RESPONDER = 1 };

enum { ANSWER_MAX = 4096 };

static const char pid_line[] = "hookspool-probe-pid: ", error_line[] = "hookspool-probe-error: ";

bool probe_answer(struct spool *s, struct buf *out)
{
	char why[sizeof ((struct probe_result *)0)->error] = "";
	bool ok = spool_probe(s, why, sizeof why);

	measure_tried(clock_now(), ok);
	for (char *p = why; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	return buf_printf(out, "Status: %s\r\nContent-Type: text/plain\r\nCache-Control: no-store\r\n\r\n%s%ld\n",
		ok ? "200 OK" : "503 Service Unavailable", pid_line, (long)getpid()) &&
		(ok || buf_printf(out, "%s%s\n", error_line, why));
}

static bool add_record(struct buf *b, unsigned char type, const char *content, size_t n)
{
	const unsigned char header[HEADER] = {VERSION, type, 0, 1, (unsigned char)(n >> 8), (unsigned char)n};

	return buf_add(b, header, sizeof header) && buf_add(b, content, n);
}

/* Names and values shorter than 128 bytes (section 3.4). */
static bool add_param(struct buf *b, const char *name, const char *value)
{
	const unsigned char lengths[] = {(unsigned char)strlen(name), (unsigned char)strlen(value)};

	return buf_add(b, lengths, sizeof lengths) && buf_add(b, name, lengths[0]) && buf_add(b, value, lengths[1]);
}

static bool send_request(int fd)
{
	static const char begin[8] = {0, ROLE_RESPONDER};
	struct buf params = {0}, all = {0};
	bool ok = add_param(&params, PROBE_VARIABLE, "1") && add_param(&params, "REQUEST_METHOD", "GET") &&
		add_param(&params, "SCRIPT_NAME", "/hookspool-probe") && add_param(&params, "CONTENT_LENGTH", "0") &&
		add_record(&all, TYPE_BEGIN, begin, sizeof begin) && add_record(&all, TYPE_PARAMS, params.data, params.len) &&
		add_record(&all, TYPE_PARAMS, "", 0) && add_record(&all, TYPE_STDIN, "", 0);

	ok = ok && send(fd, all.data, all.len, MSG_NOSIGNAL) == (ssize_t)all.len; /* less than any socket's buffer */
	buf_free(&params);
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

static enum probe_end receive(int fd, int64_t end, struct buf *in, struct buf *out)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t left;
	ssize_t n;

	do {
		left = end - clock_mono_us();
		if (left <= 0 || in->len + out->len > ANSWER_MAX)
			return left <= 0 ? PROBE_SILENT : PROBE_OTHER;
		if (poll(&p, 1, (int)((left + 999) / 1000)) <= 0)
			continue;
		n = buf_reserve(in, ANSWER_MAX) ? recv(fd, in->data + in->len, ANSWER_MAX, MSG_DONTWAIT) : 0;
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return out->len ? PROBE_OTHER : PROBE_CLOSED;
		in->len += n > 0 ? (size_t)n : 0;
	} while (!take_records(in, out));
	return PROBE_ANSWERED;
}

static enum probe_end read_answer(const char *text, struct probe_result *r)
{
	const char *pid = strstr(text, pid_line), *error = strstr(text, error_line);

	if (!pid)
		return PROBE_OTHER;
	r->pid = strtoll(pid + sizeof pid_line - 1, NULL, 10);
	r->writable = !error;
	if (error)
		snprintf(r->error, sizeof r->error, "%.*s", (int)strcspn(error + sizeof error_line - 1, "\n"), error + sizeof error_line - 1);
	return PROBE_ANSWERED;
}

enum probe_end probe_ask(int fd, int64_t timeout_ms, struct probe_result *r)
{
	int64_t end = clock_mono_us() + timeout_ms * 1000;
	struct buf in = {0}, out = {0};
	enum probe_end e = PROBE_CLOSED;

	*r = (struct probe_result){0};
	if (send_request(fd))
		e = receive(fd, end, &in, &out);
	if (e == PROBE_ANSWERED)
		e = read_answer(buf_str(&out), r);
	buf_free(&in);
	buf_free(&out);
	return e;
}
