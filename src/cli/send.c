/* SPDX-License-Identifier: ISC */
/* hookspool send: delivers events as ConnectSafely would, to try a receiver out. */
#define _DEFAULT_SOURCE /* explicit_bzero */
#include "config.h"

#include "cli/cli.h"

#ifdef HAVE_CURL

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/sample.h"
#include "cli/send_relay.h"
#include "cli/send_report.h"
#include "cli/send_target.h"
#include "cli/sender.h"
#include "core/io.h"
#include "core/units.h"

enum { ATTEMPTS_MAX = 20, CONCURRENCY_MAX = 512, COUNT_MAX = 10000000, FILE_BYTES_MAX = 64 << 20, TIMEOUT_MS = 15000 };

static const char help[] =
	"Usage: hookspool send [OPTION]... URL\n"
	"       hookspool send --relay SINK [--endpoint PATH] [--file FILE [--type TYPE]]\n"
	"\n"
	"Delivers a random event to URL as the provider does, ConnectSafely or another: signed,\n"
	"with the endpoint's Authorization, 15 s for an answer; a 2xx status is success. The endpoint,\n"
	"with its secret, is taken from the configuration: the one whose path the URL has,\n"
	"or the only one. A URL without a path gets the endpoint's.\n"
	"\n"
	"With --relay, one event is sent to a sink, past the spool, and what that answered is\n"
	"printed; what a program would answer is printed, and not sent.\n"
	"\n"
	"  --relay SINK       try this sink\n"
	"  --endpoint PATH    deliver as this endpoint, whatever the URL's path is\n"
	"  --scheme NAME      sign by this scheme and not by the endpoint's\n"
	"  --secret-file FILE sign with this secret and not with the endpoint's first; for\n"
	"                     Ed25519 the private key, which no endpoint has\n"
	"  --file FILE        deliver exactly these bytes; - is standard input\n"
	"  --type TYPE        their Content-Type (default: as the scheme's own events)\n"
	"  --attempts N       try up to N times: at once, 10 s after the first failure, then\n"
	"                     20 s after each; ConnectSafely does 3 (default 1)\n"
	"  --timeout TIME     for the answer to one attempt (default 15s)\n"
	"  --count N          deliver N events and print a summary (default 1)\n"
	"  --concurrency N    so many at once (default 1)\n"
	"  --duplicate        deliver every event twice\n"
	"  --bad-signature    sign with a wrong secret\n"
	"  --no-auth          leave the Authorization out\n"
	"  --quiet            print errors only\n"
	"  --help             this\n"
	"\n"
	"Exit status: 0 every delivery was accepted; 1 one was not; 64 wrong usage;\n"
	"78 wrong configuration.\n";

struct options {
	const char *url, *relay, *endpoint, *file, *scheme, *secret_file, *type;
	uint64_t attempts, count, concurrency;
	int64_t timeout;
	bool duplicate, bad_signature, no_auth, quiet;
};

/* Makes the bodies; the ctx of next_body(). */
struct body_source {
	struct sample sample;
	struct buf body;   /* the file's bytes, or the last event made */
	bool from_file, twice;
};

/* The attempts' report and the bodies' source, as sender_run() has one ctx for both. */
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

static bool read_file(const char *file, struct buf *body)
{
	bool is_stdin = strcmp(file, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && io_read_all(fd, body, FILE_BYTES_MAX);

	if (!ok)
		cli_error("%s: %s", file, errno == EFBIG ? "more than 64 MiB" : strerror(errno));
	if (fd >= 0 && !is_stdin)
		close(fd);
	return ok;
}

static bool number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;
	unsigned long long v;

	errno = 0;
	v = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || *text == '+' || v == 0 || v > max)
		return false;
	*out = v;
	return true;
}

enum { RELAY = 256, ENDPOINT, FROM_FILE, SCHEME, SECRET_FILE, TYPE, ATTEMPTS, TIMEOUT, COUNT, CONCURRENCY, DUPLICATE, BAD_SIGNATURE, NO_AUTH, QUIET };

