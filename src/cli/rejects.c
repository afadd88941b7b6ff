/* SPDX-License-Identifier: ISC */
/* hookspool rejects: prints rejected deliveries with their reasons, and checks again those that were kept whole. */
#include <errno.h>
#include <limits.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/endpoint_name.h"
#include "cli/json.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "hook/again.h"
#include "hook/looks_like.h"
#include "spool/rejects.h"

struct rejects {
	const struct conf *conf;
	struct spool *spool; /* NULL: nothing is stored */
	const char *endpoint; /* NULL: any */
	int64_t id; /* the only one; 0: the newest */
	int64_t max; /* how many; 0: all; -1: the default */
	bool json, again, accept;
	bool headed; /* the table's head is printed */
	struct delivery d; /* as it was checked again */
	long passed, tried;
	bool failed;
};

static bool has_code(struct slice text, const char *word)
{
	return text.n == strlen(word) && memcmp(text.p, word, text.n) == 0;
}

/* Of an unauthorized delivery that was kept whole: the other provider that it looks like. Nothing for others. */
static struct slice looks_like_of(const struct rejects *rejects, const struct spool_reject_row *r, struct buf *out)
{
	struct stored stored = {0};
	bool found = rejects->id && r->body.p && r->headers.p && has_code(r->code, "unauthorized") && stored_request(r->headers, r->body, &stored) &&
		looks_like_other(&stored.request, again_endpoint(rejects->conf, r), out) && out->len;

	stored_free(&stored);
	return found ? (struct slice){out->data, out->len} : (struct slice){0};
}

static void print_reject_json(const struct rejects *rejects, const struct spool_reject_row *r, const char *verdict)
{
	struct buf like = {0};
	struct json j;

	json_begin(&j);
	json_number(&j, "id", r->id);
	json_time(&j, "received_at", r->received_at);
	json_text(&j, "endpoint", r->endpoint);
	json_text(&j, "name", endpoint_name(rejects->conf, r->endpoint));
	json_text(&j, "path", r->path);
	json_text(&j, "outcome", r->code);
	json_text(&j, "reason", r->reason);
	json_text(&j, "method", r->method);
	json_text(&j, "content_type", r->content_type);
	json_text(&j, "remote_addr", r->remote_addr);
	json_number(&j, "bytes", r->bytes);
	if (r->body.p) {
		json_text(&j, "headers", r->headers);
		json_body(&j, r->body);
	}
	if (rejects->id)
		json_text(&j, "looks_like", looks_like_of(rejects, r, &like));
	if (verdict) {
		json_string(&j, "verdict", verdict);
		json_number(&j, "event", rejects->d.id);
	}
	json_end(&j);
	buf_free(&like);
}

/* The method of a 405, the type of a 415. */
static void print_detail(const struct spool_reject_row *r)
{
	struct slice detail = {0};

	if (has_code(r->code, "method_not_allowed"))
		detail = r->method;
	else if (has_code(r->code, "unsupported_type"))
		detail = r->content_type.n ? r->content_type : slice_text("no Content-Type");
	if (!detail.n)
		return;
	fputs("  ", stdout);
	terminal_print(stdout, detail, 0);
}

static void print_reject_row(struct rejects *rejects, const struct spool_reject_row *r, const char *verdict)
{
	char at[TERMINAL_TIME];

	if (!rejects->headed)
		printf("%6s  %-*s  %-18s  %-15s  %9s  %s\n", "ID", terminal_time_width(), "RECEIVED", "OUTCOME", "FROM", "SIZE", "ENDPOINT, REASON");
	rejects->headed = true;
	printf("%6" PRId64 "  %s  ", r->id, terminal_time(r->received_at, at));
	fputs(terminal_colour(TERMINAL_YELLOW), stdout);
	terminal_cell(stdout, r->code, 18);
	fputs(terminal_colour(TERMINAL_PLAIN), stdout);
	fputs("  ", stdout);
	for (size_t used = terminal_print(stdout, r->remote_addr, 0); used < 15; used++)
		putchar(' '); /* a longer one, IPv6, whole */
	printf("  %7" PRId64 " B  ", r->bytes);
	endpoint_name_print(rejects->conf, r->endpoint.p ? r->endpoint : r->path);
	print_detail(r);
	if (r->reason.p) {
		fputs("  ", stdout);
		terminal_print(stdout, r->reason, 0);
	}
	if (verdict)
		printf("\n  -> %s", verdict);
	if (verdict && rejects->d.id)
		printf(", event %" PRId64, rejects->d.id);
	putchar('\n');
}

static void print_full(const struct rejects *rejects, const struct spool_reject_row *r, const char *verdict)
{
	char at[TERMINAL_TIME];
	struct buf like = {0};

	printf("%-13s %" PRId64 "\n%-13s %s\n", "id", r->id, "received", terminal_time(r->received_at, at));
	terminal_field("endpoint", r->endpoint);
	terminal_field("name", endpoint_name(rejects->conf, r->endpoint));
	terminal_field("path", r->path);
	terminal_field("from", r->remote_addr);
	terminal_field("outcome", r->code);
	terminal_field("method", r->method);
	terminal_field("type", r->content_type);
	terminal_field("reason", r->reason);
	terminal_field("looks like", looks_like_of(rejects, r, &like));
	terminal_headers(r->headers);
	if (verdict)
		terminal_field("verdict", slice_text(verdict));
	if (verdict && rejects->d.id)
		printf("%-13s %" PRId64 "\n", "event", rejects->d.id);
	printf("%-13s %" PRId64 " bytes%s\n", "body", r->bytes, r->body.p ? "\n" :
		rejects->conf->reject_bodies ? ", not kept" : ", not kept; reject-bodies = true keeps the next ones");
	if (r->body.p && !json_pretty(r->body)) {
		terminal_print(stdout, r->body, 0);
		putchar('\n');
	}
	buf_free(&like);
}

