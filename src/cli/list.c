/* hookspool list and tail: the newest events that pass a filter, and then those that come. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/filter.h"
#include "cli/json.h"
#include "cli/plain.h"
#include "core/clock.h"

enum { POLL_NS = 200 * 1000 * 1000 };

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
	"  -n N               at most N to begin with (default 10; 0: all)\n"
	"  --json             one JSON object a line\n"
	"  --help             this\n";

struct list {
	struct filter filter;
	int64_t n; /* 0: all */
	bool json, follow;
	size_t width;      /* of the terminal; 0: none */
	int64_t *ids;      /* of the newest n that match, the newest first */
	int64_t n_ids;
};

static void print_row(struct list *l, const struct spool_row *r)
{
	struct slice text = filter_row_text(&l->filter, r);
	char at[CLOCK_TEXT];
	size_t left;

	printf("%6" PRId64 "  %s  ", r->id, clock_format(r->received_at, at));
	plain_cell(stdout, r->event, l->width ? 18 : 0);
	fputs("  ", stdout);
	plain_cell(stdout, r->sender_name, l->width ? 20 : 0);
	fputs("  ", stdout);
	left = 6 + 2 + (CLOCK_TEXT - 1) + 2 + 18 + 2 + 20 + 2;
	plain_print(stdout, text, !l->width ? 0 : l->width > left + 10 ? l->width - left : 10);
	putchar('\n');
}

static void print_json(struct list *l, const struct spool_row *r)
{
	struct json j;

	json_begin(&j);
	json_row(&j, r);
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
static bool print_newest(struct list *l, struct spool_db *db, char *why, size_t n)
{
	bool ok, found;

	l->filter.spool.newest_first = true;
	ok = spool_query_events(db, &l->filter.spool, on_newest, l, why, n);
	l->filter.spool.newest_first = false;
	while (ok && l->n_ids > 0 && !ferror(stdout))
		ok = spool_query_event(db, l->ids[--l->n_ids], on_row, l, &found, why, n);
	return ok;
}

/* Visits what has come since, up to an id that is fixed before: what comes meanwhile is for the next time. */
static bool print_new(struct list *l, struct spool_db *db, char *why, size_t n)
{
	struct spool_filter *f = &l->filter.spool;

	f->after = f->last;
	return spool_query_newest(db, &f->last, why, n) && spool_query_events(db, f, on_row, l, why, n);
}

static bool follow(struct list *l, struct spool_db *db, char *why, size_t n)
{
	struct timespec wait = {0, POLL_NS};
	bool ok = true;

	while (ok && fflush(stdout) == 0) {
		nanosleep(&wait, NULL);
		ok = print_new(l, db, why, n);
	}
	return ok;
}

static bool print_all(struct list *l, struct spool_db *db, char *why, size_t n)
{
	if (!l->json)
		printf("%6s  %-24s  %-18s  %-20s  %s\n", "ID", "RECEIVED", "EVENT", "SENDER", "TEXT");
	if (!spool_query_newest(db, &l->filter.spool.last, why, n))
		return false;
	if (l->n > 0 ? !print_newest(l, db, why, n) : !spool_query_events(db, &l->filter.spool, on_row, l, why, n))
		return false;
	return !l->follow || follow(l, db, why, n);
}

static bool parse_number(const char *text, int64_t *n)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno || end == text || *end || v < 0 || v > 1000000)
		return false;
	*n = v;
	return true;
}

/* CLI_OK to go on; -1: help was given. */
static int parse(struct list *l, const char *name, const char *help, int argc, char **argv)
{
	static const struct option options[] = {FILTER_OPTIONS, {"follow", no_argument, NULL, 'f'},
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	bool tail = strcmp(name, "tail") == 0;
	int c;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, tail ? ":fn:h" : ":n:h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return -1;
		}
		if (c == '?' || (c == 'f' && !tail))
			return cli_usage(name, "unknown option %s", argv[optind - 1]);
		if (c == ':')
			return cli_usage(name, "%s needs a value", argv[optind - 1]);
		l->json |= c == 'j';
		l->follow |= c == 'f';
		if ((c == 'n' && !parse_number(optarg, &l->n)) || !filter_option(&l->filter, c, optarg))
			return cli_usage(name, "\"%s\" is no such value, or out of range", optarg);
	}
	return optind < argc ? cli_usage(name, "it takes no %s", argv[optind]) : CLI_OK;
}

static int run(const struct cli *cli, const char *help, int64_t n, int argc, char **argv)
{
	struct list l = {.n = n, .width = plain_width()};
	char why[PATH_MAX + 256] = "";
	struct spool_db db;
	struct conf *conf;
	bool ok;
	int status;

	filter_init(&l.filter);
	status = parse(&l, argv[0], help, argc, argv);
	if (status != CLI_OK)
		return status < 0 ? CLI_OK : status;
	status = cli_open(cli, &conf, &db);
	if (status != CLI_OK)
		return status;
	l.filter.conf = conf;
	l.ids = calloc((size_t)l.n + 1, sizeof *l.ids);
	ok = l.ids && print_all(&l, &db, why, sizeof why);
	free(l.ids);
	filter_free(&l.filter);
	return cli_close(conf, &db, ok, why[0] ? why : "memory is short");
}

int cli_list(const struct cli *cli, int argc, char **argv)
{
	return run(cli, list_help, 20, argc, argv);
}

int cli_tail(const struct cli *cli, int argc, char **argv)
{
	return run(cli, tail_help, 10, argc, argv);
}
