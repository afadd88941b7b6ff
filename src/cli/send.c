/* hookspool send: delivers events as ConnectSafely would, to try a receiver out. */
#include "config.h"

#include "cli/cli.h"

#ifdef HAVE_CURL

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/sample.h"
#include "cli/send_report.h"
#include "cli/send_target.h"
#include "cli/sender.h"
#include "core/io.h"
#include "core/units.h"

enum { ATTEMPTS_MAX = 20, CONCURRENCY_MAX = 512, COUNT_MAX = 10000000, FILE_BYTES_MAX = 64 << 20, TIMEOUT_MS = 15000 };

static const char help[] =
	"Usage: hookspool send [OPTION]... URL\n"
	"\n"
	"Delivers a random message.received to URL as ConnectSafely does: signed, with the\n"
	"endpoint's Authorization, 15 s for an answer; a 2xx status is success. The endpoint,\n"
	"with its secret, is taken from the configuration: the one whose path the URL has,\n"
	"or the only one. A URL without a path gets the endpoint's.\n"
	"\n"
	"  --endpoint PATH    deliver as this endpoint, whatever the URL's path is\n"
	"  --file FILE        deliver exactly these bytes; - is standard input\n"
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
	const char *url, *endpoint, *file;
	uint64_t attempts, count, concurrency;
	int64_t timeout;
	bool duplicate, bad_signature, no_auth, quiet;
};

/* Makes the bodies; the ctx of next_body(). */
struct source {
	struct sample sample;
	struct buf body;   /* the file's bytes, or the last event made */
	bool from_file, twice;
};

/* The attempts' report and the bodies' source, as sender_run() has one ctx for both. */
struct session {
	struct source source;
	struct send_report report;
};

static bool next_body(void *ctx, uint64_t delivery, struct buf *body)
{
	struct source *s = &((struct session *)ctx)->source;
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

enum { ENDPOINT = 256, FROM_FILE, ATTEMPTS, TIMEOUT, COUNT, CONCURRENCY, DUPLICATE, BAD_SIGNATURE, NO_AUTH, QUIET };

static bool take_option(struct options *o, int c)
{
	switch (c) {
	case ENDPOINT:
		o->endpoint = optarg;
		return true;
	case FROM_FILE:
		o->file = optarg;
		return true;
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

/* CLI_OK with *o filled; o->url stays NULL when help was asked for and given. */
static int parse_options(struct options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{"endpoint", required_argument, NULL, ENDPOINT},
		{"file", required_argument, NULL, FROM_FILE},
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
	if (argc - optind != 1)
		return cli_usage("send", argc == optind ? "the URL is missing" : "one URL at a time");
	o->url = argv[optind];
	return CLI_OK;
}

static void print_head(const struct options *o, const struct sender *s, const struct endpoint *e)
{
	const char *with = "nothing", *source = "";

	if (o->bad_signature)
		with = "a wrong secret";
	else if (s->secret)
		with = "secret 1, ", source = s->secret->source;
	printf("POST %s\n", s->url);
	printf("as endpoint %s, scheme %s, signed with %s%s, %s Authorization\n", e->path, e->scheme->name, with, source,
		s->authorization ? "with" : "without");
	fflush(stdout);
}

static int deliver(const struct options *o, const struct send_target *target, struct session *session)
{
	static char wrong_text[] = "hookspool send --bad-signature", wrong_source[] = "";
	struct secret wrong = {wrong_source, wrong_text, sizeof wrong_text - 1,
		mac_key_new(wrong_text, sizeof wrong_text - 1)};
	const struct endpoint *e = target->endpoint;
	struct sender sender = {
		.url = target->url,
		.scheme = e->scheme,
		.secret = o->bad_signature ? &wrong : e->scheme->header && e->secrets.n ? &e->secrets.item[0] : NULL,
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
		print_head(o, &sender, e);
	ok = wrong.key && send_report_start(&session->report);
	if (ok) {
		ok = sender_run(&sender);
		send_report_finish(&session->report);
	} else {
		cli_error("memory is short");
	}
	mac_key_free(wrong.key);
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
	struct send_target target;
	int status = send_target_find(&target, conf, o->url, o->endpoint);

	if (status == CLI_OK && o->bad_signature && !target.endpoint->scheme->header)
		status = cli_usage("send", "--bad-signature: endpoint %s has scheme \"none\", which signs nothing",
			target.endpoint->path);
	if (status == CLI_OK && o->file && !read_file(o->file, &session.source.body))
		status = CLI_NO;
	if (status == CLI_OK) {
		sample_init(&session.source.sample, &target.endpoint->accounts);
		status = deliver(o, &target, &session);
	}
	send_report_free(&session.report);
	buf_free(&session.source.body);
	send_target_free(&target);
	return status;
}

int cli_send(const struct cli *cli, int argc, char **argv)
{
	struct options o = {.attempts = 1, .count = 1, .concurrency = 1, .timeout = TIMEOUT_MS};
	int status = parse_options(&o, argc, argv);
	struct conf *conf;

	if (status != CLI_OK || !o.url)
		return status;
	conf = cli_conf(cli);
	if (!conf)
		return CLI_CONFIG;
	status = send_to(&o, conf);
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
