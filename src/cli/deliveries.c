/* hookspool deliveries, retry, drop: what became of events on their way to the sinks, and what is to be done about it. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/json.h"
#include "cli/plain.h"
#include "core/clock.h"
#include "sink/spool_poke.h"
#include "sink/spool_deliveries.h"

static const char deliveries_help[] =
	"Usage: hookspool deliveries [OPTION]... [ID]\n"
	"\n"
	"Prints the newest deliveries to sinks, the newest last: its ID, the event, the sink, its\n"
	"state, the attempts, what the last one gave, and when the next is due. With an ID, that\n"
	"one, and its last attempts with what was answered.\n"
	"\n"
	"  --sink NAME        to this sink\n"
	"  --event ID         of this event\n"
	"  --state STATE      pending, delivered or dead\n"
	"  -n N               at most N (default 20; 0: all)\n"
	"  --json             one JSON object a line; with the beginning of the last answer\n"
	"  --help             this\n";

static const char retry_help[] =
	"Usage: hookspool retry --sink NAME | ID...\n"
	"\n"
	"Makes deliveries due now: dead ones as if they were new, and pending ones that wait for\n"
	"their next attempt. Those of a sink, or those with the IDs that hookspool deliveries\n"
	"prints. A sink that the relay pauses for is tried at once.\n"
	"\n"
	"  --sink NAME        all that this sink has not got\n"
	"  --help             this\n";

static const char drop_help[] =
	"Usage: hookspool drop --sink NAME | ID...\n"
	"\n"
	"Gives pending deliveries up: they are dead then, and hookspool retry brings them back. An\n"
	"attempt that is on the way is not called back.\n"
	"\n"
	"  --sink NAME        all pending ones of this sink\n"
	"  --help             this\n";

static void print_json(void *ctx, const struct spool_delivery *s)
{
	bool *found = ctx;
	struct json j;

	*found = true;
	json_begin(&j);
	json_number(&j, "id", s->id);
	json_number(&j, "event", s->event);
	json_text(&j, "endpoint", s->endpoint);
	json_text(&j, "sink", s->sink);
	json_string(&j, "state", spool_deliveries_states[s->state]);
	json_number(&j, "attempts", s->attempts);
	if (s->last_at) {
		json_time(&j, "last_at", s->last_at);
		json_number(&j, "status", s->status);
		json_number(&j, "ms", s->ms);
		json_text(&j, "error", s->error);
		json_text(&j, "answer", s->answer);
	}
	if (s->state == RELAY_PENDING)
		json_time(&j, "due", s->due);
	json_end(&j);
}

static void print_row(void *ctx, const struct spool_delivery *s)
{
	bool *found = ctx;
	char due[CLOCK_TEXT];

	*found = true;
	printf("%6" PRId64 "  event %-6" PRId64 "  ", s->id, s->event);
	plain_cell(stdout, s->sink, 16);
	printf("  %-9s  %3d attempt%s", spool_deliveries_states[s->state], s->attempts, s->attempts == 1 ? " " : "s");
	if (s->status)
		printf("  %d in %" PRId64 " ms", s->status, s->ms);
	else if (s->last_at && !s->error.p)
		printf("  in %" PRId64 " ms", s->ms);
	if (s->error.p) {
		fputs("  ", stdout);
		plain_print(stdout, s->error, 0);
	}
	if (s->state == RELAY_PENDING)
		printf("  next %s", clock_format(s->due, due));
	putchar('\n');
}

static void print_attempt_json(void *ctx, const struct spool_delivery_attempt *a)
{
	struct json j;

	(void)ctx;
	json_begin(&j);
	json_time(&j, "at", a->at);
	json_number(&j, "status", a->status);
	json_number(&j, "ms", a->ms);
	json_text(&j, "error", a->error);
	json_text(&j, "answer", a->answer);
	json_end(&j);
}

static void print_attempt(void *ctx, const struct spool_delivery_attempt *a)
{
	char at[CLOCK_TEXT];

	(void)ctx;
	printf("        %s  %" PRId64 " ms", clock_format(a->at, at), a->ms);
	if (a->status)
		printf("  %d", a->status);
	if (a->error.p) {
		fputs("  ", stdout);
		plain_print(stdout, a->error, 0);
	}
	if (a->answer.n) {
		fputs("  ", stdout);
		plain_print(stdout, a->answer, 0);
	}
	putchar('\n');
}

static bool take_number(const char *text, int64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoll(text, &end, 10);
	return errno == 0 && end > text && *end == '\0' && *out >= 0;
}

static bool take_state(const char *text, int *out)
{
	for (*out = RELAY_PENDING; *out <= RELAY_DEAD; ++*out)
		if (strcmp(spool_deliveries_states[*out], text) == 0)
			return true;
	return false;
}

/* A sink that was removed is one as long as there are deliveries for it. False with the reason in why; *none where there is no such sink. */
static bool find_sink(const struct conf *conf, struct spool_db *db, const char *sink, bool *none, char *why, size_t n)
{
	const struct spool_delivery_filter filter = {.sink = sink, .state = -1};
	bool found = !sink || conf_sink(conf, sink);

	if (!found && !spool_deliveries_exist(db, &filter, &found, why, n))
		return false;
	*none = !found;
	if (*none)
		snprintf(why, n, "the configuration has no sink \"%s\"", sink);
	return found;
}

