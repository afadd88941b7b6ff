/* SPDX-License-Identifier: ISC */
/* One delivery as plain CGI (RFC 3875): environment, standard input and output. */
#include "gate/cgi.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "gate/deadline.h"
#include "gate/health.h"
#include "hook/acknowledge.h"
#include "hook/handle.h"
#include "hook/log_delivery.h"
#include "hook/respond.h"
#include "spool/measure.h"
#include "spool/program.h"

extern char **environ;

enum { UNCONFIGURED_MS = 10000 }; /* body-timeout's default */

struct cgi {
	struct request request;
	struct delivery delivery;
	int64_t deadline; /* of the body, clock_mono_us() */
};

/* Waits for input until the deadline. */
static enum read_result wait_input(const struct cgi *g)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};
	int64_t left;
	int rc;

	do {
		left = g->deadline - clock_mono_us();
		if (left <= 0)
			return READ_TIMEOUT;
		rc = poll(&p, 1, (int)((left + 999) / 1000));
	} while (rc == 0 || (rc < 0 && errno == EINTR));
	return rc < 0 ? READ_BROKEN : READ_DATA;
}

/* A body_reader. It reads no further than CONTENT_LENGTH (section 4.2). Without that variable the body ends at EOF. */
static enum read_result read_body(void *ctx, char *p, size_t n, size_t *got)
{
	struct cgi *g = ctx;
	const struct request *r = &g->request;
	enum read_result ready;
	ssize_t k;

	if (r->length_known && n > r->length - r->body.len)
		n = r->length - r->body.len;
	if (n == 0)
		return READ_END;
	ready = wait_input(g);
	if (ready != READ_DATA)
		return ready;
	do
		k = read(STDIN_FILENO, p, n);
	while (k < 0 && errno == EINTR);
	if (k <= 0)
		return k == 0 ? READ_END : READ_BROKEN;
	*got = (size_t)k;
	return READ_DATA;
}

/*
 * Discards what the sender of a refused delivery still sends. Apache's mod_cgid has one socket for both directions: the
 * answer is lost when it is closed with input unread.
 */
static void drain(struct cgi *g)
{
	const struct request *r = &g->request;
	size_t left = r->length_known ? r->length - r->body.len : SIZE_MAX;
	char trash[16384];
	ssize_t n = 1;

	while (left > 0 && n > 0 && wait_input(g) == READ_DATA) {
		n = read(STDIN_FILENO, trash, left < sizeof trash ? left : sizeof trash);
		left -= n > 0 ? (size_t)n : 0;
	}
}

/* Leaves standard output open: Apache ends this process when it closes, and the log line would be lost. */
static void answer_on_stdout(struct cgi *g)
{
	struct buf out = {0};

	if (!respond(&g->delivery, &out) || !io_write_all(STDOUT_FILENO, out.data, out.len))
		log_message(LOG_LEVEL_WARNING, "the answer could not be written");
	buf_free(&out);
}

/* Without a configuration or memory no delivery can be checked. The sender is told to try again. */
static int serve_unavailable(struct cgi *g)
{
	g->delivery.outcome = OUTCOME_UNAVAILABLE;
	answer_on_stdout(g);
	drain(g);
	return outcome_info(OUTCOME_UNAVAILABLE)->exit_status;
}

/* Notes in the spool that the receiver runs as CGI, so that `hookspool check` does not look for a socket. */
static void tell(struct spool *spool)
{
	struct spool_program self = spool_program_self(SPOOL_PROGRAM_CGI);

	self.process = (struct process){0};
	spool_tell(spool, &self);
}

static int tell_health(struct cgi *g, const struct conf *c, struct spool *spool)
{
	struct buf out = {0};
	bool ok;

	measure_look(c->dir, MEASURE_RECEIVER);
	ok = health_answer(spool, &out) && io_write_all(STDOUT_FILENO, out.data, out.len);
	buf_free(&out);
	drain(g);
	spool_close(spool);
	return ok ? EX_OK : EX_IOERR;
}

int cgi_serve(const struct conf *c)
{
	static struct cgi g;
	struct spool *spool;
	int64_t now = clock_mono_us();
	int status;

	g.deadline = now + (c ? c->body_timeout : UNCONFIGURED_MS) * 1000;
	g.delivery.answer_by = c ? deadline_answer_by(c, now) : 0;
	request_init(&g.request, environ, read_body, &g);
	spool = c ? spool_of(c, SPOOL_RECEIVE) : NULL;
	if (!spool)
		return serve_unavailable(&g);
	if (health_asked(&g.request, c))
		return tell_health(&g, c, spool);
	if (handle(&g.request, c, &g.delivery)) {
		handle_store(spool, &(struct delivery *){&g.delivery}, 1);
		acknowledge_begin(&g.delivery);
		acknowledge_wait(&g.delivery, c->dir);
	}
	answer_on_stdout(&g);
	if (!g.request.at_end)
		drain(&g);
	measure_look(c->dir, MEASURE_RECEIVER); /* a spool that is new is there now */
	measure_traffic_tick(clock_now());
	log_delivery(&g.request, c, spool, &g.delivery);
	tell(spool);
	spool_flush(spool);
	spool_close(spool);
	status = outcome_info(g.delivery.outcome)->exit_status;
	handle_free(&g.delivery);
	buf_free(&g.request.body);
	return status;
}
