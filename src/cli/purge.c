/* SPDX-License-Identifier: ISC */
/* hookspool purge: deletes old events. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "core/clock.h"
#include "core/units.h"
#include "spool/overflow.h"
#include "spool/rejects.h"
#include "spool/retention.h"

struct purge {
	int64_t age; /* ms; -1: as the configuration says */
	bool pending, dry_run;
};

static void say_purged(const struct spool_deleted *d, bool dry_run)
{
	printf("%" PRId64 " event%s %s", d->events, d->events == 1 ? "" : "s", dry_run ? "would be purged" : "purged");
	if (d->pending)
		printf(", and %" PRId64 " %s with %s that %s pending", d->pending, d->pending == 1 ? "delivery" : "deliveries",
			d->events == 1 ? "it" : "them", d->pending == 1 ? "was" : "were");
	if (d->spared)
		printf("; %" PRId64 " with pending deliveries stay%s, --pending purges %s", d->spared, d->spared == 1 ? "s" : "",
			d->spared == 1 ? "it" : "them");
	putchar('\n');
}

static bool purge_old(struct spool_db *db, const struct spool_retention *r, struct spool_deleted *sum)
{
	struct spool_retention_cursor c = {0};
	bool ok = true;

	progress_start(r->dry_run ? "counted" : "purged", 0);
	while (ok && !c.done) {
		ok = spool_retention_page(db, r, &c);
		progress_update((uint64_t)c.sum.events);
	}
	progress_end();
	*sum = c.sum;
	return ok;
}

static bool rules(struct spool_retention *r, const struct conf *conf, const struct purge *o)
{
	int64_t now = clock_now();
	bool ok = o->age >= 0 || spool_retention_init(r, conf, now);

	r->dry_run = o->dry_run;
	r->spare = !o->pending;
	if (o->age < 0)
		return ok;
	*r = (struct spool_retention){.before = now - o->age, .now = now, .keys_since = now - conf->dedupe_window, .dry_run = o->dry_run};
	return true;
}

/* Called before the spool is opened: wrong usage is reported first. */
static int check_usage(const struct cli *cli)
{
	struct conf *conf = cli_conf(cli, CONF_SECRETS_THERE);
	int status = !conf ? CLI_CONFIG : spool_retention_shortest(conf) ? CLI_OK : CLI_USAGE;

	conf_free(conf);
	return status == CLI_USAGE ? cli_usage("purge", "the configuration has no keep; say how old with --older-than") : status;
}

static int purge_run(const struct cli *cli, void *values)
{
	const struct purge *o = values;
	struct spool_retention r = {0};
	struct spool_deleted sum = {0};
	struct spool_db *db = NULL;
	struct conf *conf;
	char why[256] = "";
	int64_t waiting;
	int status = o->age < 0 ? check_usage(cli) : CLI_OK;
	bool ok, ruled;

	if (status == CLI_OK)
		status = cli_open(cli, CONF_SECRETS_THERE, &conf, &db);
	if (status != CLI_OK)
		return status;
	ruled = rules(&r, conf, o);
	if (!ruled)
		snprintf(why, sizeof why, "memory is short");
	ok = ruled && purge_old(db, &r, &sum);
	if (ok && !o->dry_run)
		ok = spool_rejects_purge(db, &conf->reject, r.now) &&
			spool_retention_forget(db, &r) && spool_delete_wipe(db) && spool_overflow_wipe(conf, &waiting, why, sizeof why);
	say_purged(&sum, o->dry_run);
	spool_retention_free(&r);
	return cli_close(conf, db, ok, *why ? why : NULL);
}

static const struct command_option purge_options[] = {
	{.name = "older-than", .kind = COMMAND_AGE, .offset = offsetof(struct purge, age), .argument = "AGE",
		.help = "all events received longer ago than that, such as 90d, 12h or 30m; also those with pending deliveries"},
	{.name = "pending", .offset = offsetof(struct purge, pending), .help = "also events with pending deliveries, without --older-than"},
	{.name = "dry-run", .offset = offsetof(struct purge, dry_run), .help = "only print how many"},
	{0},
};

const struct command cli_purge = {
	.name = "purge",
	.purpose = "delete old events",
	.usage = "[--older-than AGE] [--pending] [--dry-run]",
	.about = "Deletes the events that are older than keep in the configuration. With --older-than, deletes all events "
		"received longer ago than AGE, whatever the configuration says. Without it, events with pending deliveries stay.\n"
		"\n"
		"The dedupe keys stay, as hashes, for dedupe-window: an event that is delivered again after that is stored again. "
		"Rejected deliveries older than reject-age are deleted too. When purge exits with 0, no file of the spool has "
		"anything of what it deleted. Receiving goes on. It also works on a full disk.",
	.examples = "purge\npurge --older-than 90d --dry-run",
	.options = purge_options,
	.size = sizeof(struct purge),
	.defaults = &(const struct purge){.age = -1},
	.run = purge_run,
};
