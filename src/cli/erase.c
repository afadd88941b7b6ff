/* SPDX-License-Identifier: ISC */
/* hookspool erase: deletes all data of a person from the spool. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "core/clock.h"
#include "spool/erase.h"
#include "spool/overflow.h"

struct erase {
	struct spool_erase what;
	bool json;
};

static void print_count(int64_t n, const char *one, const char *many, const char *before)
{
	printf("%s%" PRId64 " %s", before, n, n == 1 ? one : many);
}

static void say_erased(const struct spool_erased *sum, bool dry_run)
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
	if (sum->unread) {
		print_count(sum->unread, "event of another sender has", "events of other senders have", "");
		printf(" a damaged body, which may mention the ID; see hookspool check --deep\n");
	}
}

static void print_erased_json(const struct spool_erased *sum, bool dry_run)
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
	json_number(&j, "unread", sum->unread);
	json_end(&j);
}

/* An event that waits in the overflow may be of the person, and would come into the spool later. */
static bool none_waits(const struct conf *conf, int64_t n, char *why, size_t size)
{
	if (n)
		snprintf(why, size, "the overflow %s has %" PRId64 " event%s that %s not in the spool yet; run hookspool relay --once, then this again",
			conf->overflow_dir, n, n == 1 ? "" : "s", n == 1 ? "is" : "are");
	return !n;
}

static int erase_run(const struct cli *cli, void *values)
{
	struct erase *o = values;
	struct spool_erased sum = {0};
	struct spool_db *db = NULL;
	struct conf *conf;
	char why[256] = "";
	int64_t waiting;
	int status;
	bool ok;

	if (!o->what.sender || !*o->what.sender)
		return cli_usage("erase", "the --sender is missing");
	status = cli_open(cli, CONF_SECRETS_THERE, &conf, &db);
	if (status != CLI_OK)
		return status;
	o->what.keys_since = clock_now() - conf->dedupe_window;
	ok = spool_erase(db, &o->what, &sum);
	/* also where nothing was found: an earlier run may have been killed before it */
	ok = ok && (o->what.dry_run || (spool_delete_wipe(db) && spool_overflow_wipe(conf, &waiting, why, sizeof why) &&
		none_waits(conf, waiting, why, sizeof why)));
	if (o->json)
		print_erased_json(&sum, o->what.dry_run);
	else
		say_erased(&sum, o->what.dry_run);
	status = cli_close(conf, db, ok, *why ? why : NULL);
	return status == CLI_OK && !sum.events.events && !sum.refusals && !sum.conversations ? CLI_NO : status;
}

static const struct command_option erase_options[] = {
	{.name = "sender", .kind = COMMAND_TEXT, .offset = offsetof(struct erase, what.sender), .argument = "ID",
		.help = "the sender's id, as show prints it"},
	{.name = "mentions", .offset = offsetof(struct erase, what.mentions),
		.help = "also events of other senders whose body or headers mention the ID"},
	{.name = "dry-run", .offset = offsetof(struct erase, what.dry_run), .help = "only print how much"},
	{.name = "json", .offset = offsetof(struct erase, json), .help = "print one JSON object"},
	{0},
};

const struct command cli_erase = {
	.name = "erase",
	.purpose = "delete all that the spool has of a person",
	.usage = "--sender ID [--mentions] [--dry-run] [--json]",
	.about = "Deletes the events of a sender, with their deliveries, attempts and answers. Conversations that no other event belongs "
		"to are deleted too, and rejected deliveries that mention the ID.\n"
		"\n"
		"When erase exits with 0, no file of the spool has anything of them. Dedupe keys stay as hashes for dedupe-window: a retry "
		"of an erased event is not stored again. Backups, logs and sinks are not touched. Receiving goes on.",
	.more = "Exit status: 0 erased, or would be; 1 the spool has nothing of that sender; 75 not all is erased, run it again.",
	.examples = "erase --sender ACoAAB1x2Y --dry-run\nerase --sender ACoAAB1x2Y --mentions",
	.options = erase_options,
	.size = sizeof(struct erase),
	.run = erase_run,
};
