/* SPDX-License-Identifier: ISC */
/* hookspool purge: deletes old events. */
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "core/clock.h"
#include "core/units.h"
#include "spool/events.h"
#include "spool/retention.h"

static const char help[] =
	"Usage: hookspool purge [--older-than AGE] [--pending] [--dry-run]\n"
	"\n"
	"Deletes the events that are older than the configuration keeps them (keep), or with\n"
	"--older-than all events received longer than AGE ago, whatever the configuration says.\n"
	"Without --older-than, events with pending deliveries stay. Their dedupe keys stay, as\n"
	"hashes, for dedupe-window: an event that is delivered again after that is stored again.\n"
	"Rejected deliveries older than reject-age go too. When purge ends well, what it deleted\n"
	"is in no file of the spool. Receiving goes on. It also works on a full disk.\n"
	"\n"
	"  --older-than AGE   90d, 12h, 30m; also events with pending deliveries\n"
	"  --pending          without --older-than, also events with pending deliveries\n"
	"  --dry-run          only say how many\n"
	"  --help             this\n";

struct options {
	int64_t age; /* ms; -1: as the configuration says */
	bool pending, dry_run;
};

static void say(const struct spool_deleted *d, bool dry_run)
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

static bool delete_old(struct spool_db *db, const struct spool_retention *r, struct spool_deleted *sum)
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

static bool rules(struct spool_retention *r, const struct conf *conf, const struct options *o)
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

/* Before the spool is opened, as wrong usage is the first thing to say. */
static int check_usage(const struct cli *cli)
{
	struct conf *conf = cli_conf(cli, CONF_SECRETS_THERE);
	int status = !conf ? CLI_CONFIG : spool_retention_shortest(conf) ? CLI_OK : CLI_USAGE;

	conf_free(conf);
	return status == CLI_USAGE ? cli_usage("purge", "the configuration has no keep; say how old with --older-than") : status;
}

static int purge(const struct cli *cli, const struct options *o)
{
	struct spool_retention r = {0};
	struct spool_deleted sum = {0};
	struct spool_db *db = NULL;
	struct conf *conf;
	int status = o->age < 0 ? check_usage(cli) : CLI_OK;
	bool ok, ruled;

	if (status == CLI_OK)
		status = cli_open(cli, CONF_SECRETS_THERE, &conf, &db);
	if (status != CLI_OK)
		return status;
	ruled = rules(&r, conf, o);
	ok = ruled && delete_old(db, &r, &sum);
	if (ok && !o->dry_run)
		ok = spool_query_cut_rejects(db, &conf->reject, r.now) &&
			spool_retention_forget(db, &r) && spool_delete_wipe(db);
	say(&sum, o->dry_run);
	spool_retention_free(&r);
	return cli_close(conf, db, ok, ruled ? NULL : "memory is short");
}

int cli_purge(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"older-than", required_argument, NULL, 'o'}, {"pending", no_argument, NULL, 'p'},
		{"dry-run", no_argument, NULL, 'd'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct options o = {.age = -1};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			fputs(help, stdout);
			return CLI_OK;
		case 'd':
			o.dry_run = true;
			break;
		case 'p':
			o.pending = true;
			break;
		case 'o':
			if (!units_age(optarg, &o.age))
				return cli_usage("purge", "--older-than: \"%s\" is no age with a unit; write 90d, 12h or 30m", optarg);
			break;
		default:
			return cli_usage("purge", c == ':' ? "%s needs a value" : "unknown option %s", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return cli_usage("purge", "it takes no arguments");
	return purge(cli, &o);
}