static bool take_option(struct options *o, int c)
{
	switch (c) {
	case RELAY:
		o->relay = optarg;
		return true;
	case ENDPOINT:
		o->endpoint = optarg;
		return true;
	case FROM_FILE:
		o->file = optarg;
		return true;
	case SCHEME:
		o->scheme = optarg;
		return true;
	case SECRET_FILE:
		o->secret_file = optarg;
		return true;
	case TYPE:
		o->type = optarg;
		return *optarg && !strpbrk(optarg, "\r\n");
	case ATTEMPTS:
		return number(optarg, ATTEMPTS_MAX, &o->attempts);
	case TIMEOUT:
		return units_duration(optarg, &o->timeout) && o->timeout > 0 && o->timeout <= 3600000;
	case COUNT:
		return number(optarg, COUNT_MAX, &o->count);
	case CONCURRENCY:
		return number(optarg, CONCURRENCY_MAX, &o->concurrency);
	case DUPLICATE:
		return o->duplicate = true;
	case BAD_SIGNATURE:
		return o->bad_signature = true;
	case NO_AUTH:
		return o->no_auth = true;
	default:
		return o->quiet = true;
	}
}

/* CLI_OK with *o filled; o->url and o->relay stay NULL when help was asked for and given. */
static int parse_options(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{"relay", required_argument, NULL, RELAY},
		{"endpoint", required_argument, NULL, ENDPOINT},
		{"file", required_argument, NULL, FROM_FILE},
		{"scheme", required_argument, NULL, SCHEME},
		{"secret-file", required_argument, NULL, SECRET_FILE},
		{"type", required_argument, NULL, TYPE},
		{"attempts", required_argument, NULL, ATTEMPTS},
		{"timeout", required_argument, NULL, TIMEOUT},
		{"count", required_argument, NULL, COUNT},
		{"concurrency", required_argument, NULL, CONCURRENCY},
		{"duplicate", no_argument, NULL, DUPLICATE},
		{"bad-signature", no_argument, NULL, BAD_SIGNATURE},
		{"no-auth", no_argument, NULL, NO_AUTH},
		{"quiet", no_argument, NULL, QUIET},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c, which = 0;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, &which)) != -1) {
		if (c == '?')
			return cli_usage("send", "unknown option %s", argv[optind - 1]);
		if (c == ':')
			return cli_usage("send", "%s needs a value", argv[optind - 1]);
		if (c == 'h') {
			fputs(help, stdout);
			return CLI_OK;
		}
		if (!take_option(o, c))
			return cli_usage("send", "--%s: \"%s\" is no such value, or out of range", options[which].name, optarg);
	}
	if (o->relay && (o->scheme || o->secret_file || o->duplicate || o->bad_signature || o->no_auth || o->quiet ||
	    o->attempts > 1 || o->count > 1 || o->concurrency > 1 || o->timeout != TIMEOUT_MS))
		return cli_usage("send", "--relay goes with --endpoint, --file and --type only");
	if (o->relay)
		return argc == optind ? CLI_OK : cli_usage("send", "--relay: the sink has a URL of its own; leave %s out", argv[optind]);
	if (argc - optind != 1)
		return cli_usage("send", argc == optind ? "the URL is missing" : "one URL at a time");
	o->url = argv[optind];
	return CLI_OK;
}

/* What it is signed with: the endpoint's first secret, or the one of --secret-file. */
struct signer {
	struct scheme scheme;
	struct secret secret; /* text == NULL: nothing is signed */
	struct buf text, source;
	bool by_secret; /* the scheme has secrets at all */
};

static void signer_free(struct signer *s)
{
	key_free(s->secret.key);
	if (s->text.data)
		explicit_bzero(s->text.data, s->text.cap);
	buf_free(&s->text);
	buf_free(&s->source);
}

/* A wrong one of the right kind. */
static bool take_wrong(struct signer *s)
{
	s->scheme.key_text = KEY_TEXT_PLAIN;
	return buf_printf(&s->source, "a wrong secret") && buf_printf(&s->text, "hookspool send --bad-signature!!");
}

static int take_secret(struct signer *s, const struct options *o, const struct endpoint *e)
{
	char why[PATH_MAX + 128];

	if (o->bad_signature)
		return take_wrong(s) ? CLI_OK : CLI_TEMPFAIL;
	if (o->secret_file) {
		if (!io_read_secret(o->secret_file, &s->text, why, sizeof why))
			return cli_usage("send", "--secret-file: %s", why);
		return buf_printf(&s->source, "file %s", o->secret_file) ? CLI_OK : CLI_TEMPFAIL;
	}
	if (e->secrets.n == 0)
		return CLI_OK;
	if (s->scheme.algorithm == ALGORITHM_ED25519)
		return cli_usage("send", "scheme \"%s\": the endpoint has the public key only; give the private one with --secret-file",
			s->scheme.name);
	return buf_add(&s->text, e->secrets.item[0].text, e->secrets.item[0].len) &&
		buf_printf(&s->source, "secret 1, %s", e->secrets.item[0].source) ? CLI_OK : CLI_TEMPFAIL;
}

