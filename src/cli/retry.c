/* SPDX-License-Identifier: ISC */
/* hookspool retry and drop: what is to be done about deliveries to sinks. */
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/deliveries.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "spool/deliveries.h"
#include "spool/pause.h"
#include "spool/wakeup.h"

static const char retry_help[] =
	"Usage: hookspool retry --sink NAME | ID...\n"
	"\n"
	"Makes deliveries due now: dead ones as if they were new, and pending ones that wait for\n"
	"their next attempt. Those of a sink, or those with the IDs that hookspool deliveries\n"
	"prints. Ends the pause of their sinks.\n"
	"\n"
	"  --sink NAME        all that this sink has not got\n"
	"  --help             this\n";

static const char drop_help[] =
	"Usage: hookspool drop --sink NAME | ID...\n"
	"\n"
	"Gives pending deliveries up: they are dead then, and hookspool retry brings them back. One\n"
	"that hookspool replay made pending is again what it was before. An attempt that is on the\n"
	"way is not called back.\n"
	"\n"
	"  --sink NAME        all pending ones of this sink\n"
	"  --help             this\n";

/* retry and drop differ in what they do with those that are meant. */
struct change {
	bool (*run)(struct spool_db *db, const struct spool_delivery_filter *f, int64_t now, int64_t *n);
	const char *done[2]; /* of one, and of more */
	bool ends_pauses;
};

struct changing {
	const struct change *change;
	struct spool_db *db;
	int64_t total, back; /* back: those of them that are again what they were before a replay */
	unsigned pauses;     /* that were ended */
	bool missing, ok;
	char why[PATH_MAX + 256];
};

static void end_pause(struct changing *c, const char *sink)
{
	bool ended;

	c->ok = spool_pause_end(c->db, sink, clock_now(), &ended);
	if (!c->ok || !ended)
		return;
	fputs("the pause of sink ", stdout);
	terminal_print(stdout, slice_text(sink), 0);
	puts(" has ended");
	c->pauses++;
}

static void change_some(struct changing *c, const struct spool_delivery_filter *f)
{
	int64_t changed = 0, back = 0;

	if (!c->change->ends_pauses)
		c->ok = spool_deliveries_replayed(c->db, f, &back);
	c->ok = c->ok && c->change->run(c->db, f, clock_now(), &changed);
	c->total += c->ok ? changed : 0;
	c->back += c->ok ? back : 0;
}

/* The sink of the delivery that was found. */
static void on_delivery(void *ctx, const struct spool_delivery *d)
{
	struct buf *name = ctx;

	name->len = 0;
	buf_add(name, d->sink.p, d->sink.n);
}

/* Those with the ids; c->missing where one of them is no delivery's. */
static void change_ids(struct changing *c, char **ids)
{
	struct spool_delivery_filter filter = {.state = -1};
	struct buf sink = {0};
	bool found;

	for (; c->ok && *ids; ids++) {
		deliveries_number(*ids, &filter.id);
		c->ok = spool_deliveries_exist(c->db, &filter, &found);
		if (c->ok && !found) {
			cli_error("there is no delivery %" PRId64, filter.id);
			c->missing = true;
			continue;
		}
		if (c->ok)
			change_some(c, &filter);
		if (c->ok && c->change->ends_pauses)
			c->ok = spool_deliveries_list(c->db, &filter, 1, on_delivery, &sink);
		if (c->ok && c->change->ends_pauses)
			end_pause(c, buf_str(&sink));
	}
	buf_free(&sink);
}

static void say_done(const struct changing *c)
{
	if (c->total > c->back)
		printf("%" PRId64 " %s\n", c->total - c->back, c->change->done[c->total - c->back != 1]);
	if (c->back)
		printf("%" PRId64 " repla%s dropped; the deliver%s again what %s before\n", c->back, c->back == 1 ? "y" : "ys",
			c->back == 1 ? "y is" : "ies are", c->back == 1 ? "it was" : "they were");
	if (c->ok && !c->total && !c->pauses && !c->missing)
		cli_error("nothing to do; hookspool deliveries shows what there is, and replay sends what was delivered once more");
}

static int change_all(const struct cli *cli, const char *sink, char **ids, const struct change *change)
{
	const struct spool_delivery_filter filter = {.sink = sink, .state = -1};
	struct changing c = {.change = change};
	struct spool_wakeup poke = {-1};
	struct conf *conf;
	int status = cli_open(cli, CONF_SECRETS_THERE, &conf, &c.db);
	bool none = false;

	if (status != CLI_OK)
		return status;
	c.ok = deliveries_sink(conf, c.db, sink, &none, c.why, sizeof c.why);
	if (c.ok && sink) {
		change_some(&c, &filter);
		if (c.ok && change->ends_pauses)
			end_pause(&c, sink);
	} else if (c.ok) {
		change_ids(&c, ids);
	}
	if (!none)
		say_done(&c);
	if (c.ok)
		spool_wakeup_send(&poke, conf->spool, change->ends_pauses);
	spool_wakeup_close(&poke);
	status = cli_close(conf, c.db, c.ok, *c.why ? c.why : NULL);
	return none || (status == CLI_OK && (c.missing || (c.total == 0 && c.pauses == 0))) ? CLI_NO : status;
}

static int change_command(const struct cli *cli, int argc, char **argv, const char *help, const struct change *change)
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
		if (!deliveries_number(argv[i], &id) || id == 0)
			return cli_usage(name, "\"%s\" is no ID; hookspool deliveries prints them", argv[i]);
	return change_all(cli, sink, argv + optind, change);
}

int cli_retry(const struct cli *cli, int argc, char **argv)
{
	static const struct change change = {spool_deliveries_retry, {"delivery is due again", "deliveries are due again"}, true};

	return change_command(cli, argc, argv, retry_help, &change);
}

int cli_drop(const struct cli *cli, int argc, char **argv)
{
	static const struct change change = {spool_deliveries_drop, {"delivery dropped", "deliveries dropped"}, false};

	return change_command(cli, argc, argv, drop_help, &change);
}
