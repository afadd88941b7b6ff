/* SPDX-License-Identifier: ISC */
/* hookspool list and tail: print the newest events that pass a filter, and then new ones. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/endpoint_name.h"
#include "cli/filter.h"
#include "cli/forward.h"
#include "cli/json.h"
#include "cli/terminal.h"
#include "core/clock.h"

enum { LIST_MAX = 1000000, NAME_WIDTH = 16, POLL_NS = 200 * 1000 * 1000 };

struct list {
	struct filter filter;
	int64_t n; /* list: 0 is all */
	bool json, follow, tail;
	struct forward_options forward; /* url == NULL: events are printed */
	struct buf headers;             /* of -H, a line each */
	int64_t after;                  /* of --after; -1: not given */
	size_t width;      /* of the terminal; 0: none */
	int64_t *ids;      /* of the newest n that match, the newest first */
	int64_t n_ids;
	int64_t lost;      /* the id of an event whose body is missing or damaged; 0: none */
};

/* Pads on a terminal and elsewhere, so that the cells stand below their header, but cuts on a terminal only. */
static void print_cell(const struct list *l, struct slice text, size_t columns)
{
	for (size_t used = terminal_print(stdout, text, l->width ? columns : 0); used < columns; used++)
		putchar(' ');
	fputs("  ", stdout);
}

static void print_event_row(struct list *l, const struct spool_row *r)
{
	struct slice text = filter_row_text(&l->filter, r);
	char at[TERMINAL_TIME];
	size_t left;

	printf("%6" PRId64 "  %s  ", r->id, terminal_time(r->received_at, at));
	print_cell(l, r->event, 18);
	print_cell(l, r->sender_name, 20);
	left = 6 + 2 + (size_t)terminal_time_width() + 2 + 18 + 2 + 20 + 2;
	if (endpoint_name_any(l->filter.conf)) {
		print_cell(l, endpoint_name(l->filter.conf, r->endpoint), NAME_WIDTH);
		left += NAME_WIDTH + 2;
	}
	/* an event that could not be parsed has only its note */
	terminal_print(stdout, text.n || r->event.n ? text : r->note, !l->width ? 0 : l->width > left + 10 ? l->width - left : 10);
	putchar('\n');
}

static void print_event_json(struct list *l, const struct spool_row *r)
{
	struct json j;

	json_begin(&j);
	json_row(&j, r);
	json_text(&j, "name", endpoint_name(l->filter.conf, r->endpoint));
	json_number(&j, "bytes", (int64_t)r->body.n);
	json_text(&j, "text", filter_row_text(&l->filter, r));
	json_end(&j);
}

static void note_lost(struct list *l, const struct spool_row *r)
{
	if (r->body_lost)
		l->lost = r->id;
}

/* Prints the events of the filter. The reading may block. */
static bool print_found(struct list *l, struct spool_events_iter *it)
{
	struct spool_row row;

	while (!ferror(stdout) && spool_events_next(it, &row)) {
		note_lost(l, &row);
		if (!filter_match(&l->filter, &row))
			continue;
		if (l->json)
			print_event_json(l, &row);
		else
			print_event_row(l, &row);
	}
	return spool_events_end(it);
}

static bool print_one(struct list *l, struct spool_db *db, int64_t id)
{
	struct spool_filter one = spool_filter_all;

	one.after = id - 1;
	one.last = id;
	one.without_bodies = true;
	return print_found(l, spool_events_find(db, &one));
}

/* Finds the newest n, then prints them, the oldest first. */
static bool print_newest(struct list *l, struct spool_db *db)
{
	struct spool_events_iter *it;
	struct spool_row row;
	bool ok;

	l->filter.spool.newest_first = true;
	it = spool_events_find(db, &l->filter.spool);
	l->filter.spool.newest_first = false;
	while (l->n_ids < l->n && spool_events_next(it, &row)) {
		note_lost(l, &row);
		if (filter_match(&l->filter, &row))
			l->ids[l->n_ids++] = row.id;
	}
	ok = spool_events_end(it);
	while (ok && l->n_ids > 0 && !ferror(stdout))
		ok = print_one(l, db, l->ids[--l->n_ids]);
	return ok;
}

/* Reads the newest id first, then prints the events since the last pass up to it. Later events are for the next pass. */
static bool print_new(struct list *l, struct spool_db *db)
{
	struct spool_filter *f = &l->filter.spool;

	f->after = f->last;
	return spool_db_in_place(db) && spool_events_newest(db, &f->last) && print_found(l, spool_events_find(db, f));
}

static bool follow(struct list *l, struct spool_db *db)
{
	struct timespec wait = {0, POLL_NS};
	bool ok = true;

	while (ok && fflush(stdout) == 0) {
		nanosleep(&wait, NULL);
		ok = print_new(l, db);
	}
	return ok;
}

static bool print_list(struct list *l, struct spool_db *db)
{
	if (!l->json)
		printf("%6s  %-*s  %-18s  %-20s  %s%s\n", "ID", terminal_time_width(), "RECEIVED", "EVENT", "SENDER",
			endpoint_name_any(l->filter.conf) ? "ENDPOINT          " : "", "TEXT");
	if (!spool_events_newest(db, &l->filter.spool.last))
		return false;
	if (l->n > 0 ? !print_newest(l, db) : !l->tail && !print_found(l, spool_events_find(db, &l->filter.spool)))
		return false;
	return !l->follow || follow(l, db);
}

