/* SPDX-License-Identifier: ISC */
/* hookspool send --relay: one attempt of a sink with a sample event, as the Test button of a dashboard makes. */
#include "cli/send_relay.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/owner.h"
#include "cli/sample.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "hook/sign.h"
#include "hook/stored.h"
#include "relay/message.h"
#include "sink/type.h"

struct test {
	const struct sink *sink;
	const struct endpoint *endpoint; /* NULL: none is there */
	struct scheme scheme;
	struct buf body, headers;
	struct event event;
	struct attempt *attempt;
	struct loop *loop;
	struct sink_target *target;
	struct loop_signal interrupts[2];
	bool ended, done, interrupted;
};

static const struct endpoint *naming(const struct conf *c, const struct sink *s)
{
	const struct sink *named;

	for (size_t i = 0; i < c->n_endpoints; i++)
		for (size_t k = 0; (named = conf_endpoint_sink(&c->endpoints[i], k)); k++)
			if (named == s)
				return &c->endpoints[i];
	return c->n_endpoints ? &c->endpoints[0] : NULL;
}

static int find_test_sink(struct test *t, const struct send_relay *s)
{
	t->sink = conf_sink(s->conf, s->sink);
	if (!t->sink)
		return cli_usage("send", "--relay: the configuration has no sink \"%s\"", s->sink);
	t->endpoint = s->endpoint ? conf_endpoint(s->conf, s->endpoint) : naming(s->conf, t->sink);
	if (s->endpoint && !t->endpoint)
		return cli_usage("send", "--endpoint: the configuration has no endpoint \"%s\"", s->endpoint);
	t->scheme = t->endpoint ? t->endpoint->scheme : *scheme_find("connectsafely");
	return CLI_OK;
}

/* Makes the event's body, and the headers that a provider would send. */
static bool make_event(struct test *t, const struct send_relay *s)
{
	static const struct strlist any = {0};
	const struct sample_provider *provider = sample_provider_find(&t->scheme);
	const struct strlist *accounts = t->sink->accounts.n ? &t->sink->accounts : t->endpoint ? &t->endpoint->accounts : &any;
	struct signed_scratch scratch = {0};
	struct sample sample;
	struct sign sign = {.scheme = &t->scheme, .event = provider->event, .query = "", .type = s->type ? s->type : provider->type};
	bool ok;

	sample_init(&sample, provider, accounts, NULL);
	ok = s->body.p ? buf_add(&t->body, s->body.p, s->body.n) : sample_event(&sample, &t->body);
	sign.body = (struct slice){t->body.data, t->body.len};
	sign.now = clock_now();
	ok = ok && buf_printf(&t->headers, "Content-Type: %s\n", sign.type) && sign_headers(&sign, &scratch, &t->headers);
	signed_free(&scratch);
	return ok;
}

/* As the receiver would. */
static enum event_result read_event(struct test *t)
{
	struct stored stored = {0};
	enum event_result result = EVENT_UNAVAILABLE;

	if (stored_request((struct slice){t->headers.data, t->headers.len}, (struct slice){t->body.data, t->body.len}, &stored))
		result = event_read(&stored.request, &t->scheme, (struct slice){0}, &t->event);
	stored_free(&stored);
	return result;
}

/* Makes the attempt that a relay would read from the spool. */
static bool make_job(struct test *t, const struct conf *c)
{
	static const char reply[] = "This is a test of hookspool.";
	struct spool_relay_row row = {
		.event = {
			.id = clock_now(),
			.received_at = clock_now(),
			.headers = {t->headers.data, t->headers.len},
			.body = {t->body.data, t->body.len},
		},
	};
	const struct slice *field = t->event.field;

	if (t->endpoint)
		row.event.endpoint = slice_text(t->endpoint->path);
	if (t->sink->replies)
		row.reply = slice_text(reply);
	row.event.event = field[FIELD_EVENT];
	row.event.account = field[FIELD_ACCOUNT];
	row.event.sender_id = field[FIELD_SENDER_ID];
	row.event.sender_name = field[FIELD_SENDER_NAME];
	row.event.conversation = field[FIELD_CONVERSATION];
	row.event.sent_at = field[FIELD_SENT_AT];
	t->attempt = attempt_new(&row, "test");
	return t->attempt && message_make(t->attempt, t->sink, c, &t->event, clock_mono_us() + t->sink->timeout * 1000);
}

/* ---- the attempt */

