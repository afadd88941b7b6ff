/* SPDX-License-Identifier: ISC */
/* hookspool deliveries: prints deliveries of events to sinks, and their attempts. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/deliveries.h"
#include "cli/endpoint_name.h"
#include "cli/json.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "conf/sink_type.h"
#include "spool/deliveries.h"
#include "spool/pause.h"

/* What rows are printed with. */
struct printing {
	const struct conf *conf;
	bool found; /* there was one */
};

bool deliveries_is_store(const struct conf *conf, const struct spool_delivery *d)
{
	const struct endpoint *e = endpoint_name_find(conf, d->endpoint);

	for (size_t i = 0; e && i < e->n_store; i++)
		if (strlen(e->store[i]->name) == d->sink.n && memcmp(e->store[i]->name, d->sink.p, d->sink.n) == 0)
			return true;
	return false;
}

struct slice deliveries_place(const struct conf *conf, const struct spool_delivery *d)
{
	if (d->state != SPOOL_RELAY_DONE || d->status || d->error.p)
		return (struct slice){0};
	for (const struct sink *s = conf->sinks; s < conf->sinks + conf->n_sinks; s++)
		if (strlen(s->name) == d->sink.n && memcmp(s->name, d->sink.p, d->sink.n) == 0)
			return s->type->answers ? (struct slice){0} : d->answer; /* not what a program printed */
	return (struct slice){0};
}

static void print_delivery_object(struct printing *p, const struct spool_delivery *s)
{
	struct json j;

	p->found = true;
	json_begin(&j);
	json_number(&j, "id", s->id);
	json_number(&j, "event", s->event);
	json_text(&j, "endpoint", s->endpoint);
	json_text(&j, "name", endpoint_name(p->conf, s->endpoint));
	json_text(&j, "sink", s->sink);
	json_string(&j, "state", spool_deliveries_states[s->state]);
	json_string(&j, "position", deliveries_is_store(p->conf, s) ? "store" : "relay");
	json_text(&j, "place", deliveries_place(p->conf, s));
	json_number(&j, "attempts", s->attempts);
	if (s->last_at) {
		json_time(&j, "last_at", s->last_at);
		json_number(&j, "status", s->status);
		json_number(&j, "ms", s->ms);
		json_text(&j, "error", s->error);
		json_text(&j, "answer", s->answer);
	}
	if (s->state == SPOOL_RELAY_PENDING)
		json_time(&j, "due", s->due);
	if (s->paused_until > clock_now())
		json_time(&j, "paused_until", s->paused_until);
	json_end(&j);
}

static void print_deliveries_head(bool names)
{
	printf("%6s  %6s  %-16s  %s%-9s  %5s  %-*s  %-*s  %s\n", "ID", "EVENT", "SINK", names ? "ENDPOINT          " : "", "STATE", "TRIES", terminal_time_width(), "LAST TRY",
		terminal_time_width(), "NEXT TRY", "RESULT");
}

static const char *colour_of(const struct spool_delivery *s)
{
	if (s->state == SPOOL_RELAY_DEAD)
		return terminal_colour(TERMINAL_RED);
	return s->state == SPOOL_RELAY_PENDING && s->attempts ? terminal_colour(TERMINAL_YELLOW) : "";
}

static void print_last_result(const struct conf *conf, const struct spool_delivery *s)
{
	struct slice place = deliveries_place(conf, s);

	if (s->status)
		printf("%d in %" PRId64 " ms", s->status, s->ms);
	else if (s->last_at && !s->error.p)
		printf("in %" PRId64 " ms", s->ms);
	if (s->status && s->error.p)
		fputs(", ", stdout);
	if (s->error.p)
		terminal_print(stdout, s->error, 0);
	if (place.n) {
		fputs(", ", stdout);
		terminal_print(stdout, place, 0);
	}
	if (!s->last_at)
		putchar('-');
	if (deliveries_is_store(conf, s))
		fputs(", store", stdout);
}