/* Begins behind --after, with the first event since --since, or with the next event that comes. */
static int forward(struct list *l, struct spool_db *db)
{
	struct spool_filter *f = &l->filter.spool;

	if (l->after >= 0)
		f->after = l->after;
	else if (f->since == INT64_MIN && !spool_events_newest(db, &f->after)) {
		cli_error("%s", spool_db_error(db));
		return CLI_TEMPFAIL;
	}
	l->forward.headers = (struct slice){l->headers.data, l->headers.len};
	l->forward.json = l->json;
	return forward_run(&l->forward, &l->filter, db);
}

static int print_events(struct list *l, struct conf *conf, struct spool_db *db)
{
	int status;
	bool ok;

	l->filter.spool.without_bodies = true;
	l->ids = calloc((size_t)l->n + 1, sizeof *l->ids);
	ok = l->ids && print_list(l, db);
	status = cli_close(conf, db, ok, l->ids ? NULL : "memory is short");
	free(l->ids);
	if (status != CLI_OK || !l->lost)
		return status;
	cli_error("the body of event %" PRId64 " is missing or damaged: such texts are neither shown nor found; see hookspool check --deep", l->lost);
	return CLI_NO;
}

static int list_run(const struct cli *cli, void *values)
{
	struct list *l = values;
	struct spool_db *db = NULL;
	struct conf *conf;
	int status;

	if (l->forward.url && !forward_url_valid(l->forward.url))
		return cli_usage("tail", "--forward: \"%s\" is no http or https URL", l->forward.url);
	if (!l->forward.url && (l->after >= 0 || l->forward.once || l->headers.len))
		return cli_usage("tail", "--after, --once and -H go with --forward");
	status = cli_open(cli, CONF_SECRETS_THERE, &conf, &db);
	if (status != CLI_OK)
		return status;
	l->width = terminal_width();
	filter_begin(&l->filter, conf, db);
	if (l->forward.url) {
		status = forward(l, db);
		cli_close(conf, db, true, NULL);
	} else {
		status = print_events(l, conf, db);
	}
	filter_free(&l->filter);
	return status;
}

#define LIST_JSON {.name = "json", .offset = offsetof(struct list, json), .help = "one JSON object a line"}

static const struct command_option list_options[] = {
	FILTER_OPTIONS(struct list),
	{.letter = 'n', .kind = COMMAND_NUMBER, .offset = offsetof(struct list, n), .argument = "N", .max = LIST_MAX,
		.help = "at most N (default 20; 0: all)"},
	LIST_JSON,
	{0},
};

const struct command cli_list = {
	.name = "list",
	.purpose = "print the newest events",
	.usage = "[OPTION]...",
	.about = "Prints the newest events, the newest last. Where standard output is not a terminal, nothing is cut.",
	.examples = "list --since 24h --sender jane\nlist -n 0 --json",
	.options = list_options,
	.size = sizeof(struct list),
	.defaults = &(const struct list){.filter = FILTER_ALL, .n = 20, .after = -1},
	.run = list_run,
};

static const struct command_option tail_options[] = {
	FILTER_OPTIONS(struct list),
	{.name = "follow", .letter = 'f', .offset = offsetof(struct list, follow), .help = "go on"},
	{.letter = 'n', .kind = COMMAND_NUMBER, .offset = offsetof(struct list, n), .argument = "N", .max = LIST_MAX,
		.help = "at most N to begin with (default 10; 0: none)"},
	LIST_JSON,
	{.name = "forward", .kind = COMMAND_TEXT, .offset = offsetof(struct list, forward.url), .argument = "URL",
		.help = "send the events there; with --since, those from that time on"},
	{.name = "after", .kind = COMMAND_NUMBER, .offset = offsetof(struct list, after), .argument = "ID",
		.help = "begin with the event behind this one (with --forward)"},
	{.letter = 'H', .kind = COMMAND_HEADERS, .offset = offsetof(struct list, headers), .argument = "'NAME: VALUE'",
		.help = "add a header, such as the Authorization, which is not kept (with --forward); may be given again"},
	{.name = "once", .offset = offsetof(struct list, forward.once), .help = "end when all events were sent (with --forward)"},
	{0},
};

const struct command cli_tail = {
	.name = "tail",
	.purpose = "print events as they come",
	.usage = "[OPTION]...\n--forward URL [OPTION]...",
	.about = "Prints the newest events, the newest last, and with -f those that come, until interrupted.\n"
		"\n"
		"With --forward, sends each event that comes to a URL, such as a developer's own machine: the exact bytes with the headers "
		"that prove them. An event that the URL does not answer, or answers with 408, 429 or 5xx, is sent again until it is taken.",
	.examples = "tail -f\ntail --forward http://localhost:3000/webhook --since 1h",
	.options = tail_options,
	.size = sizeof(struct list),
	.defaults = &(const struct list){.filter = FILTER_ALL, .n = 10, .after = -1, .tail = true},
	.run = list_run,
};
