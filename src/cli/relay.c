/* SPDX-License-Identifier: ISC */
/* hookspool relay: sends stored events to their sinks, until a signal ends it. */
#include "cli/cli.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/owner.h"
#include "core/notify.h"
#include "core/writable.h"
#include "relay/relay.h"
#include "sink/type.h"
#include "spool/program.h"

/* Logs a message, and keeps the first error, which is registered in the spool. */
static void keep_report(void *ctx, enum log_level level, const char *message)
{
	char *error = ctx;

	if (level == LOG_LEVEL_ERROR && !*error)
		snprintf(error, SPOOL_PROGRAM_ERROR, "%.*s", SPOOL_PROGRAM_ERROR - 1, message);
	log_message(level, "%s", message);
}

static void warn_writable(void *ctx, enum writable by, const char *why)
{
	const struct sink *s = ctx;

	if (by == WRITABLE_BY_ALL)
		log_message(LOG_LEVEL_WARNING, "sink \"%s\" runs what others may change: %s", s->name, why);
}

/* Warns of programs that others may change. Another package may have set their modes, so they are not refused. */
static void look_at_programs(const struct conf *c)
{
	for (struct sink *s = c->sinks; s < c->sinks + c->n_sinks; s++) {
		const struct strlist *argv = s->type->command ? s->type->command(s) : NULL;

		if (argv)
			writable_command(argv->item, argv->n, warn_writable, s);
	}
}

/* Returns NULL after all errors were logged; the first of them is in error. */
static struct conf *load_checked(const char *file, char error[SPOOL_PROGRAM_ERROR])
{
	struct conf *c = conf_load_with(file, CONF_SECRETS_NONE, keep_report, error);
	char why[1024];

	if (c)
		look_at_programs(c);
	if (!c || relay_check(c, why, sizeof why))
		return c;
	keep_report(error, LOG_LEVEL_ERROR, why);
	conf_free(c);
	return NULL;
}

struct reloading {
	struct spool_program self;
	char file[PATH_MAX];
	struct conf *now;
	struct conf *next; /* the configuration to go on with; NULL: the one it has */
};

/* A relay_may_reload(). */
static bool may_reload(void *ctx)
{
	struct reloading *reloading = ctx;
	char error[SPOOL_PROGRAM_ERROR] = "", why[PATH_MAX + 64];
	struct conf *c = load_checked(reloading->file, error);
	bool moved = c && strcmp(c->spool, reloading->now->spool) != 0; /* the receiver does not change it at a reload either */

	if (moved) {
		snprintf(why, sizeof why, "%s: spool can't change on a reload; restart", c->file);
		keep_report(error, LOG_LEVEL_ERROR, why);
	}
	if (!c || moved) {
		spool_program_refused(&reloading->self, error);
		log_message(LOG_LEVEL_ERROR, "reload failed; the configuration stays as it was");
		conf_free(c);
		return false;
	}
	conf_free(reloading->next);
	reloading->next = c;
	return true;
}

static int relay_until_end(const struct cli *cli, bool once)
{
	struct reloading reloading = {.self = spool_program_self(SPOOL_PROGRAM_RELAY)};
	char why[1024] = "", error[SPOOL_PROGRAM_ERROR] = "";
	enum relay_end end = RELAY_RELOAD;

	conf_find(cli->conf_file, reloading.file, sizeof reloading.file);
	reloading.next = load_checked(reloading.file, error);
	if (!reloading.next)
		return CLI_CONFIG;
	if (!owner_become_relay(reloading.next->spool, why, sizeof why)) {
		log_message(LOG_LEVEL_ERROR, "%s", why);
		conf_free(reloading.next);
		return CLI_TEMPFAIL;
	}
	while (end == RELAY_RELOAD) {
		if (reloading.next) {
			conf_free(reloading.now);
			reloading.now = reloading.next;
			reloading.next = NULL;
			spool_program_loaded(&reloading.self, reloading.now);
			log_setup(reloading.now->log_level, reloading.now->log_format, reloading.now->log_target);
		}
		end = relay_run(reloading.now, once, &reloading.self, may_reload, &reloading, why, sizeof why);
	}
	notify_send("STOPPING=1");
	conf_free(reloading.now);
	conf_free(reloading.next);
	if (end != RELAY_ENDED)
		log_message(LOG_LEVEL_ERROR, "%s", why);
	return end == RELAY_ENDED ? CLI_OK : CLI_TEMPFAIL;
}

struct relay_options {
	bool once;
};

static int relay_command(const struct cli *cli, void *values)
{
	return relay_until_end(cli, ((const struct relay_options *)values)->once);
}

static const struct command_option relay_options[] = {
	{.name = "once", .offset = offsetof(struct relay_options, once),
		.help = "send what is due now, and end: for cron; starts no attempt after 50 s"},
	{0},
};

const struct command cli_relay = {
	.name = "relay",
	.purpose = "send events on to their sinks",
	.usage = "[--once]",
	.about = "Sends events to the sinks that their endpoint names, each until it is delivered or dead. One relay runs for a spool. "
		"SIGTERM ends it; on SIGHUP it reads its configuration again.",
	.more = "Exit status: 0 ended; 64 wrong usage; 75 another relay runs, or the spool can't be used; 78 wrong configuration.",
	.examples = "relay --once",
	.options = relay_options,
	.size = sizeof(struct relay_options),
	.run = relay_command,
};
