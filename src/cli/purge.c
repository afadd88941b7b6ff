/* hookspool purge: deletes old events. */
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "core/clock.h"
#include "core/units.h"
#include "sink/spool_conversation.h"
#include "sink/spool_query.h"

static const char help[] =
	"Usage: hookspool purge --older-than AGE [--dry-run]\n"
	"\n"
	"Deletes the events received longer than AGE ago, in the order they were stored, up to\n"
	"the first that is younger. Their dedupe keys stay for dedupe-window: an event that is\n"
	"delivered again after that is stored again. Rejected deliveries older than reject-age\n"
	"go too. Receiving goes on meanwhile.\n"
	"\n"
	"  --older-than AGE   90d, 12h, 30m\n"
	"  --dry-run          only say how many\n"
	"  --help             this\n";

static void say(int64_t events, int64_t pending, bool dry_run)
{
	printf("%" PRId64 " event%s %s", events, events == 1 ? "" : "s", dry_run ? "would be purged" : "purged");
	if (pending)
		printf(", and %" PRId64 " %s with %s that %s pending", pending, pending == 1 ? "delivery" : "deliveries",
			events == 1 ? "it" : "them", pending == 1 ? "was" : "were");
	putchar('\n');
}

static int purge(const struct cli *cli, int64_t age, bool dry_run)
{
	struct spool_batch batch = {.events = SPOOL_PURGE_BATCH};
	int64_t now = clock_now(), events = 0, pending = 0;
	char why[PATH_MAX + 256] = "";
	struct spool_db db;
	struct conf *conf;
	bool ok = true;
	int status = cli_open(cli, &conf, &db);

	if (status != CLI_OK)
		return status;
	progress_start(dry_run ? "counted" : "purged", 0);
	while (ok && batch.events == SPOOL_PURGE_BATCH) {
		ok = spool_query_purge(&db, now - age, now - conf->dedupe_window, dry_run, &batch, why, sizeof why);
		events += ok ? batch.events : 0;
		pending += ok ? batch.pending : 0;
		progress_update((uint64_t)events);
	}
	progress_end();
	ok = ok && (dry_run || (spool_query_cut_rejects(&db, &conf->reject, now, why, sizeof why) &&
		spool_conversation_purge(&db, now - age, why, sizeof why)));
	say(events, pending, dry_run);
	return cli_close(conf, &db, ok, why);
}

int cli_purge(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"older-than", required_argument, NULL, 'o'},
		{"dry-run", no_argument, NULL, 'd'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	bool dry_run = false, given = false;
	int64_t age = 0;
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			fputs(help, stdout);
			return CLI_OK;
		case 'd':
			dry_run = true;
			break;
		case 'o':
			given = units_age(optarg, &age);
			if (!given)
				return cli_usage("purge", "--older-than: \"%s\" is no age with a unit; write 90d, 12h or 30m", optarg);
			break;
		default:
			return cli_usage("purge", c == ':' ? "%s needs a value" : "unknown option %s", argv[optind - 1]);
		}
	}
	if (!given || optind < argc)
		return cli_usage("purge", "%s", given ? "it takes no arguments" : "say how old with --older-than");
	return purge(cli, age, dry_run);
}
