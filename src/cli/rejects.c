/* hookspool rejects: the deliveries that were turned away, and why. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/plain.h"
#include "core/clock.h"
#include "sink/spool_query.h"

static const char help[] =
	"Usage: hookspool rejects [OPTION]...\n"
	"\n"
	"Prints the newest rejected deliveries, the newest last: when, from where, for which\n"
	"endpoint, the outcome and the reason. The spool keeps the newest reject-keep of them.\n"
	"\n"
	"  --endpoint PATH    of this endpoint\n"
	"  -n N               at most N (default 20; 0: all)\n"
	"  --json             one JSON object a line; with the body where it was kept\n"
	"  --help             this\n";

static void print_json(void *ctx, const struct spool_reject_row *r)
{
	struct json j;

	(void)ctx;
	json_begin(&j);
	json_number(&j, "id", r->id);
	json_time(&j, "received_at", r->received_at);
	json_text(&j, "endpoint", r->endpoint);
	json_text(&j, "outcome", r->code);
	json_text(&j, "reason", r->reason);
	json_text(&j, "remote_addr", r->remote_addr);
	json_number(&j, "bytes", r->bytes);
	if (r->body.p)
		json_body(&j, r->body);
	json_end(&j);
}

static void print_row(void *ctx, const struct spool_reject_row *r)
{
	char at[CLOCK_TEXT];

	(void)ctx;
	printf("%s  ", clock_format(r->received_at, at));
	plain_cell(stdout, r->code, 18);
	fputs("  ", stdout);
	for (size_t used = plain_print(stdout, r->remote_addr, 0); used < 15; used++)
		putchar(' '); /* a longer one, IPv6, whole */
	printf("  %7" PRId64 " B  ", r->bytes);
	plain_print(stdout, r->endpoint, 0);
	if (r->reason.p) {
		fputs("  ", stdout);
		plain_print(stdout, r->reason, 0);
	}
	putchar('\n');
}

int cli_rejects(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"endpoint", required_argument, NULL, 'e'}, {"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	char why[PATH_MAX + 256] = "", *end;
	const char *endpoint = NULL;
	bool json = false, ok;
	struct spool_db db;
	struct conf *conf;
	long n = 20;
	int c, status;

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
			json = true;
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
	if (optind < argc)
		return cli_usage("rejects", "it takes no %s", argv[optind]);
	status = cli_open(cli, &conf, &db);
	if (status != CLI_OK)
		return status;
	ok = spool_query_rejects(&db, endpoint, n, json ? print_json : print_row, NULL, why, sizeof why);
	return cli_close(conf, &db, ok, why);
}
