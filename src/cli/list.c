/* SPDX-License-Identifier: ISC */
/* hookspool list and tail: the newest events that pass a filter, and then those that come. */
#include <errno.h>
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

enum { NAME_WIDTH = 16, POLL_NS = 200 * 1000 * 1000 };

static const char list_help[] =
	"Usage: hookspool list [OPTION]...\n"
	"\n"
	"Prints the newest events, the newest last. Where standard output is no terminal,\n"
	"nothing is cut.\n"
	"\n"
	FILTER_HELP
	"  -n N               at most N (default 20; 0: all)\n"
	"  --json             one JSON object a line\n"
	"  --help             this\n";

static const char tail_help[] =
	"Usage: hookspool tail [OPTION]...\n"
	"\n"
	"Prints the newest events, the newest last, and with -f those that come, until\n"
	"interrupted.\n"
	"\n"
	FILTER_HELP
	"  -f, --follow       go on\n"
	"  -n N               at most N to begin with (default 10; 0: none)\n"
	"  --json             one JSON object a line\n"
	"  --help             this\n"
	"\n"
	"With --forward, each event that comes is sent to a URL, such as a developer's own\n"
	"machine: the exact bytes with the headers that prove them. An event that the URL does\n"
	"not answer, or answers with 408, 429 or 5xx, is sent again until it is taken.\n"
	"\n"
	"  --forward URL      send the events there; with --since, from those of that time on\n"
	"  --after ID         begin with the events behind this one\n"
	"  -H 'NAME: VALUE'   a header that goes along, such as the Authorization, which is not\n"
	"                     kept; as often as there are headers\n"
	"  --once             end when all that came was sent\n";

enum { FORWARD = 256, AFTER, ONCE };

struct list {
	struct filter filter;
	int64_t n; /* list: 0 is all */
	bool json, follow, tail;
	struct forward_options forward; /* url == NULL: events are printed */
	struct buf headers;             /* of -H, a line each */
	bool from_after;
	size_t width;      /* of the terminal; 0: none */
	int64_t *ids;      /* of the newest n that match, the newest first */
	int64_t n_ids;
};

static void print_row(struct list *l, const struct spool_row *r)
{
	struct slice text = filter_row_text(&l->filter, r);
	char at[TERMINAL_TIME];
	size_t left;

	printf("%6" PRId64 "  %s  ", r->id, terminal_time(r->received_at, at));
	terminal_cell(stdout, r->event, l->width ? 18 : 0);
	fputs("  ", stdout);
	terminal_cell(stdout, r->sender_name, l->width ? 20 : 0);
	fputs("  ", stdout);
	left = 6 + 2 + (size_t)terminal_time_width() + 2 + 18 + 2 + 20 + 2;
	if (endpoint_name_any(l->filter.conf)) {
		terminal_cell(stdout, endpoint_name(l->filter.conf, r->endpoint), l->width ? NAME_WIDTH : 0);
		fputs("  ", stdout);
		left += NAME_WIDTH + 2;
	}
	/* an event that could not be read has nothing else to tell it by */
	terminal_print(stdout, text.n || r->event.n ? text : r->note, !l->width ? 0 : l->width > left + 10 ? l->width - left : 10);
	putchar('\n');
}

static void print_json(struct list *l, const struct spool_row *r)
{
	struct json j;

	json_begin(&j);
	json_row(&j, r);
	json_text(&j, "name", endpoint_name(l->filter.conf, r->endpoint));
	json_number(&j, "bytes", (int64_t)r->body.n);
	json_text(&j, "text", filter_row_text(&l->filter, r));
	json_end(&j);
}

static bool on_row(void *ctx, const struct spool_row *r)
{
	struct list *l = ctx;

	if (!filter_match(&l->filter, r))
		return true;
	if (l->json)
		print_json(l, r);
	else
		print_row(l, r);
	return !ferror(stdout);
}

static bool on_newest(void *ctx, const struct spool_row *r)
{
	struct list *l = ctx;

	if (filter_match(&l->filter, r))
		l->ids[l->n_ids++] = r->id;
	return l->n_ids < l->n;
}

/* Finds the newest n, then prints them, the oldest first. */
static bool print_newest(struct list *l, struct spool_db *db)
{
	bool ok, found;

	l->filter.spool.newest_first = true;
	ok = spool_query_events(db, &l->filter.spool, on_newest, l);
	l->filter.spool.newest_first = false;
	while (ok && l->n_ids > 0 && !ferror(stdout))
		ok = spool_query_event(db, l->ids[--l->n_ids], on_row, l, &found);
	return ok;
}