static void print_delivery_row(struct printing *p, const struct spool_delivery *s)
{
	char last[TERMINAL_TIME], next[TERMINAL_TIME];
	const char *colour = colour_of(s);
	bool names = endpoint_name_any(p->conf);

	if (!p->found)
		print_deliveries_head(names);
	p->found = true;
	printf("%6" PRId64 "  %6" PRId64 "  ", s->id, s->event);
	terminal_cell(stdout, s->sink, 16);
	if (names) {
		fputs("  ", stdout);
		terminal_cell(stdout, endpoint_name(p->conf, s->endpoint), 16);
	}
	printf("  %s%-9s%s  %5d  ", colour, spool_deliveries_states[s->state], *colour ? terminal_colour(TERMINAL_PLAIN) : "", s->attempts);
	printf("%-*s  %-*s  ", terminal_time_width(), s->last_at ? terminal_time(s->last_at, last) : "-", terminal_time_width(),
		s->state == SPOOL_RELAY_PENDING ? terminal_time(s->due, next) : "-");
	print_last_result(p->conf, s);
	putchar('\n');
}

static void print_attempt_json(const struct spool_delivery_attempt *a)
{
	struct json j;

	json_begin(&j);
	json_time(&j, "at", a->at);
	json_number(&j, "status", a->status);
	json_number(&j, "ms", a->ms);
	json_text(&j, "error", a->error);
	json_text(&j, "answer", a->answer);
	json_end(&j);
}

static void print_attempt_row(const struct spool_delivery_attempt *a)
{
	char at[TERMINAL_TIME];

	printf("        %s  %" PRId64 " ms", terminal_time(a->at, at), a->ms);
	if (a->status)
		printf("  %d", a->status);
	if (a->error.p) {
		fputs("  ", stdout);
		terminal_print(stdout, a->error, 0);
	}
	if (a->answer.n) {
		fputs("  ", stdout);
		terminal_print(stdout, a->answer, 0);
	}
	putchar('\n');
}

bool deliveries_sink(const struct conf *conf, struct spool_db *db, const char *sink, bool *none, char *why, size_t n)
{
	const struct spool_delivery_filter filter = {.sink = sink, .state = -1};
	bool found = !sink || conf_sink(conf, sink);

	if (!found && !spool_deliveries_exist(db, &filter, &found))
		return false;
	*none = !found;
	if (*none)
		snprintf(why, n, "the configuration has no sink \"%s\"", sink);
	return found;
}

/* The pauses of that sink; NULL: of all. */
static bool print_pauses(struct spool_db *db, const char *only)
{
	struct spool_rows *rows = spool_pause_list(db, clock_now());
	struct spool_pause p;
	char text[TERMINAL_TIME];

	while (spool_pause_next(rows, &p)) {
		if (only && strcmp(only, p.sink) != 0)
			continue;
		fputs("sink ", stdout);
		terminal_print(stdout, slice_text(p.sink), 0);
		printf(" pauses until %s, after %d failure%s in a row\n", terminal_time(p.until, text), p.failures, p.failures == 1 ? "" : "s");
	}
	return spool_rows_end(rows);
}

static bool print_deliveries(struct spool_db *db, const struct spool_delivery_filter *f, int64_t n, bool json, struct printing *p)
{
	struct spool_rows *rows = spool_deliveries_list(db, f, n);
	struct spool_delivery d;

	while (spool_deliveries_next(rows, &d))
		json ? print_delivery_object(p, &d) : print_delivery_row(p, &d);
	return spool_rows_end(rows);
}

static bool print_attempts(struct spool_db *db, int64_t id, bool json)
{
	struct spool_rows *rows = spool_deliveries_attempts(db, id);
	struct spool_delivery_attempt a;

	while (spool_deliveries_next_attempt(rows, &a))
		json ? print_attempt_json(&a) : print_attempt_row(&a);
	return spool_rows_end(rows);
}

