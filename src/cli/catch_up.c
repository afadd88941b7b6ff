/* SPDX-License-Identifier: ISC */
/* hookspool catch-up: fetches by a provider's API what its webhook did not deliver. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "catchup/catchup.h"
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/owner.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "core/clock.h"

struct catch_up {
	const char *name; /* NULL: all sections */
	int64_t since;    /* 0: not given */
	bool once, dry_run, json;
};

/* ---- what it prints */

static void show_catch_up(const struct catchup_run *r)
{
	progress_update((uint64_t)(r->found + r->known + r->own));
}

static void print_name(const struct catchup_run *r)
{
	terminal_print(stdout, slice_text(r->conf->name), 0);
	if (*r->account) {
		fputs(", account ", stdout);
		terminal_print(stdout, slice_text(r->account), 0);
	}
	fputs(": ", stdout);
}

static void print_run(const struct catchup_run *r)
{
	struct buf text = {0};

	if (catchup_describe(r, &text)) {
		print_name(r);
		puts(buf_str(&text));
	} else if (!r->failed && !r->later) {
		print_name(r);
		puts("nothing was missing");
	}
	if (*r->error)
		cli_error("catch-up %s: not complete: %s", r->conf->name, r->error);
	else if (r->later) {
		print_name(r);
		puts("not complete yet; it goes on with the next run");
	}
	buf_free(&text);
}

static void print_run_json(const struct catchup_run *r)
{
	struct json j;

	json_begin(&j);
	json_string(&j, "name", r->conf->name);
	json_text(&j, "account", *r->account ? slice_text(r->account) : (struct slice){0});
	json_string(&j, "endpoint", r->conf->endpoint->path);
	json_bool(&j, "complete", !r->failed && !r->later);
	json_bool(&j, "dry_run", !r->spool);
	json_number(&j, "found", r->found);
	if (r->found) {
		json_time(&j, "found_from", r->found_from);
		json_time(&j, "found_until", r->found_until);
	}
	json_number(&j, "known", r->known);
	json_number(&j, "own", r->own);
	json_number(&j, "ignored", r->ignored);
	json_time(&j, "from", r->from);
	json_text(&j, "error", *r->error ? slice_text(r->error) : (struct slice){0});
	json_end(&j);
}

static void report_run(void *ctx, const struct catchup_run *r)
{
	progress_end();
	((const struct catch_up *)ctx)->json ? print_run_json(r) : print_run(r);
	progress_start("messages", 0);
}

/* ---- */

/* One section, until it is complete, or with --once one run of it. Returns the status to exit with. */
static int run_section_now(const struct catch_up *o, const struct catchup_order *order, const struct catchup *c)
{
	enum catchup_end end;
	int64_t wait;
	char why[512];

	progress_start("messages", 0);
	do {
		end = catchup_once(order, c, &wait, why, sizeof why);
		if (*why)
			cli_error("catch-up %s: %s", c->name, why);
	} while (end == CATCHUP_GOES_ON && !o->once && catchup_stop_wait(order->stop, wait));
	progress_end();
	return end == CATCHUP_COMPLETE ? CLI_OK : CLI_TEMPFAIL;
}

static int run_sections(struct catch_up *o, const struct conf *conf, struct spool_db *db)
{
	struct catchup_stop stop;
	struct catchup_order order = {.conf = conf, .db = db, .stop = &stop, .since = o->since, .dry_run = o->dry_run,
		.progress = show_catch_up, .report = report_run, .ctx = o};
	int status = CLI_OK, one;

	catchup_stop_init(&stop);
	for (const struct catchup *c = conf->catchups; c < conf->catchups + conf->n_catchups; c++) {
		if (o->name && strcmp(o->name, c->name) != 0)
			continue;
		one = run_section_now(o, &order, c);
		status = one == CLI_OK ? status : one;
	}
	catchup_stop_free(&stop);
	return status;
}

static int check_sections(const struct catch_up *o, const struct conf *conf)
{
	bool found = !o->name;

	for (size_t i = 0; i < conf->n_catchups; i++)
		found = found || strcmp(conf->catchups[i].name, o->name) == 0;
	if (!found)
		return cli_usage("catch-up", "no catch-up is called %s", o->name);
	if (conf->n_catchups == 0)
		return cli_usage("catch-up", "the configuration has no section catch-up; hookspool.conf(5) shows one");
	if (o->since && o->since < clock_now() - conf->dedupe_window)
		return cli_usage("catch-up", "--since is longer ago than dedupe-window: a purged event would be stored again");
	return CLI_OK;
}

/* Opens the spool as the user of the relay, which may read the key. */
static int open_as_relay(const struct conf *conf, struct spool_db **db)
{
	char why[PATH_MAX + 256];

	*db = NULL;
	if (!owner_become_relay(conf->dir, why, sizeof why)) {
		cli_error("%s", why);
		return CLI_TEMPFAIL;
	}
	if (!spool_db_exists(conf->spool)) {
		cli_error("no spool in %s: %s%s", conf->spool, strerror(errno), errno == ENOENT ? "; the receiver makes it when it starts" : "");
		return CLI_NO_SPOOL;
	}
	*db = spool_db_new();
	if (*db && spool_db_open(*db, conf->spool, conf->journal, SPOOL_RELAY))
		return CLI_OK;
	cli_error("%s", spool_db_error(*db));
	return CLI_TEMPFAIL;
}

static int catch_up_run(const struct cli *cli, void *values)
{
	struct catch_up *o = values;
	struct conf *conf = cli_conf(cli, CONF_SECRETS_NONE);
	struct spool_db *db = NULL;
	int status;

	if (!conf)
		return CLI_CONFIG;
	status = check_sections(o, conf);
	if (status == CLI_OK)
		status = open_as_relay(conf, &db);
	if (status == CLI_OK)
		status = run_sections(o, conf, db);
	spool_db_free(db);
	conf_free(conf);
	return status;
}

static const struct command_option catch_up_options[] = {
	{.name = "once", .offset = offsetof(struct catch_up, once), .help = "end after one run, also where it has to go on later: for cron"},
	{.name = "since", .kind = COMMAND_TIME, .offset = offsetof(struct catch_up, since), .argument = "TIME",
		.help = "look back to that time, whatever was complete before"},
	{.name = "dry-run", .offset = offsetof(struct catch_up, dry_run), .help = "only print what is missing; store and remember nothing"},
	{.name = "json", .offset = offsetof(struct catch_up, json), .help = "one JSON object a line, for each account"},
	{0},
};

const struct command cli_catch_up = {
	.name = "catch-up",
	.purpose = "fetch what a webhook did not deliver",
	.usage = "[--once] [--since TIME] [--dry-run] [--json] [NAME]",
	.about = "Asks the API of a provider for what its webhook may have failed to deliver, and stores what the spool lacks, as the relay "
		"does by itself. NAME is a section catch-up of the configuration; without it, all are run. Each run makes at most 300 requests, "
		"and keeps the section's rate.\n"
		"\n"
		"An event that was fetched has the source catch-up. It has no signature. It goes to the endpoint's sinks as any other.",
	.more = "Exit status: 0 complete; 64 wrong usage; 66 no spool; 75 not complete, it must go on later; 78 wrong configuration.",
	.examples = "catch-up --once\ncatch-up --since 24h --dry-run linkedin",
	.options = catch_up_options,
	.argument = {.kind = COMMAND_TEXT, .offset = offsetof(struct catch_up, name), .argument = "NAME"},
	.argument_optional = true,
	.size = sizeof(struct catch_up),
	.run = catch_up_run,
};