/* Visits the events since the last look, up to an id that is fixed before: later ones are for the next look. */
static bool print_new(struct list *l, struct spool_db *db)
{
	struct spool_filter *f = &l->filter.spool;

	f->after = f->last;
	return spool_db_in_place(db) && spool_query_newest(db, &f->last) && spool_query_events(db, f, on_row, l);
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

static bool print_all(struct list *l, struct spool_db *db)
{
	if (!l->json)
		printf("%6s  %-*s  %-18s  %-20s  %s%s\n", "ID", terminal_time_width(), "RECEIVED", "EVENT", "SENDER",
			endpoint_name_any(l->filter.conf) ? "ENDPOINT          " : "", "TEXT");
	if (!spool_query_newest(db, &l->filter.spool.last))
		return false;
	if (l->n > 0 ? !print_newest(l, db) : !l->tail && !spool_query_events(db, &l->filter.spool, on_row, l))
		return false;
	return !l->follow || follow(l, db);
}

/* Begins behind --after, with the first event since --since, or with what comes from now on. */
static int forward(struct list *l, struct spool_db *db)
{
	struct spool_filter *f = &l->filter.spool;

	if (!l->from_after && f->since == spool_filter_all.since && !spool_query_newest(db, &f->after)) {
		cli_error("%s", spool_db_error(db));
		return CLI_TEMPFAIL;
	}
	l->forward.headers = (struct slice){l->headers.data, l->headers.len};
	l->forward.json = l->json;
	return forward_run(&l->forward, &l->filter, db);
}

static bool parse_number(const char *text, int64_t max, int64_t *n)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno || end == text || *end || v < 0 || v > max)
		return false;
	*n = v;
	return true;
}

/* Takes an option's value. False when that can't be read. */
static bool take_option(struct list *l, int c, const char *value)
{
	switch (c) {
	case 'j':
		return l->json = true;
	case 'f':
		return l->follow = true;
	case 'n':
		return parse_number(value, 1000000, &l->n);
	case FORWARD:
		l->forward.url = value;
		return forward_url_valid(value);
	case AFTER:
		l->from_after = true;
		return parse_number(value, INT64_MAX, &l->filter.spool.after);
	case ONCE:
		return l->forward.once = true;
	case 'H':
		return strchr(value, ':') && !strpbrk(value, "\r\n") && buf_printf(&l->headers, "%s\n", value);
	default:
		return filter_option(&l->filter, c, value);
	}
}

/* CLI_OK to go on; -1: help was given. */
static int parse(struct list *l, const char *name, const char *help, int argc, char **argv)
{
	static const struct option list_options[] = {FILTER_OPTIONS, {"json", no_argument, NULL, 'j'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	static const struct option tail_options[] = {FILTER_OPTIONS, {"follow", no_argument, NULL, 'f'},
		{"forward", required_argument, NULL, FORWARD}, {"after", required_argument, NULL, AFTER}, {"once", no_argument, NULL, ONCE},
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, l->tail ? ":fn:H:h" : ":n:h", l->tail ? tail_options : list_options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return -1;
		}
		if (c == '?')
			return cli_usage(name, "unknown option %s", argv[optind - 1]);
		if (c == ':')
			return cli_usage(name, "%s needs a value", argv[optind - 1]);
		if (!take_option(l, c, optarg))
			return cli_usage(name, "\"%s\" is no such value, or out of range", optarg);
	}
	if (!l->forward.url && (l->from_after || l->forward.once || l->headers.len))
		return cli_usage(name, "--after, --once and -H go with --forward");
	return optind < argc ? cli_usage(name, "it takes no %s", argv[optind]) : CLI_OK;
}

static int print(struct list *l, struct conf *conf, struct spool_db *db)
{
	int status;
	bool ok;

	l->ids = calloc((size_t)l->n + 1, sizeof *l->ids);
	ok = l->ids && print_all(l, db);
	status = cli_close(conf, db, ok, l->ids ? NULL : "memory is short");
	free(l->ids);
	return status;
}

static int run(const struct cli *cli, const char *help, struct list *l, int argc, char **argv)
{
	struct spool_db *db = NULL;
	struct conf *conf;
	int status;

	l->width = terminal_width();
	filter_init(&l->filter);
	status = parse(l, argv[0], help, argc, argv);
	if (status == CLI_OK && (status = cli_open(cli, CONF_SECRETS_THERE, &conf, &db)) == CLI_OK) {
		l->filter.conf = conf;
		if (l->forward.url) {
			status = forward(l, db);
			cli_close(conf, db, true, NULL);
		} else {
			status = print(l, conf, db);
		}
	}
	filter_free(&l->filter);
	buf_free(&l->headers);
	return status < 0 ? CLI_OK : status;
}

int cli_list(const struct cli *cli, int argc, char **argv)
{
	struct list l = {.n = 20};

	return run(cli, list_help, &l, argc, argv);
}

int cli_tail(const struct cli *cli, int argc, char **argv)
{
	struct list l = {.n = 10, .tail = true};

	return run(cli, tail_help, &l, argc, argv);
}
