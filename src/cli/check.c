/* SPDX-License-Identifier: ISC */
/* hookspool check: finds what is wrong before the first delivery fails. */
#include <limits.h>
#include <stdio.h>

#include "cli/check.h"
#include "cli/cli.h"

enum { UNKNOWN = 3 /* what monitoring plug-ins exit with after wrong usage */ };

static void say_report(void *ctx, enum log_level level, const char *message)
{
	check_say(ctx, level == LOG_LEVEL_ERROR ? CHECK_FAIL : CHECK_WARN, "configuration", "%s", message);
}

static void say_endpoint(struct check *c, const struct endpoint *e)
{
	struct buf more = {0};

	if (e->events.n)
		buf_printf(&more, ", %zu event type%s", e->events.n, e->events.n == 1 ? "" : "s");
	if (e->accounts.n)
		buf_printf(&more, ", %zu account%s", e->accounts.n, e->accounts.n == 1 ? "" : "s");
	if (e->allow.n)
		buf_printf(&more, ", %zu address range%s", e->allow.n, e->allow.n == 1 ? "" : "s");
	check_say(c, CHECK_OK, "endpoint", "endpoint %s%s%s%s: scheme %s, %zu secret%s, authorization %s%s", e->path,
		e->name ? " (" : "", e->name ? e->name : "", e->name ? ")" : "", e->scheme.name,
		e->secrets.n, e->secrets.n == 1 ? "" : "s", e->authorizations.n ? "yes" : "no", buf_str(&more));
	buf_free(&more);
}

static void check_endpoints(struct check *c, const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_endpoints; i++)
		say_endpoint(c, &conf->endpoints[i]);
}

static void run_here(struct check *c, const struct conf *conf, check_part *part)
{
	part(c, conf);
}

/* The parts in the order of their findings, and the user that root runs each as. A part may use what earlier parts have noted. */
static const struct {
	void (*run)(struct check *c, const struct conf *conf, check_part *part);
	check_part *part;
} parts[] = {
	{run_here, check_endpoints},
	{run_here, check_shared_secrets},
	{run_here, check_short_secrets},
	{run_here, check_identity},
	{check_as_owner, check_files},
	{check_as_owner, check_spool},
	{check_as_owner, check_rotation},
	{check_as_owner, check_rate},
	{check_as_owner, check_silence},
	{check_as_relay, check_relay_sinks},
	{check_as_relay, check_catchups},
	{check_as_relay, check_programs},
	{run_here, check_socket},
};

static void check_page(struct check *c, const struct conf *conf)
{
	if (conf->page_access != PAGE_OPEN && conf->page_actions)
		check_say(c, CHECK_OK, "page", "page: users that the web server authenticates may read, and retry, replay, drop and accept");
	else if (conf->page_access == PAGE_OPEN && !conf->page_actions)
		check_say(c, CHECK_OK, "page", "page-access = \"open\": each client that the web server lets reach the page reads %s; let only "
			"addresses that you trust", conf->page_bodies ? "all events" : "the list of events, without texts and names");
	else if (conf->page_access == PAGE_OPEN)
		check_say(c, CHECK_WARN, "page", "page-access = \"open\" and page-actions = true: each client that reaches the page may retry, replay, "
			"drop and accept; remove one of the two");
}

static void run_parts(struct check *c, const char *file)
{
	struct conf *conf = conf_load_with(file, CONF_SECRETS_CHECK, say_report, c);

	if (!conf)
		return;
	check_say(c, CHECK_OK, "configuration", "configuration %s", file);
	check_page(c, conf);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		parts[i].run(c, conf, parts[i].part);
	conf_free(conf);
}

static int check_run(const struct cli *cli, void *values)
{
	static const int statuses[] = {[CHECK_OK] = 0, [CHECK_WARN] = 1, [CHECK_FAIL] = 2};
	struct check *c = values;
	char file[PATH_MAX];

	if (c->options) {
		check_print_options(c->json);
		return CLI_OK;
	}
	c->quiet = c->json;
	run_parts(c, conf_find(cli->conf_file, file, sizeof file));
	if (c->json)
		check_print_json(c);
	buf_free(&c->findings);
	buf_free(&c->notes);
	return statuses[c->worst];
}

static const struct command_option check_options[] = {
	{.name = "socket", .kind = COMMAND_TEXT, .offset = offsetof(struct check, socket), .argument = "ADDRESS",
		.help = "the receiver's socket, unix:PATH or tcp:ADDRESS:PORT, where neither the configuration nor a receiver names it; none: "
			"there is no socket"},
	{.name = "deep", .offset = offsetof(struct check, deep), .help = "also read the whole database and its indexes"},
	{.name = "options", .offset = offsetof(struct check, options), .help = "print the options of the configuration, and check nothing"},
	{.name = "json", .offset = offsetof(struct check, json), .help = "print one JSON object"},
	{0},
};

const struct command cli_check = {
	.name = "check",
	.purpose = "look for faults, before the first delivery and later",
	.usage = "[--socket ADDRESS] [--deep] [--options] [--json]",
	.about = "Checks the configuration, the permissions of its files, the endpoints, the sinks, the spool, the receiver and the relay. "
		"Prints what to do about each thing that is wrong. Changes nothing. Run by root, it looks at the spool as the user that owns it.",
	.more = "Exit status, as monitoring plug-ins have it: 0 ok; 1 at least one warn; 2 at least one FAIL; 3 wrong usage.",
	.examples = "check\ncheck --deep --json",
	.options = check_options,
	.usage_status = UNKNOWN,
	.size = sizeof(struct check),
	.run = check_run,
};
