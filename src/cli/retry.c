/* SPDX-License-Identifier: ISC */
/* hookspool retry and drop: change the state of deliveries to sinks. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/deliveries.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "spool/deliveries.h"
#include "spool/pause.h"
#include "spool/wakeup.h"

/* What retry and drop do with the chosen deliveries. */
struct change {
	bool (*run)(struct spool_db *db, const struct spool_delivery_filter *f, int64_t now, int64_t *n);
	const char *done[2]; /* of one, and of more */
	bool ends_pauses;
};

struct changing {
	const struct change *change;
	struct spool_db *db;
	int64_t total, back; /* back: how many returned to their state before a replay */
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

/* Copies the name of the sink of the filter's delivery. */
static bool find_sink(struct changing *c, const struct spool_delivery_filter *f, struct buf *name)
{
	struct spool_rows *rows = spool_deliveries_list(c->db, f, 1);
	struct spool_delivery d;

	name->len = 0;
	if (spool_deliveries_next(rows, &d))
		buf_add(name, d.sink.p, d.sink.n);
	return spool_rows_end(rows);
}

/* Changes the deliveries with the ids. c->missing becomes true where one does not exist. */
static void change_ids(struct changing *c, char **ids)
{
	struct spool_delivery_filter filter = {.state = -1};
	struct buf sink = {0};
	bool found;

	for (; c->ok && *ids; ids++) {
		filter.id = strtoll(*ids, NULL, 10);
		c->ok = spool_deliveries_exist(c->db, &filter, &found);
		if (c->ok && !found) {
			cli_error("there is no delivery %" PRId64, filter.id);
			c->missing = true;
			continue;
		}
		if (c->ok)
			change_some(c, &filter);
		if (c->ok && c->change->ends_pauses)
			c->ok = find_sink(c, &filter, &sink);
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

struct retry_options {
	const char *sink;
	char **ids; /* NULL behind the last */
};

static int change_all(const struct cli *cli, const struct retry_options *o, const char *name, const struct change *change)
{
	const char *sink = o->sink;
	const struct spool_delivery_filter filter = {.sink = sink, .state = -1};
	struct changing c = {.change = change};
	struct spool_wakeup wakeup = {-1};
	struct conf *conf;
	bool none = false;
	int status;

	if (!sink == !*o->ids)
		return cli_usage(name, "name a --sink, or IDs; hookspool deliveries prints them");
	status = cli_open(cli, CONF_SECRETS_THERE, &conf, &c.db);
	if (status != CLI_OK)
		return status;
	c.ok = deliveries_sink(conf, c.db, sink, &none, c.why, sizeof c.why);
	if (c.ok && sink) {
		change_some(&c, &filter);
		if (c.ok && change->ends_pauses)
			end_pause(&c, sink);
	} else if (c.ok) {
		change_ids(&c, o->ids);
	}
	if (!none)
		say_done(&c);
	if (c.ok)
		spool_wakeup_send(&wakeup, conf->dir, change->ends_pauses);
	spool_wakeup_close(&wakeup);
	status = cli_close(conf, c.db, c.ok, *c.why ? c.why : NULL);
	return none || (status == CLI_OK && (c.missing || (c.total == 0 && c.pauses == 0))) ? CLI_NO : status;
}

static int retry_run(const struct cli *cli, void *values)
{
	static const struct change change = {spool_deliveries_retry, {"delivery is due again", "deliveries are due again"}, true};

	return change_all(cli, values, "retry", &change);
}

static int drop_run(const struct cli *cli, void *values)
{
	static const struct change change = {spool_deliveries_drop, {"delivery dropped", "deliveries dropped"}, false};

	return change_all(cli, values, "drop", &change);
}

#define RETRY_IDS {.kind = COMMAND_IDS, .offset = offsetof(struct retry_options, ids), .argument = "ID", \
	.wrong = "is no ID; hookspool deliveries prints them"}

static const struct command_option retry_options[] = {
	{.name = "sink", .kind = COMMAND_SINK, .offset = offsetof(struct retry_options, sink), .argument = "NAME",
		.help = "all that this sink has not got"},
	{0},
};

const struct command cli_retry = {
	.name = "retry",
	.purpose = "send dead deliveries again",
	.usage = "--sink NAME | ID...",
	.about = "Makes deliveries due now: dead ones as if they were new, and pending ones that wait for their next attempt. Takes "
		"those of a sink, or those with the IDs that hookspool deliveries prints. Ends the pauses of their sinks.",
	.examples = "retry --sink crm\nretry 12 13",
	.options = retry_options,
	.argument = RETRY_IDS,
	.size = sizeof(struct retry_options),
	.run = retry_run,
};

static const struct command_option drop_options[] = {
	{.name = "sink", .kind = COMMAND_SINK, .offset = offsetof(struct retry_options, sink), .argument = "NAME",
		.help = "all pending ones of this sink"},
	{0},
};

const struct command cli_drop = {
	.name = "drop",
	.purpose = "give pending deliveries up",
	.usage = "--sink NAME | ID...",
	.about = "Gives pending deliveries up: they are dead then, and hookspool retry brings them back. A delivery that hookspool "
		"replay made pending is again what it was before. A running attempt is not stopped.",
	.examples = "drop --sink crm\ndrop 12 13",
	.options = drop_options,
	.argument = RETRY_IDS,
	.size = sizeof(struct retry_options),
	.run = drop_run,
};
