/* SPDX-License-Identifier: ISC */
/* hookspool stats: prints how much is stored, and the outcomes of the deliveries. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/endpoint_name.h"
#include "cli/json.h"
#include "cli/stats_catchup.h"
#include "cli/terminal.h"
#include "conf/kind.h"
#include "core/clock.h"
#include "metrics/metrics.h"
#include "spool/deliveries.h"
#include "spool/totals.h"

static void print_totals(const struct spool_totals *t)
{
	char oldest[TERMINAL_TIME], newest[TERMINAL_TIME];

	printf("%s%" PRId64 " events stored, %.1f MiB on disk\n", t->at_most ? "at most " : "", t->events, (double)t->bytes / 1048576);
	if (t->events)
		printf("from %s to %s\n", terminal_time(t->oldest, oldest), terminal_time(t->newest, newest));
}

struct counters {
	const struct conf *conf;
	char group[1024]; /* the endpoint or sink that was printed last */
	bool any;
};

/* Finds the secret of that id, and its number. NULL when it was removed from the configuration. */
static const struct secret *find_secret(const struct conf *c, const char *endpoint, int64_t id, int *number)
{
	const struct endpoint *e = conf_endpoint(c, endpoint);

	*number = e ? conf_secret(&e->secrets, id) : 0;
	return *number ? &e->secrets.item[*number - 1] : NULL;
}

static void print_secret(const struct conf *conf, const char *endpoint, int64_t id)
{
	int number;
	const struct secret *secret = find_secret(conf, endpoint, id, &number);

	if (secret)
		printf("  secret %d (%s)", number, secret->source);
	else
		fputs("  a secret that was removed", stdout);
}

/* The title of a group, as the spool has it. */
static void print_title(const char *kind, const char *name)
{
	printf("\n%s", kind);
	terminal_print(stdout, slice_text(name), 0);
	putchar('\n');
}

static void print_endpoint(const struct conf *conf, const char *endpoint)
{
	if (!*endpoint) {
		print_title("", "paths that no endpoint has");
		return;
	}
	putchar('\n');
	endpoint_name_print(conf, slice_text(endpoint));
	putchar('\n');
}

static void print_counter(struct counters *c, const struct spool_counter *k)
{
	char last[TERMINAL_TIME];

	if (!c->any || strcmp(c->group, k->endpoint) != 0)
		print_endpoint(c->conf, k->endpoint);
	c->any = true;
	snprintf(c->group, sizeof c->group, "%s", k->endpoint);
	fputs("  ", stdout);
	terminal_cell(stdout, slice_text(k->code), 18);
	printf(" %10" PRId64 "  last %s", k->n, terminal_time(k->last_at, last));
	if (k->secret)
		print_secret(c->conf, k->endpoint, k->secret);
	putchar('\n');
}

static void print_sink(struct counters *c, const struct spool_delivery_count *k)
{
	if (!c->any || strcmp(c->group, k->sink) != 0)
		print_title("sink ", k->sink);
	c->any = true;
	snprintf(c->group, sizeof c->group, "%s", k->sink);
	printf("  %-18s %10" PRId64 "\n", spool_deliveries_states[k->state], k->n);
}

/* The endpoints with `expect`. */
static bool print_silences(const struct conf *conf, struct spool_db *db)
{
	char last[TERMINAL_TIME];
	struct buf expect = {0};
	bool ok = true, any = false;
	int64_t at;

	for (const struct endpoint *e = conf->endpoints; ok && e < conf->endpoints + conf->n_endpoints; e++) {
		if (!e->expect)
			continue;
		ok = spool_totals_last(db, e->path, &at);
		expect.len = 0;
		kind_print_time(&expect, e->expect);
		if (!any)
			putchar('\n');
		any = true;
		endpoint_name_print(conf, slice_text(e->path));
		printf(": an event is expected each %s; %s%s%s\n", buf_str(&expect), at ? "the last came " : "none has come yet",
			at ? terminal_time(at, last) : "", at && clock_now() - at > e->expect ? ": silent" : "");
	}
	buf_free(&expect);
	return ok;
}

static bool print_stats_text(const struct conf *conf, struct spool_db *db, const struct spool_totals *t)
{
	struct counters counters = {.conf = conf}, sinks = {.conf = conf};
	struct spool_counter counter;
	struct spool_delivery_count count;
	struct spool_rows *rows;

	print_totals(t);
	rows = spool_totals_counters(db);
	while (spool_totals_next(rows, &counter))
		print_counter(&counters, &counter);
	if (!spool_rows_end(rows))
		return false;
	rows = spool_deliveries_counts(db);
	while (spool_deliveries_next_count(rows, &count))
		print_sink(&sinks, &count);
	return spool_rows_end(rows) && print_silences(conf, db) && stats_print_catchups(db);
}

