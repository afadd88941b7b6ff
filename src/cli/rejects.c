/* SPDX-License-Identifier: ISC */
/* hookspool rejects: the deliveries that were turned away, and why; those that were kept whole may be judged again. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/endpoint_name.h"
#include "cli/json.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "hook/handle.h"
#include "hook/stored.h"
#include "spool/events.h"

static const char help[] =
	"Usage: hookspool rejects [OPTION]... [ID]\n"
	"\n"
	"Prints the newest rejected deliveries, the newest last: its ID, when, the outcome, from\n"
	"where, for which endpoint, and the reason. The spool keeps the newest reject-keep of\n"
	"them, with reject-bodies whole. With an ID, that one in full, with its headers and body\n"
	"where they were kept; hookspool verify --reject ID --explain says what was wrong.\n"
	"\n"
	"  --endpoint PATH    of this endpoint\n"
	"  -n N               at most N (default 20, with --verify or --accept all; 0: all)\n"
	"  --verify           judge those that were kept whole again, by the configuration as it\n"
	"                     is now and the time they came\n"
	"  --accept           the same, and store those that pass now as events\n"
	"  --json             one JSON object a line; with the body where it was kept\n"
	"  --help             this\n";

struct rejects {
	const struct conf *conf;
	struct spool *spool; /* NULL: nothing is stored */
	int64_t id; /* the only one; 0: the newest */
	bool json, again;
	struct delivery d; /* as it was judged again */
	long passed, tried;
	bool failed;
};

static void print_json(const struct rejects *rejects, const struct spool_reject_row *r, const char *verdict)
{
	struct json j;

	json_begin(&j);
	json_number(&j, "id", r->id);
	json_time(&j, "received_at", r->received_at);
	json_text(&j, "endpoint", r->endpoint);
	json_text(&j, "name", endpoint_name(rejects->conf, r->endpoint));
	json_text(&j, "path", r->path);
	json_text(&j, "outcome", r->code);
	json_text(&j, "reason", r->reason);
	json_text(&j, "method", r->method);
	json_text(&j, "content_type", r->content_type);
	json_text(&j, "remote_addr", r->remote_addr);
	json_number(&j, "bytes", r->bytes);
	if (r->body.p) {
		json_text(&j, "headers", r->headers);
		json_body(&j, r->body);
	}
	if (verdict) {
		json_string(&j, "verdict", verdict);
		json_number(&j, "event", rejects->d.id);
	}
	json_end(&j);
}

static bool is(struct slice text, const char *word)
{
	return text.n == strlen(word) && memcmp(text.p, word, text.n) == 0;
}

/* The method of a 405, the type of a 415. */
static void print_detail(const struct spool_reject_row *r)
{
	struct slice detail = {0};

	if (is(r->code, "method_not_allowed"))
		detail = r->method;
	else if (is(r->code, "unsupported_type"))
		detail = r->content_type.n ? r->content_type : slice_text("no Content-Type");
	if (!detail.n)
		return;
	fputs("  ", stdout);
	terminal_print(stdout, detail, 0);
}

static void print_row(const struct rejects *rejects, const struct spool_reject_row *r, const char *verdict)
{
	char at[TERMINAL_TIME];

	printf("%6" PRId64 "  %s  ", r->id, terminal_time(r->received_at, at));
	fputs(terminal_colour(TERMINAL_YELLOW), stdout);
	terminal_cell(stdout, r->code, 18);
	fputs(terminal_colour(TERMINAL_PLAIN), stdout);
	fputs("  ", stdout);
	for (size_t used = terminal_print(stdout, r->remote_addr, 0); used < 15; used++)
		putchar(' '); /* a longer one, IPv6, whole */
	printf("  %7" PRId64 " B  ", r->bytes);
	endpoint_name_print(rejects->conf, r->endpoint.p ? r->endpoint : r->path);
	print_detail(r);
	if (r->reason.p) {
		fputs("  ", stdout);
		terminal_print(stdout, r->reason, 0);
	}
	if (verdict)
		printf("\n  -> %s", verdict);
	if (verdict && rejects->d.id)
		printf(", event %" PRId64, rejects->d.id);
	putchar('\n');
}

static void print_full(const struct rejects *rejects, const struct spool_reject_row *r, const char *verdict)
{
	char at[TERMINAL_TIME];

	printf("%-13s %" PRId64 "\n%-13s %s\n", "id", r->id, "received", terminal_time(r->received_at, at));
	terminal_field("endpoint", r->endpoint);
	terminal_field("name", endpoint_name(rejects->conf, r->endpoint));
	terminal_field("path", r->path);
	terminal_field("from", r->remote_addr);
	terminal_field("outcome", r->code);
	terminal_field("method", r->method);
	terminal_field("type", r->content_type);
	terminal_field("reason", r->reason);
	terminal_headers(r->headers);
	if (verdict)
		terminal_field("verdict", slice_text(verdict));
	if (verdict && rejects->d.id)
		printf("%-13s %" PRId64 "\n", "event", rejects->d.id);
	printf("%-13s %" PRId64 " bytes%s\n", "body", r->bytes, r->body.p ? "\n" : ", not kept");
	if (r->body.p && !json_pretty(r->body)) {
		terminal_print(stdout, r->body, 0);
		putchar('\n');
	}
}