/* Checks a delivery by the configuration as it is now. Returns the outcome: static text, or text in rejects->d. */
static const char *check_again(struct rejects *rejects, const struct spool_reject_row *r, struct stored *stored)
{
	struct delivery *d = &rejects->d;
	enum again again = again_check(rejects->conf, r, stored, d);

	rejects->tried += again == AGAIN_NO_MEMORY || again == AGAIN_REFUSED || again == AGAIN_PASSES;
	if (again != AGAIN_PASSES)
		return again_reason(again, d);
	rejects->passed++;
	if (!rejects->spool)
		return "passes now";
	d->stored.reject = r->id;
	handle_store(rejects->spool, &d, 1);
	rejects->failed = rejects->failed || d->outcome == OUTCOME_UNAVAILABLE;
	return d->outcome == OUTCOME_UNAVAILABLE ? d->reason : outcome_info(d->outcome)->code;
}

static void print_reject(struct rejects *rejects, const struct spool_reject_row *r)
{
	struct stored stored = {0};
	const char *verdict = rejects->again ? check_again(rejects, r, &stored) : NULL;

	if (rejects->json)
		print_reject_json(rejects, r, verdict);
	else if (rejects->id)
		print_full(rejects, r, verdict);
	else
		print_reject_row(rejects, r, verdict);
	stored_free(&stored);
}

static bool print_rejects(struct rejects *rejects, struct spool_rows *rows, bool *found)
{
	struct spool_reject_row r;

	*found = false;
	while (spool_rejects_next(rows, &r)) {
		*found = true;
		print_reject(rejects, &r);
	}
	return spool_rows_end(rows);
}

static int rejects_run(const struct cli *cli, void *values)
{
	struct rejects *rejects = values;
	struct spool_db *db = NULL;
	struct conf *conf;
	bool ok, found = false;
	int status;

	rejects->again |= rejects->accept;
	if (rejects->max < 0)
		rejects->max = rejects->again ? 0 : 20;
	status = cli_open(cli, rejects->again ? CONF_SECRETS_ALL : CONF_SECRETS_THERE, &conf, &db);
	if (status != CLI_OK)
		return status;
	rejects->conf = conf;
	if (rejects->accept)
		rejects->spool = spool_new(conf->spool, conf->journal, SPOOL_MANAGE, conf->reject);
	ok = !rejects->accept || rejects->spool;
	if (ok)
		ok = print_rejects(rejects, rejects->id ? spool_rejects_get(db, rejects->id) :
			spool_rejects_list(db, rejects->endpoint, rejects->max), &found);
	if (ok && rejects->id && !found)
		cli_error("there is no rejected delivery %" PRId64, rejects->id);
	if (ok && rejects->again && !rejects->json && !rejects->id)
		printf("%ld of %ld kept whole pass now%s\n", rejects->passed, rejects->tried,
			rejects->passed && !rejects->accept ? "; --accept stores them" : "");
	handle_free(&rejects->d);
	status = cli_close(conf, db, ok, rejects->accept && !rejects->spool ? "memory is short" : NULL);
	spool_close(rejects->spool);
	return status != CLI_OK ? status : rejects->failed ? CLI_TEMPFAIL : found || !rejects->id ? CLI_OK : CLI_NO;
}

static const struct command_option rejects_options[] = {
	{.name = "endpoint", .kind = COMMAND_ENDPOINT, .offset = offsetof(struct rejects, endpoint), .argument = "PATH", .help = "of this endpoint"},
	{.letter = 'n', .kind = COMMAND_NUMBER, .offset = offsetof(struct rejects, max), .argument = "N",
		.help = "at most N (default 20, with --verify or --accept all; 0: all)"},
	{.name = "verify", .offset = offsetof(struct rejects, again),
		.help = "check those that were kept whole again, by the configuration as it is now and the time they came"},
	{.name = "accept", .offset = offsetof(struct rejects, accept), .help = "the same, and store those that pass now as events"},
	{.name = "json", .offset = offsetof(struct rejects, json), .help = "one JSON object a line; with the body where it was kept"},
	{0},
};

const struct command cli_rejects = {
	.name = "rejects",
	.purpose = "print deliveries that were turned away",
	.usage = "[OPTION]... [ID]",
	.about = "Prints the newest rejected deliveries, the newest last: the ID, the time, the outcome, the address it came from, its "
		"size, the endpoint, and the reason. The spool keeps the newest reject-keep of them, and their headers and bodies "
		"where reject-bodies = true.\n"
		"\n"
		"With an ID, prints that one in full, with its headers and body where they were kept. hookspool verify --reject ID --explain "
		"prints what was wrong with its signature.",
	.examples = "rejects --endpoint /webhook/linkedin\nrejects --verify",
	.options = rejects_options,
	.argument = {.kind = COMMAND_NUMBER, .offset = offsetof(struct rejects, id), .argument = "ID", .min = 1,
		.wrong = "is no ID; rejects without one prints them"},
	.argument_optional = true,
	.size = sizeof(struct rejects),
	.defaults = &(const struct rejects){.max = -1},
	.run = rejects_run,
};