static void add_counter(struct json *j, const struct conf *conf, const struct spool_counter *c)
{
	const struct secret *secret;
	char hex[16];
	int number;

	secret = find_secret(conf, c->endpoint, c->secret, &number);
	snprintf(hex, sizeof hex, "%" PRIx64, c->secret);
	json_item(j);
	json_string(j, "endpoint", c->endpoint);
	json_text(j, "name", endpoint_name(conf, slice_text(c->endpoint)));
	json_string(j, "outcome", c->code);
	json_number(j, "secret", number);
	json_text(j, "secret_id", (struct slice){c->secret ? hex : NULL, strlen(hex)});
	json_text(j, "secret_source", (struct slice){secret ? secret->source : NULL, secret ? strlen(secret->source) : 0});
	json_number(j, "deliveries", c->n);
	json_time(j, "last_at", c->last_at);
	json_item_end(j);
}

static void add_sink(struct json *j, const struct spool_delivery_count *c)
{
	json_item(j);
	json_string(j, "sink", c->sink);
	json_string(j, "state", spool_deliveries_states[c->state]);
	json_number(j, "deliveries", c->n);
	json_item_end(j);
}

static bool add_silence(struct json *j, struct spool_db *db, const struct endpoint *e)
{
	int64_t at;

	if (!e->expect)
		return true;
	if (!spool_totals_last(db, e->path, &at))
		return false;
	json_item(j);
	json_string(j, "endpoint", e->path);
	json_number(j, "expect_seconds", e->expect / 1000);
	if (at)
		json_time(j, "last_at", at);
	else
		json_text(j, "last_at", (struct slice){0});
	json_item_end(j);
	return true;
}

static bool print_stats_json(const struct conf *conf, struct spool_db *db, const struct spool_totals *t)
{
	struct json json, *j = &json;
	struct spool_delivery_count count;
	struct spool_counter counter;
	struct spool_rows *rows;
	bool ok;

	json_begin(j);
	json_number(j, "events", t->events);
	json_bool(j, "events_at_most", t->at_most);
	json_number(j, "bytes", t->bytes);
	if (t->events) {
		json_time(j, "oldest", t->oldest);
		json_time(j, "newest", t->newest);
	} else {
		json_text(j, "oldest", (struct slice){0});
		json_text(j, "newest", (struct slice){0});
	}
	json_list(j, "counters");
	rows = spool_totals_counters(db);
	while (spool_totals_next(rows, &counter))
		add_counter(j, conf, &counter);
	ok = spool_rows_end(rows);
	json_list_end(j);
	json_list(j, "sinks");
	rows = spool_deliveries_counts(db);
	while (spool_deliveries_next_count(rows, &count))
		add_sink(j, &count);
	ok = spool_rows_end(rows) && ok;
	json_list_end(j);
	json_list(j, "expected");
	for (size_t i = 0; ok && i < conf->n_endpoints; i++)
		ok = add_silence(j, db, &conf->endpoints[i]);
	json_list_end(j);
	ok = stats_add_catchups(j, db) && ok;
	json_end(j);
	return ok;
}

static bool print_stats_prometheus(const struct conf *conf, struct spool_db *db, const char **why)
{
	struct buf out = {0};
	bool ok = metrics_write(conf, db, EXPOSITION_TEXT, (struct slice){0}, &out);

	if (ok && (fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout) != 0)) {
		*why = "standard output can't be written";
		ok = false;
	}
	buf_free(&out);
	return ok;
}

struct stats {
	bool json, prometheus;
};

static int stats_run(const struct cli *cli, void *values)
{
	const struct stats *s = values;
	struct spool_totals totals;
	struct spool_db *db = NULL;
	const char *why = NULL;
	struct conf *conf;
	int status;
	bool ok;

	if (s->json && s->prometheus)
		return cli_usage("stats", "give --json or --prometheus, not both");
	status = cli_open(cli, CONF_SECRETS_THERE, &conf, &db);
	if (status != CLI_OK)
		return status;
	if (s->prometheus)
		return cli_close(conf, db, print_stats_prometheus(conf, db, &why), why);
	spool_db_snapshot(db, true);
	ok = spool_totals_read(db, &totals);
	if (ok)
		ok = s->json ? print_stats_json(conf, db, &totals) : print_stats_text(conf, db, &totals);
	spool_db_snapshot(db, false);
	return cli_close(conf, db, ok, NULL);
}

static const struct command_option stats_options[] = {
	{.name = "json", .offset = offsetof(struct stats, json), .help = "print one JSON object"},
	{.name = "prometheus", .offset = offsetof(struct stats, prometheus), .help = "print all metrics, as Prometheus and its textfile collector read them"},
	{0},
};

const struct command cli_stats = {
	.name = "stats",
	.purpose = "count events and outcomes",
	.usage = "[--json | --prometheus]",
	.about = "Prints how many events are stored. For each endpoint, prints how many deliveries had which outcome, under which of its "
		"secrets, and when the last one was. The counters begin with the first day; purge does not change them. For each sink, "
		"prints how many deliveries of stored events are pending, delivered or dead. For each endpoint with expect, prints when its last "
		"event came. For each catch-up, prints what it found missing.",
	.options = stats_options,
	.size = sizeof(struct stats),
	.run = stats_run,
};