/* What it would be now, as static text or in the delivery. */
static const char *judge_again(struct rejects *rejects, const struct spool_reject_row *r, struct stored *stored)
{
	struct delivery *d = &rejects->d;
	const struct endpoint *e = NULL;

	d->id = 0;
	for (size_t i = 0; r->endpoint.p && i < rejects->conf->n_endpoints; i++)
		if (is(r->endpoint, rejects->conf->endpoints[i].path))
			e = &rejects->conf->endpoints[i];
	if (!e)
		return "the configuration has no such endpoint";
	if (!r->body.p || !r->headers.p || !(is(r->code, "unauthorized") || is(r->code, "malformed")))
		return "not kept whole";
	rejects->tried++;
	if (!stored_request(r->headers, r->body, stored))
		return "memory is short";
	snprintf(stored->request.remote_addr, sizeof stored->request.remote_addr, "%.*s", (int)r->remote_addr.n, r->remote_addr.p);
	if (!handle_again(&stored->request, e, r->received_at, d))
		return d->reason ? d->reason : outcome_info(d->outcome)->code;
	rejects->passed++;
	if (!rejects->spool)
		return "passes now";
	d->stored.reject = r->id;
	handle_store(rejects->spool, &d, 1);
	rejects->failed = rejects->failed || d->outcome == OUTCOME_UNAVAILABLE;
	return d->outcome == OUTCOME_UNAVAILABLE ? d->reason : outcome_info(d->outcome)->code;
}

static void on_reject(void *ctx, const struct spool_reject_row *r)
{
	struct rejects *rejects = ctx;
	struct stored stored = {0};
	const char *verdict = rejects->again ? judge_again(rejects, r, &stored) : NULL;

	if (rejects->json)
		print_json(rejects, r, verdict);
	else if (rejects->id)
		print_full(rejects, r, verdict);
	else
		print_row(rejects, r, verdict);
	stored_free(&stored);
}

static int run(const struct cli *cli, struct rejects *rejects, const char *endpoint, long n, bool accept)
{
	struct spool_db *db = NULL;
	struct conf *conf;
	int status = cli_open(cli, rejects->again ? CONF_SECRETS_ALL : CONF_SECRETS_THERE, &conf, &db);
	bool ok, found = true;

	if (status != CLI_OK)
		return status;
	rejects->conf = conf;
	if (accept)
		rejects->spool = spool_new(conf->spool, conf->journal, SPOOL_MANAGE, conf->reject);
	ok = (!accept || rejects->spool) &&
		(rejects->id ? spool_query_reject(db, rejects->id, on_reject, rejects, &found)
			: spool_query_rejects(db, endpoint, n, on_reject, rejects));
	if (ok && !found)
		cli_error("there is no rejected delivery %" PRId64, rejects->id);
	if (ok && rejects->again && !rejects->json && !rejects->id)
		printf("%ld of %ld kept whole pass now%s\n", rejects->passed, rejects->tried,
			rejects->passed && !accept ? "; --accept stores them" : "");
	handle_free(&rejects->d);
	status = cli_close(conf, db, ok, accept && !rejects->spool ? "memory is short" : NULL);
	spool_close(rejects->spool);
	return status != CLI_OK ? status : rejects->failed ? CLI_TEMPFAIL : found ? CLI_OK : CLI_NO;
}

int cli_rejects(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"endpoint", required_argument, NULL, 'e'}, {"json", no_argument, NULL, 'j'},
		{"verify", no_argument, NULL, 'v'}, {"accept", no_argument, NULL, 'a'}, {"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0}};
	struct rejects rejects = {0};
	const char *endpoint = NULL;
	bool accept = false;
	long n = -1;
	char *end;
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":n:h", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			fputs(help, stdout);
			return CLI_OK;
		case 'e':
			endpoint = optarg;
			break;
		case 'j':
			rejects.json = true;
			break;
		case 'a':
			accept = rejects.again = true;
			break;
		case 'v':
			rejects.again = true;
			break;
		case 'n':
			errno = 0;
			n = strtol(optarg, &end, 10);
			if (errno || end == optarg || *end || n < 0)
				return cli_usage("rejects", "-n: \"%s\" is no number", optarg);
			break;
		default:
			return cli_usage("rejects", c == ':' ? "%s needs a value" : "unknown option %s", argv[optind - 1]);
		}
	}
	if (argc - optind > 1)
		return cli_usage("rejects", "one ID at a time");
	if (optind < argc) {
		errno = 0;
		rejects.id = strtoll(argv[optind], &end, 10);
		if (errno || end == argv[optind] || *end || rejects.id < 1)
			return cli_usage("rejects", "\"%s\" is no ID; rejects without one prints them", argv[optind]);
	}
	return run(cli, &rejects, endpoint, n >= 0 ? n : rejects.again ? 0 : 20, accept);
}
