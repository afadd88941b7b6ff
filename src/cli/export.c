/* hookspool export: events as JSON lines, each with its exact body. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/endpoint_name.h"
#include "cli/filter.h"
#include "cli/json.h"
#include "cli/progress.h"

static const char help[] =
	"Usage: hookspool export [OPTION]...\n"
	"\n"
	"Prints events as JSON, one object a line, the oldest first: id, endpoint, event, key,\n"
	"account, received_at, remote_addr, and body with the exact text received, or\n"
	"body_base64 where that isn't UTF-8.\n"
	"\n"
	FILTER_HELP
	"  --help             this\n";

struct export {
	struct filter filter;
	uint64_t done;
};

static bool on_row(void *ctx, const struct spool_row *r)
{
	struct export *e = ctx;
	struct json j;

	if (!filter_match(&e->filter, r))
		return true;
	json_begin(&j);
	json_number(&j, "id", r->id);
	json_text(&j, "endpoint", r->endpoint);
	json_text(&j, "name", endpoint_name(e->filter.conf, r->endpoint));
	json_text(&j, "event", r->event);
	json_text(&j, "key", r->key);
	json_text(&j, "account", r->account);
	json_time(&j, "received_at", r->received_at);
	json_text(&j, "remote_addr", r->remote_addr);
	json_text(&j, "note", r->note);
	json_body(&j, r->body);
	json_end(&j);
	progress_update(++e->done);
	return !ferror(stdout);
}

int cli_export(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {FILTER_OPTIONS, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct export e = {0};
	char why[PATH_MAX + 256] = "";
	struct spool_db db;
	struct conf *conf;
	int c, status;
	bool ok;

	filter_init(&e.filter);
	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return CLI_OK;
		}
		if (c == '?' || c == ':')
			return cli_usage("export", c == ':' ? "%s needs a value" : "unknown option %s", argv[optind - 1]);
		if (!filter_option(&e.filter, c, optarg))
			return cli_usage("export", "\"%s\" is no time", optarg);
	}
	if (optind < argc)
		return cli_usage("export", "it takes no %s", argv[optind]);
	status = cli_open(cli, CONF_SECRETS_THERE, &conf, &db);
	if (status != CLI_OK)
		return status;
	e.filter.conf = conf;
	if (!isatty(STDOUT_FILENO)) /* not between the lines */
		progress_start("exported", 0);
	ok = spool_query_events(&db, &e.filter.spool, on_row, &e, why, sizeof why);
	progress_end();
	filter_free(&e.filter);
	return cli_close(conf, &db, ok, why);
}