/* One delivery and its attempts are read in one transaction, so that they agree. */
static bool list_deliveries(struct spool_db *db, const struct spool_delivery_filter *f, int64_t n, bool json, struct printing *p)
{
	bool ok;

	if (!f->id)
		return print_deliveries(db, f, n, json, p);
	spool_db_snapshot(db, true);
	ok = print_deliveries(db, f, n, json, p) && (!p->found || print_attempts(db, f->id, json));
	spool_db_snapshot(db, false);
	return ok;
}

struct deliveries {
	const char *sink;
	int64_t event, id, max;
	int state; /* an enum spool_relay_state; -1: any */
	bool shape, json;
};

static int deliveries_run(const struct cli *cli, void *values)
{
	const struct deliveries *o = values;
	const struct spool_delivery_filter filter = {
		.sink = o->sink, .event = o->event, .id = o->id, .state = o->state, .failing_first = !o->json};
	char why[PATH_MAX + 256] = "";
	struct printing p = {0};
	struct spool_db *db = NULL;
	struct conf *conf;
	bool none = false, ok;
	int status;

	if (o->shape && (o->event || o->state >= 0 || o->id))
		return cli_usage("deliveries", "--shape counts what is pending; of the other options it takes --sink and --json");
	status = cli_open(cli, CONF_SECRETS_THERE, &conf, &db);
	if (status != CLI_OK)
		return status;
	p.conf = conf;
	ok = deliveries_sink(conf, db, o->sink, &none, why, sizeof why);
	if (ok && o->shape)
		ok = deliveries_shape(db, o->sink, o->json, why, sizeof why);
	else if (ok)
		ok = (o->json || o->id || o->event || print_pauses(db, o->sink)) && list_deliveries(db, &filter, o->max, o->json, &p);
	if (ok && o->id && !p.found)
		cli_error("there is no delivery %" PRId64, o->id);
	status = cli_close(conf, db, ok, *why ? why : NULL);
	return none || (status == CLI_OK && o->id && !p.found) ? CLI_NO : status;
}

static const char *const state_words[] = {
	[SPOOL_RELAY_PENDING] = "pending", [SPOOL_RELAY_DONE] = "delivered", [SPOOL_RELAY_DEAD] = "dead", NULL};

static const struct command_option deliveries_options[] = {
	{.name = "sink", .kind = COMMAND_SINK, .offset = offsetof(struct deliveries, sink), .argument = "NAME", .help = "to this sink"},
	{.name = "event", .kind = COMMAND_NUMBER, .offset = offsetof(struct deliveries, event), .argument = "ID", .min = 1,
		.wrong = "is no ID; list prints them", .help = "of this event"},
	{.name = "state", .kind = COMMAND_WORD, .offset = offsetof(struct deliveries, state), .argument = "STATE", .words = state_words,
		.help = "pending, delivered or dead"},
	{.letter = 'n', .kind = COMMAND_NUMBER, .offset = offsetof(struct deliveries, max), .argument = "N", .help = "at most N (default 20; 0: all)"},
	{.name = "shape", .offset = offsetof(struct deliveries, shape), .help = "how many are pending, by sink and by age in minutes"},
	{.name = "json", .offset = offsetof(struct deliveries, json),
		.help = "one JSON object a line, the newest last; with the beginning of the last answer"},
	{0},
};

const struct command cli_deliveries = {
	.name = "deliveries",
	.purpose = "print what was sent to sinks, and what was not",
	.usage = "[OPTION]... [ID]",
	.about = "Prints deliveries to sinks: those that fail first, then the dead, the pending and the delivered, each with the newest "
		"first. Lines before the table name the sinks that the relay pauses for. With an ID, prints that one, and its last attempts "
		"with the answers.",
	.examples = "deliveries --state dead\ndeliveries --sink crm --shape",
	.options = deliveries_options,
	.argument = {.kind = COMMAND_NUMBER, .offset = offsetof(struct deliveries, id), .argument = "ID", .min = 1, .wrong = "is no ID"},
	.argument_optional = true,
	.size = sizeof(struct deliveries),
	.defaults = &(const struct deliveries){.state = -1, .max = 20},
	.run = deliveries_run,
};