static void print_end(const struct test *t, const struct sink_result *got)
{
	if (got->status)
		printf("%d after %" PRId64 " ms", got->status, got->ms);
	else
		printf("%s after %" PRId64 " ms", got->verdict == SINK_DELIVERED ? "done" : "failed", got->ms);
	if (got->error) {
		fputs("  ", stdout);
		terminal_print(stdout, slice_text(got->error), 0);
	}
	putchar('\n');
	if (got->place)
		printf("at %s\n", got->place);
	if (got->answer.n) {
		fputs(t->sink->type->answers ? "it printed: " : "it answered: ", stdout);
		terminal_print(stdout, got->answer, 0);
		putchar('\n');
	}
	if (!t->sink->reply)
		return;
	printf("for sink %s: ", t->sink->reply);
	if (got->reply.p)
		terminal_print(stdout, got->reply, 0);
	puts(got->reply.p ? "" : "no answer");
}

static struct test *running; /* a sink_done() gets the message only */

static void on_attempt_done(struct sink_message *m, const struct sink_result *got)
{
	(void)m;
	print_end(running, got);
	running->ended = true;
	running->done = got->verdict == SINK_DELIVERED;
}

/* A program has its own process group, so that the terminal's signals do not reach it. */
static void on_interrupt(void *ctx, int number)
{
	struct test *t = ctx;

	(void)number;
	t->interrupted = true;
}

static bool open_target(struct test *t, char *why, size_t n)
{
	t->loop = loop_new();
	if (!t->loop || !loop_signal_start(t->loop, &t->interrupts[0], SIGINT, on_interrupt, t) ||
	    !loop_signal_start(t->loop, &t->interrupts[1], SIGTERM, on_interrupt, t)) {
		snprintf(why, n, "%s", strerror(errno));
		return false;
	}
	t->target = sink_open(t->sink, t->loop, on_attempt_done, why, n);
	return t->target != NULL;
}

static int make_attempt(struct test *t)
{
	running = t;
	sink_send(t->target, &t->attempt->message);
	while (!t->ended && !t->interrupted)
		loop_wait(t->loop);
	return t->done ? CLI_OK : CLI_NO;
}

static void print_attempt_head(const struct test *t)
{
	const struct sink *s = t->sink;
	const char *how, *target = s->type->target ? s->type->target(s, &how) : NULL, *rest;
	int before;

	if (!target) {
		printf("%s\n", s->type->name);
	} else if (!strstr(target, "://")) {
		printf("%s %s\n", how, target);
	} else {
		rest = terminal_url(target, &before);
		printf("%s %.*s%s\n", how, before, target, rest);
	}
	printf("as sink %s, with %s of %s\n", s->name, s->replies ? "an answer to an event" : "an event",
		t->endpoint ? t->endpoint->path : "no endpoint");
	fflush(stdout);
}

/* Root must not run a sink's program, or succeed with files that the relay can't read. */
static bool become_relay(const char *spool, char *why, size_t n)
{
	if (geteuid() == 0 && access(spool, F_OK) != 0) {
		snprintf(why, n, "%s: %s; root does not send to a sink itself; start the receiver first, or run this as the "
			"relay's user", spool, strerror(errno));
		return false;
	}
	if (geteuid() == 0 && !owner_knows_relay(spool)) {
		snprintf(why, n, "%s: no relay has run yet, and root sends as the relay's user; start the relay, and run this again",
			spool);
		return false;
	}
	return owner_become_relay(spool, why, n);
}

int send_relay(const struct send_relay *s)
{
	char why[PATH_MAX + 256];
	struct test t = {0};
	enum event_result read = EVENT_UNAVAILABLE;
	int status = find_test_sink(&t, s);

	if (status != CLI_OK)
		return status;
	if (!become_relay(s->conf->dir, why, sizeof why)) {
		cli_error("%s", why);
		return CLI_TEMPFAIL;
	}
	signal(SIGPIPE, SIG_IGN);
	if (!open_target(&t, why, sizeof why)) {
		cli_error("sink \"%s\": %s", t.sink->name, why);
		status = CLI_CONFIG;
	} else if (make_event(&t, s) && (read = read_event(&t)) != EVENT_OK && read != EVENT_UNAVAILABLE && s->body.p) {
		/* a sample need not be an event of the configuration's own schemes */
		cli_error("the file is no event of scheme \"%s\": %s; the receiver would store it without a name", t.scheme.name, t.event.reason);
		status = CLI_NO;
	} else if (read == EVENT_UNAVAILABLE || !make_job(&t, s->conf)) {
		cli_error("memory is short");
		status = CLI_TEMPFAIL;
	} else {
		print_attempt_head(&t);
		status = make_attempt(&t);
	}
	if (t.attempt)
		attempt_free(t.attempt);
	event_free(&t.event);
	buf_free(&t.body);
	buf_free(&t.headers);
	sink_close(t.target);
	loop_free(t.loop);
	return status;
}
