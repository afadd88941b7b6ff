/* SPDX-License-Identifier: ISC */
/* hookspool export: events as JSON lines, each with its exact body. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/endpoint_name.h"
#include "cli/filter.h"
#include "cli/progress.h"
#include "spool/event_line.h"

struct export {
	struct filter filter;
	struct buf line;
	uint64_t done;
};

static void export_event(struct export *e, const struct spool_row *r)
{
	e->line.len = 0;
	if (!event_line(r, endpoint_name(e->filter.conf, r->endpoint), &e->line)) {
		cli_error("memory is short");
		abort();
	}
	fwrite(e->line.data, 1, e->line.len, stdout);
}

static bool export_events(struct export *e, struct spool_db *db)
{
	struct spool_events_iter *it = spool_events_find(db, &e->filter.spool);
	struct spool_row row;

	while (!ferror(stdout) && spool_events_next(it, &row)) {
		if (!filter_match(&e->filter, &row))
			continue;
		export_event(e, &row);
		progress_update(++e->done);
	}
	return spool_events_end(it);
}

/* Prints how many events are on damaged pages. Returns the status to exit with. */
static int say_lost(const struct spool_lost *lost)
{
	if (!lost->events)
		return CLI_OK;
	cli_error("%" PRId64 " event%s can't be read and %s left out (id %" PRId64 " to %" PRId64 "): the database is damaged; see hookspool"
		" check --deep", lost->events, lost->events == 1 ? "" : "s", lost->events == 1 ? "is" : "are", lost->first, lost->last);
	return CLI_NO;
}

static int export_run(const struct cli *cli, void *values)
{
	struct export *e = values;
	struct spool_lost lost = {0};
	struct spool_db *db = NULL;
	struct conf *conf;
	int status = cli_open(cli, CONF_SECRETS_THERE, &conf, &db);
	bool ok;

	if (status != CLI_OK)
		return status;
	filter_begin(&e->filter, conf, db);
	e->filter.spool.lost = &lost;
	if (!isatty(STDOUT_FILENO)) /* not between the lines */
		progress_start("exported", 0);
	ok = export_events(e, db);
	progress_end();
	filter_free(&e->filter);
	buf_free(&e->line);
	status = cli_close(conf, db, ok, NULL);
	return status == CLI_OK ? say_lost(&lost) : status;
}

static const struct command_option export_options[] = {FILTER_OPTIONS(struct export), {0}};

const struct command cli_export = {
	.name = "export",
	.purpose = "print events as JSON lines",
	.usage = "[OPTION]...",
	.about = "Prints events as JSON, one object a line, the oldest first: id, endpoint, name, event, key, account, received_at, "
		"remote_addr, source, note, came where that is more than once, headers, and body with the exact text received, or body_base64 where that is not UTF-8. Where a page of "
		"the database is damaged, export leaves out the events that cannot be read, prints how many they are, and exits with 1.",
	.examples = "export --since 24h\nexport --endpoint /webhook/linkedin --sender jane",
	.options = export_options,
	.size = sizeof(struct export),
	.defaults = &(const struct export){.filter = FILTER_ALL},
	.run = export_run,
};
