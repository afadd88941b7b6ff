/* SPDX-License-Identifier: ISC */
/* hookspool send: delivers test events as a provider does. */
#include "config.h"

#include <string.h>

#include "cli/cli.h"
#include "cli/signer.h"

enum { ATTEMPTS_MAX = 20, CONCURRENCY_MAX = 512, COUNT_MAX = 10000000, FILE_BYTES_MAX = 64 << 20, TIMEOUT_MS = 15000, TIMEOUT_MAX_MS = 3600000 };

struct send_options {
	const char *url, *relay, *endpoint, *file, *type;
	int64_t attempts, count, concurrency, timeout;
	struct signer_options signer;
	bool duplicate, no_auth, quiet;
};

#ifdef HAVE_CURL

#include <stdio.h>

#include "cli/sample.h"
#include "cli/send_relay.h"
#include "cli/send_report.h"
#include "cli/send_target.h"
#include "cli/sender.h"

/* Makes the bodies; the ctx of next_body(). */
struct body_source {
	struct sample sample;
	struct buf body;   /* the file's bytes, or the last event made */
	bool from_file, twice;
};

/* The ctx of both callbacks of sender_run(). */
struct session {
	struct body_source source;
	struct send_report report;
};

static bool next_body(void *ctx, uint64_t delivery, struct buf *body)
{
	struct body_source *s = &((struct session *)ctx)->source;
	bool again = s->twice && delivery % 2 == 1;

	if (!s->from_file && !again && !sample_event(&s->sample, &s->body))
		return false;
	return buf_add(body, s->body.data, s->body.len);
}

static void heard(void *ctx, const struct attempt *a)
{
	send_report_attempt(&((struct session *)ctx)->report, a);
}

static void print_request(const struct sender *s, const struct endpoint *e, struct signer *signer)
{
	printf("POST %s\n", s->url);
	printf("as endpoint %s, scheme %s, signed with %s, %s Authorization\n", e->path, s->sign.scheme->name,
		s->sign.secret ? buf_str(&signer->source) : "nothing", s->authorization ? "with" : "without");
	fflush(stdout);
}

static int deliver(const struct send_options *o, const struct send_target *target, struct signer *signer, struct session *session)
{
	const struct endpoint *e = target->endpoint;
	const struct sample_provider *provider = session->source.sample.provider;
	struct sender sender = {
		.url = target->url,
		.sign = {
			.scheme = &signer->scheme,
			.secret = signer->secret.text ? &signer->secret : NULL,
			.event = provider->event,
			.url = e->url ? e->url : target->base,
			.query = target->query ? target->query : "",
			.type = o->type ? o->type : provider->type,
		},
		.authorization = !o->no_auth && e->authorizations.n ? e->authorizations.item[0].text : NULL,
		.direct = target->local,
		.timeout = (long)o->timeout,
		.attempts = (unsigned)o->attempts,
		.concurrency = (unsigned)o->concurrency,
		.deliveries = (uint64_t)o->count * (o->duplicate ? 2 : 1),
		.body = next_body,
		.heard = heard,
		.ctx = session,
	};
	bool ok;

	if (!o->quiet)
		print_request(&sender, e, signer);
	ok = send_report_start(&session->report);
	if (ok) {
		ok = sender_run(&sender);
		send_report_finish(&session->report);
	} else {
		cli_error("memory is short");
	}
	if (!ok)
		return CLI_TEMPFAIL;
	return session->report.refused ? CLI_NO : CLI_OK;
}

static int send_to(const struct send_options *o, const struct conf *conf)
{
	struct session session = {
		.source = {.from_file = o->file != NULL, .twice = o->duplicate},
		.report = {.events = (uint64_t)o->count, .twice = o->duplicate, .quiet = o->quiet, .concurrency = (unsigned)o->concurrency},
	};
	struct signer signer = {0};
	struct send_target target;
	int status = send_target_find(&target, conf, o->url, o->endpoint);

	if (status == CLI_OK)
		status = signer_init(&signer, &o->signer, conf, target.endpoint);
	if (status == CLI_OK && o->file && !cli_read(o->file, &session.source.body, FILE_BYTES_MAX))
		status = CLI_NO;
	if (status == CLI_OK) {
		sample_init(&session.source.sample, sample_provider_find(&signer.scheme), &target.endpoint->accounts, signer.secret.text);
		status = deliver(o, &target, &signer, &session);
	}
	signer_free(&signer);
	send_report_free(&session.report);
	buf_free(&session.source.body);
	send_target_free(&target);
	return status;
}

static int send_to_sink(const struct send_options *o, const struct conf *conf)
{
	struct send_relay test = {.conf = conf, .sink = o->relay, .endpoint = o->endpoint, .type = o->type};
	struct buf body = {0};
	int status = CLI_NO;

	if (!o->file || cli_read(o->file, &body, FILE_BYTES_MAX)) {
		if (o->file)
			test.body = (struct slice){buf_str(&body), body.len};
		status = send_relay(&test);
	}
	buf_free(&body);
	return status;
}

static int send_anything(const struct cli *cli, const struct send_options *o)
{
	struct conf *conf = cli_conf(cli, o->relay ? CONF_SECRETS_NONE : CONF_SECRETS_ALL); /* the relay has none of them, either */
	int status;

	if (!conf)
		return CLI_CONFIG;
	status = o->relay ? send_to_sink(o, conf) : send_to(o, conf);
	conf_free(conf);
	return status;
}

