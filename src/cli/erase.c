/* SPDX-License-Identifier: ISC */
/* hookspool erase: deletes all that the spool has of a person. */
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "core/clock.h"
#include "spool/erase.h"

static const char help[] =
	"Usage: hookspool erase --sender ID [--mentions] [--dry-run] [--json]\n"
	"\n"
	"Deletes the events of a sender, with their deliveries, attempts and answers, the\n"
	"conversations that no other event belongs to, and rejected deliveries that mention the\n"
	"ID. When erase exits with 0, all of it is gone from the files of the spool. Dedupe keys\n"
	"stay as hashes for dedupe-window: a retry of an erased event is not stored again.\n"
	"Backups, logs and sinks are not touched. Receiving goes on.\n"
	"\n"
	"  --sender ID   the sender's id, as show prints it\n"
	"  --mentions    also events of other senders whose body or headers mention the ID\n"
	"  --dry-run     only say how much\n"
	"  --json        print one JSON object\n"
	"  --help        this\n"
	"\n"
	"Exit status: 0 erased, or would be; 1 the spool has nothing of that sender; 75 not all\n"
	"is erased, run it again.\n";

struct options {
	struct spool_erase what;
	bool json;
};

static void print_count(int64_t n, const char *one, const char *many, const char *before)
{
	printf("%s%" PRId64 " %s", before, n, n == 1 ? one : many);
}

static void say(const struct spool_erased *sum, bool dry_run)
{
	print_count(sum->events.events, "event", "events", "");
	print_count(sum->events.deliveries, "delivery", "deliveries", ", ");
	print_count(sum->events.attempts, "attempt", "attempts", ", ");
	print_count(sum->conversations, "conversation", "conversations", ", ");
	print_count(sum->refusals, "rejected delivery", "rejected deliveries", ", ");
	printf(" %s\n", dry_run ? "would be erased" : "erased");
	if (sum->mentioned) {
		print_count(sum->mentioned, "event of another sender mentions", "events of other senders mention", "");
		printf(" the ID and stay%s; --mentions erases %s\n", sum->mentioned == 1 ? "s" : "", sum->mentioned == 1 ? "it" : "them");
	}
}

static void print_json(const struct spool_erased *sum, bool dry_run)
{
	struct json j;

	json_begin(&j);
	json_string(&j, "status", dry_run ? "dry-run" : "erased");
	json_number(&j, "events", sum->events.events);
	json_number(&j, "deliveries", sum->events.deliveries);
	json_number(&j, "pending", sum->events.pending);
	json_number(&j, "attempts", sum->events.attempts);
	json_number(&j, "conversations", sum->conversations);
	json_number(&j, "rejected", sum->refusals);
	json_number(&j, "mentioned", sum->mentioned);
	json_end(&j);
}

static int erase(const struct cli *cli, struct options *o)
{
	struct spool_erased sum = {0};
	struct spool_db *db = NULL;
	struct conf *conf;
	int status = cli_open(cli, CONF_SECRETS_THERE, &conf, &db);
	bool ok;

	if (status != CLI_OK)
		return status;
	o->what.keys_since = clock_now() - conf->dedupe_window;
	ok = spool_erase(db, &o->what, &sum);
	/* also where nothing was found: an erasure that was killed may have left it to this one */
	ok = ok && (o->what.dry_run || spool_delete_wipe(db));
	if (o->json)
		print_json(&sum, o->what.dry_run);
	else
		say(&sum, o->what.dry_run);
	status = cli_close(conf, db, ok, NULL);
	return status == CLI_OK && !sum.events.events && !sum.refusals && !sum.conversations ? CLI_NO : status;
}

int cli_erase(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"sender", required_argument, NULL, 's'}, {"mentions", no_argument, NULL, 'm'},
		{"dry-run", no_argument, NULL, 'd'}, {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct options o = {0};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 'h': fputs(help, stdout); return CLI_OK;
		case 's': o.what.sender = optarg; break;
		case 'm': o.what.mentions = true; break;
		case 'd': o.what.dry_run = true; break;
		case 'j': o.json = true; break;
		default: return cli_usage("erase", c == ':' ? "%s needs a value" : "unknown option %s", argv[optind - 1]);
		}
	}
	if (optind < argc)
		return cli_usage("erase", "it takes no %s", argv[optind]);
	if (!o.what.sender || !*o.what.sender)
		return cli_usage("erase", "say whose events with --sender ID");
	return erase(cli, &o);
}