int cli_deliveries(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"sink", required_argument, NULL, 's'}, {"event", required_argument, NULL, 'e'},
		{"state", required_argument, NULL, 't'}, {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct spool_delivery_filter filter = {.state = -1};
	char why[PATH_MAX + 256] = "";
	bool json = false, found = false, none = false, ok;
	struct spool_db db;
	struct conf *conf;
	int64_t n = 20;
	int c, status;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":n:h", options, NULL)) != -1) {
		switch (c) {
		case 'h':
			fputs(deliveries_help, stdout);
			return CLI_OK;
		case 's':
			filter.sink = optarg;
			break;
		case 'e':
			if (!take_number(optarg, &filter.event) || filter.event == 0)
				return cli_usage("deliveries", "--event: \"%s\" is no ID; list prints them", optarg);
			break;
		case 'j':
			json = true;
			break;
		case 't':
			if (!take_state(optarg, &filter.state))
				return cli_usage("deliveries", "--state: \"%s\" is none; write pending, delivered or dead", optarg);
			break;
		case 'n':
			if (!take_number(optarg, &n))
				return cli_usage("deliveries", "-n: \"%s\" is no number", optarg);
			break;
		default:
			return cli_usage("deliveries", c == ':' ? "%s needs a value" : "unknown option %s", argv[optind - 1]);
		}
	}
	if (argc - optind > 1 || (optind < argc && (!take_number(argv[optind], &filter.id) || filter.id == 0)))
		return cli_usage("deliveries", "\"%s\" is no ID, or there are several", argv[optind]);
	status = cli_open(cli, CONF_SECRETS_THERE, &conf, &db);
	if (status != CLI_OK)
		return status;
	ok = find_sink(conf, &db, filter.sink, &none, why, sizeof why) &&
		spool_deliveries_list(&db, &filter, n, json ? print_json : print_row, &found, why, sizeof why) &&
		(!filter.id || !found ||
			spool_deliveries_attempts(&db, filter.id, json ? print_attempt_json : print_attempt, NULL, why, sizeof why));
	if (ok && filter.id && !found)
		cli_error("there is no delivery %" PRId64, filter.id);
	status = cli_close(conf, &db, ok, why);
	return none || (status == CLI_OK && filter.id && !found) ? CLI_NO : status;
}

/* retry and drop differ in what they do with those that are meant. */
typedef bool change(struct spool_db *db, const struct spool_delivery_filter *f, int64_t now, int64_t *n, char *why, size_t why_size);

/* Those with the ids; *missing where one of them is no delivery's. */
static bool change_ids(struct spool_db *db, char **ids, change *run, int64_t *total, bool *missing, char *why, size_t n)
{
	struct spool_delivery_filter filter = {.state = -1};
	int64_t changed = 0;
	bool ok = true, found;

	for (; ok && *ids; ids++) {
		take_number(*ids, &filter.id);
		ok = spool_deliveries_exist(db, &filter, &found, why, n) && run(db, &filter, clock_now(), &changed, why, n);
		*total += ok ? changed : 0;
		if (ok && !found) {
			cli_error("there is no delivery %" PRId64, filter.id);
			*missing = true;
		}
	}
	return ok;
}

static int change_all(const struct cli *cli, const char *sink, char **ids, change *run, const char *const done[2])
{
	const struct spool_delivery_filter filter = {.sink = sink};
	struct spool_poke poke = {-1};
	char why[PATH_MAX + 256] = "";
	int64_t total = 0;
	struct spool_db db;
	struct conf *conf;
	int status = cli_open(cli, CONF_SECRETS_THERE, &conf, &db);
	bool none = false, missing = false, ok;

	if (status != CLI_OK)
		return status;
	ok = find_sink(conf, &db, sink, &none, why, sizeof why) &&
		(sink ? run(&db, &filter, clock_now(), &total, why, sizeof why)
			: change_ids(&db, ids, run, &total, &missing, why, sizeof why));
	if (total)
		printf("%" PRId64 " %s\n", total, done[total != 1]);
	else if (ok && !missing)
		cli_error("nothing to do; hookspool deliveries shows what there is, and replay sends what was delivered once more");
	if (ok) /* what is due may wait for a pause to end */
		spool_poke_send(&poke, conf->spool, true);
	spool_poke_close(&poke);
	status = cli_close(conf, &db, ok, why);
	return none || (status == CLI_OK && (missing || total == 0)) ? CLI_NO : status;
}

static int change_command(const struct cli *cli, int argc, char **argv, const char *help, change *run,
	const char *const done[2])
{
	static const struct option options[] = {
		{"sink", required_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	const char *name = argv[0], *sink = NULL;
	int64_t id;
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return CLI_OK;
		}
		if (c != 's')
			return cli_usage(name, c == ':' ? "%s needs a value" : "unknown option %s", argv[optind - 1]);
		sink = optarg;
	}
	if (!sink == (optind == argc))
		return cli_usage(name, "which? a --sink, or IDs; hookspool deliveries prints them");
	for (int i = optind; i < argc; i++)
		if (!take_number(argv[i], &id) || id == 0)
			return cli_usage(name, "\"%s\" is no ID; hookspool deliveries prints them", argv[i]);
	return change_all(cli, sink, argv + optind, run, done);
}

int cli_retry(const struct cli *cli, int argc, char **argv)
{
	static const char *const done[] = {"delivery is due again", "deliveries are due again"};

	return change_command(cli, argc, argv, retry_help, spool_deliveries_retry, done);
}

int cli_drop(const struct cli *cli, int argc, char **argv)
{
	static const char *const done[] = {"delivery dropped", "deliveries dropped"};

	return change_command(cli, argc, argv, drop_help, spool_deliveries_drop, done);
}
