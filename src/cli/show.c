/* SPDX-License-Identifier: ISC */
/* hookspool show: one event in full, and whether its signature still holds. */
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
#include "cli/verdict.h"
#include "core/clock.h"
#include "core/unpack.h"
#include "spool/deliveries.h"
#include "spool/events.h"

struct show {
	int64_t id;
	bool raw, json;
	const struct conf *conf;
	struct spool_db *db;
	bool ok;
};

static void print_delivery(const struct conf *conf, const struct spool_delivery *d)
{
	struct slice place = deliveries_place(conf, d);

	printf("%-13s %" PRId64 " to ", "delivery", d->id);
	terminal_print(stdout, d->sink, 0);
	printf("%s: %s, %d attempt%s", deliveries_is_store(conf, d) ? " (store)" : "", spool_deliveries_states[d->state], d->attempts, d->attempts == 1 ? "" : "s");
	if (d->status)
		printf(", %d in %" PRId64 " ms", d->status, d->ms);
	if (d->error.p) {
		fputs(", ", stdout);
		terminal_print(stdout, d->error, 0);
	}
	if (place.n) {
		fputs(", ", stdout);
		terminal_print(stdout, place, 0);
	}
	putchar('\n');
}

static void print_delivery_json(struct json *j, const struct conf *conf, const struct spool_delivery *d)
{
	json_item(j);
	json_number(j, "id", d->id);
	json_text(j, "sink", d->sink);
	json_string(j, "state", spool_deliveries_states[d->state]);
	json_string(j, "position", deliveries_is_store(conf, d) ? "store" : "relay");
	json_text(j, "place", deliveries_place(conf, d));
	json_number(j, "attempts", d->attempts);
	if (d->last_at) {
		json_time(j, "last_at", d->last_at);
		json_number(j, "status", d->status);
		json_text(j, "error", d->error);
	}
	json_item_end(j);
}

/* Prints the deliveries of the event to sinks, as items of j unless that is NULL. s->ok becomes false at a failure. */
static void show_deliveries(struct show *s, int64_t event, struct json *j)
{
	const struct spool_delivery_filter filter = {.event = event, .state = -1};
	struct spool_rows *rows = spool_deliveries_list(s->db, &filter, 0);
	struct spool_delivery d;

	while (spool_deliveries_next(rows, &d))
		j ? print_delivery_json(j, s->conf, &d) : print_delivery(s->conf, &d);
	s->ok = spool_rows_end(rows);
}

/* Prints a packed body unpacked; --raw prints the bytes that came. */
static void print_body(const struct spool_row *r)
{
	struct slice body = r->body;
	struct buf plain = {0};

	unpack_kept(r->body, &plain, &body);
	printf("%-13s %zu bytes", "body", r->body.n);
	if (body.p != r->body.p)
		printf(", unpacked %zu", body.n);
	puts("\n");
	if (!json_pretty(body)) {
		terminal_print(stdout, body, 0);
		putchar('\n');
	}
	buf_free(&plain);
}

static void print_pretty(struct show *s, const struct spool_row *r, const char *verdict)
{
	char at[TERMINAL_TIME];

	printf("%-13s %" PRId64 "\n%-13s %s\n", "id", r->id, "received", terminal_time(r->received_at, at));
	terminal_field("endpoint", r->endpoint);
	terminal_field("name", endpoint_name(s->conf, r->endpoint));
	terminal_field("from", r->remote_addr);
	terminal_field("event", r->event);
	terminal_field("key", r->key);
	terminal_field("account", r->account);
	terminal_field("sender", r->sender_name);
	terminal_field("sender id", r->sender_id);
	terminal_field("conversation", r->conversation);
	terminal_field("sent", r->sent_at);
	printf("%-13s %s\n", "source", spool_source_name(r->source));
	terminal_field("note", r->note);
	if (r->came_at)
		printf("%-13s %" PRId64 " times, the last at %s\n", "came", r->came, terminal_time(r->came_at, at));
	terminal_headers(r->headers);
	printf("%-13s %s\n", "verdict", verdict);
	show_deliveries(s, r->id, NULL);
	print_body(r);
}

static void print_shown_json(struct show *s, const struct spool_row *r, const char *verdict)
{
	struct json j;

	json_begin(&j);
	json_row(&j, r);
	json_text(&j, "name", endpoint_name(s->conf, r->endpoint));
	json_text(&j, "headers", r->headers);
	json_string(&j, "verdict", verdict);
	json_list(&j, "deliveries");
	show_deliveries(s, r->id, &j);
	json_list_end(&j);
	json_body(&j, r->body);
	json_end(&j);
}

static void show_event(struct show *s, const struct spool_row *r)
{
	struct buf verdict = {0};

	if (s->raw) {
		fwrite(r->body.p, 1, r->body.n, stdout);
		return;
	}
	verdict_describe(s->conf, r, &verdict);
	if (s->json)
		print_shown_json(s, r, buf_str(&verdict));
	else
		print_pretty(s, r, buf_str(&verdict));
	buf_free(&verdict);
}

static int show_run(const struct cli *cli, void *values)
{
	struct show *s = values;
	struct spool_events_iter *it;
	struct spool_row row;
	bool found, ok;
	struct spool_db *db = NULL;
	struct conf *conf;
	int status = cli_open(cli, CONF_SECRETS_THERE, &conf, &db);

	if (status != CLI_OK)
		return status;
	s->conf = conf;
	s->db = db;
	s->ok = true;
	it = spool_events_get(db, s->id);
	found = spool_events_next(it, &row);
	if (found)
		show_event(s, &row);
	ok = spool_events_end(it) && s->ok;
	status = cli_close(conf, db, ok, NULL);
	if (!ok || found)
		return status;
	cli_error("there is no event %" PRId64, s->id);
	return CLI_NO;
}

static const struct command_option show_options[] = {
	{.name = "raw", .offset = offsetof(struct show, raw), .help = "the exact bytes of the body, nothing else"},
	{.name = "json", .offset = offsetof(struct show, json), .help = "print one JSON object"},
	{0},
};

const struct command cli_show = {
	.name = "show",
	.purpose = "print one event in full",
	.usage = "[--raw | --json] ID",
	.about = "Prints an event: its fields, the headers that prove its signature, whether the signature still holds under the "
		"configured secrets, its deliveries to sinks, and the body.",
	.examples = "show 4711\nshow --raw 4711",
	.options = show_options,
	.argument = {.kind = COMMAND_NUMBER, .offset = offsetof(struct show, id), .argument = "ID", .min = 1, .wrong = "is no ID; list prints them"},
	.size = sizeof(struct show),
	.run = show_run,
};