static int signer_init(struct signer *s, const struct options *o, const struct conf *conf, const struct endpoint *e)
{
	const char *why = "";
	int status;

	s->scheme = e->scheme;
	if (o->scheme && !conf_scheme(conf, o->scheme, &s->scheme))
		return cli_usage("send", "--scheme: there is no scheme \"%s\"", o->scheme);
	s->by_secret = s->scheme.algorithm != ALGORITHM_NONE;
	if (o->bad_signature && !s->by_secret)
		return cli_usage("send", "--bad-signature: scheme \"%s\" signs nothing", s->scheme.name);
	status = s->by_secret ? take_secret(s, o, e) : CLI_OK;
	if (status != CLI_OK || !s->source.len)
		return status;
	s->secret.text = (char *)(uintptr_t)buf_str(&s->text);
	s->secret.len = s->text.len;
	if (!scheme_has_key(&s->scheme))
		return CLI_OK;
	s->secret.key = scheme_key(&s->scheme, s->secret.text, s->secret.len, true, &why);
	return s->secret.key ? CLI_OK : cli_usage("send", "%s is no secret of scheme \"%s\": %s", buf_str(&s->source), s->scheme.name, why);
}

static void print_head(const struct sender *s, const struct endpoint *e, struct signer *signer)
{
	printf("POST %s\n", s->url);
	printf("as endpoint %s, scheme %s, signed with %s, %s Authorization\n", e->path, s->sign.scheme->name,
		s->sign.secret ? buf_str(&signer->source) : "nothing", s->authorization ? "with" : "without");
	fflush(stdout);
}

static int deliver(const struct options *o, const struct send_target *target, struct signer *signer, struct session *session)
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
		.deliveries = o->count * (o->duplicate ? 2 : 1),
		.body = next_body,
		.heard = heard,
		.ctx = session,
	};
	bool ok;

	if (!o->quiet)
		print_head(&sender, e, signer);
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

static int send_to(const struct options *o, const struct conf *conf)
{
	struct session session = {
		.source = {.from_file = o->file != NULL, .twice = o->duplicate},
		.report = {.events = o->count, .twice = o->duplicate, .quiet = o->quiet, .concurrency = (unsigned)o->concurrency},
	};
	struct signer signer = {0};
	struct send_target target;
	int status = send_target_find(&target, conf, o->url, o->endpoint);

	if (status == CLI_OK)
		status = signer_init(&signer, o, conf, target.endpoint);
	if (status == CLI_OK && o->file && !read_file(o->file, &session.source.body))
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

static int send_to_sink(const struct options *o, const struct conf *conf)
{
	struct send_relay test = {.conf = conf, .sink = o->relay, .endpoint = o->endpoint, .type = o->type};
	struct buf body = {0};
	int status = CLI_NO;

	if (!o->file || read_file(o->file, &body)) {
		if (o->file)
			test.body = (struct slice){buf_str(&body), body.len};
		status = send_relay(&test);
	}
	buf_free(&body);
	return status;
}

int cli_send(const struct cli *cli, int argc, char **argv)
{
	struct options o = {.attempts = 1, .count = 1, .concurrency = 1, .timeout = TIMEOUT_MS};
	int status = parse_options(&o, argc, argv);
	struct conf *conf;

	if (status != CLI_OK || (!o.url && !o.relay))
		return status;
	conf = cli_conf(cli, o.relay ? CONF_SECRETS_NONE : CONF_SECRETS_ALL); /* the relay has none of them, either */
	if (!conf)
		return CLI_CONFIG;
	status = o.relay ? send_to_sink(&o, conf) : send_to(&o, conf);
	conf_free(conf);
	return status;
}

#else

int cli_send(const struct cli *cli, int argc, char **argv)
{
	(void)cli;
	(void)argc;
	(void)argv;
	cli_error("send: built without libcurl; install it (Debian: libcurl4-openssl-dev), then configure and build again");
	return CLI_UNAVAILABLE;
}

#endif