#else

static int send_anything(const struct cli *cli, const struct send_options *o)
{
	(void)cli;
	(void)o;
	cli_error("send: built without libcurl; install it (Debian: libcurl4-openssl-dev), then configure and build again");
	return CLI_UNAVAILABLE;
}

#endif

static int send_run(const struct cli *cli, void *values)
{
	const struct send_options *o = values;

	if (o->type && (!*o->type || strpbrk(o->type, "\r\n")))
		return cli_usage("send", "--type: \"%s\" is no Content-Type", o->type);
	if (o->relay && (o->signer.scheme || o->signer.secret_file || o->duplicate || o->signer.wrong || o->no_auth || o->quiet ||
	    o->attempts > 1 || o->count > 1 || o->concurrency > 1 || o->timeout != TIMEOUT_MS))
		return cli_usage("send", "--relay goes with --endpoint, --file and --type only");
	if (o->relay && o->url)
		return cli_usage("send", "--relay: the sink has a URL of its own; leave %s out", o->url);
	if (!o->relay && !o->url)
		return cli_usage("send", "the URL is missing");
	return send_anything(cli, o);
}

static const struct command_option send_options[] = {
	{.name = "relay", .kind = COMMAND_SINK, .offset = offsetof(struct send_options, relay), .argument = "SINK", .help = "try this sink"},
	{.name = "endpoint", .kind = COMMAND_ENDPOINT, .offset = offsetof(struct send_options, endpoint), .argument = "PATH",
		.help = "deliver as this endpoint, whatever the URL's path is"},
	{.name = "scheme", .kind = COMMAND_SCHEME, .offset = offsetof(struct send_options, signer.scheme), .argument = "NAME",
		.help = "sign by this scheme and not by the endpoint's"},
	{.name = "secret-file", .kind = COMMAND_FILE, .offset = offsetof(struct send_options, signer.secret_file), .argument = "FILE",
		.help = "sign with this secret and not with the endpoint's first; for Ed25519 the private key, which no endpoint has"},
	{.name = "file", .kind = COMMAND_FILE, .offset = offsetof(struct send_options, file), .argument = "FILE",
		.help = "deliver exactly these bytes; - is standard input"},
	{.name = "type", .kind = COMMAND_TEXT, .offset = offsetof(struct send_options, type), .argument = "TYPE",
		.help = "their Content-Type (default: as the scheme's own events)"},
	{.name = "attempts", .kind = COMMAND_NUMBER, .offset = offsetof(struct send_options, attempts), .argument = "N", .min = 1,
		.max = ATTEMPTS_MAX, .help = "try up to N times: at once, 10 s after the first failure, then 20 s after each; ConnectSafely "
		"tries 3 times (default 1)"},
	{.name = "timeout", .kind = COMMAND_DURATION, .offset = offsetof(struct send_options, timeout), .argument = "TIME", .min = 1,
		.max = TIMEOUT_MAX_MS, .wrong = "is no such value, or out of range; write 15s", .help = "for the answer to one attempt (default 15s)"},
	{.name = "count", .kind = COMMAND_NUMBER, .offset = offsetof(struct send_options, count), .argument = "N", .min = 1,
		.max = COUNT_MAX, .help = "deliver N events and print a summary (default 1)"},
	{.name = "concurrency", .kind = COMMAND_NUMBER, .offset = offsetof(struct send_options, concurrency), .argument = "N", .min = 1,
		.max = CONCURRENCY_MAX, .help = "this many at the same time (default 1)"},
	{.name = "duplicate", .offset = offsetof(struct send_options, duplicate), .help = "deliver every event twice"},
	{.name = "bad-signature", .offset = offsetof(struct send_options, signer.wrong), .help = "sign with a wrong secret"},
	{.name = "no-auth", .offset = offsetof(struct send_options, no_auth), .help = "leave the Authorization out"},
	{.name = "quiet", .offset = offsetof(struct send_options, quiet), .help = "print errors only"},
	{0},
};

const struct command cli_send = {
	.name = "send",
	.purpose = "deliver test events as a provider would",
	.usage = "[OPTION]... URL\n--relay SINK [--endpoint PATH] [--file FILE [--type TYPE]]",
	.about = "Delivers a random event to URL as the provider does, ConnectSafely or another: signed, with the endpoint's Authorization. "
		"Waits 15 s for an answer; a 2xx status is success. The endpoint, with its secret, is taken from the configuration: the one "
		"whose path the URL has, or the only one. A URL without a path gets the endpoint's.\n"
		"\n"
		"With --relay, sends one event to a sink, past the spool, and prints its answer. What a program would answer is printed, and "
		"not sent.",
	.more = "Exit status: 0 every delivery was accepted; 1 one was not; 64 wrong usage; 78 wrong configuration.",
	.examples = "send https://example.com/webhook/linkedin\nsend --bad-signature https://example.com/webhook/linkedin\nsend --relay crm",
	.options = send_options,
	.argument = {.kind = COMMAND_TEXT, .offset = offsetof(struct send_options, url), .argument = "URL"},
	.argument_optional = true,
	.size = sizeof(struct send_options),
	.defaults = &(const struct send_options){.attempts = 1, .count = 1, .concurrency = 1, .timeout = TIMEOUT_MS},
	.run = send_run,
};
