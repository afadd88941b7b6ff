/* SPDX-License-Identifier: ISC */
/* hookspool export: events as JSON lines, each with its exact body. */
#include <getopt.h>
#include <inttypes.h>
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
	"account, received_at, remote_addr, headers, and body with the exact text received, or\n"
	"body_base64 where that isn't UTF-8. Goes on past events that can't be read, as a page of\n"
	"the database is damaged; then it says how many, and exits with 1.\n"
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
	json_text(&j, "headers", r->headers);
	json_body(&j, r->body);
	json_end(&j);
	progress_update(++e->done);
	return !ferror(stdout);
}

/* Of damaged pages. Returns the status to exit with. */
static int say_lost(const struct spool_lost *lost)
{
	if (!lost->events)
		return CLI_OK;
	cli_error("%" PRId64 " event%s can't be read and %s left out (id %" PRId64 " to %" PRId64 "): the database is damaged; see hookspool"
		" check --deep", lost->events, lost->events == 1 ? "" : "s", lost->events == 1 ? "is" : "are", lost->first, lost->last);
	return CLI_NO;
}

int cli_export(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {FILTER_OPTIONS, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct export e = {0};
	struct spool_lost lost = {0};
	struct spool_db *db = NULL;
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
	e.filter.spool.lost = &lost;
	if (!isatty(STDOUT_FILENO)) /* not between the lines */
		progress_start("exported", 0);
	ok = spool_query_events(db, &e.filter.spool, on_row, &e);
	progress_end();
	filter_free(&e.filter);
	status = cli_close(conf, db, ok, NULL);
	return status == CLI_OK ? say_lost(&lost) : status;
}
