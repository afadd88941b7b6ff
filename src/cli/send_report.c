/* SPDX-License-Identifier: ISC */
/* What hookspool send prints: each attempt of one event, or a summary of many. */
#include "cli/send_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/answer.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "core/clock.h"

enum { SHOWN = 500, EXAMPLE = 160 };

static bool lone(const struct send_report *r)
{
	return r->events == 1;
}

bool send_report_start(struct send_report *r)
{
	if (r->twice) {
		r->ids = calloc(r->events, sizeof *r->ids);
		if (!r->ids)
			return false;
	}
	r->started = clock_mono_us();
	if (!lone(r) && !r->quiet)
		progress_start("sending", r->events * (r->twice ? 2 : 1));
	return true;
}

static void print_attempt_line(const struct send_report *r, const struct attempt *a)
{
	if (r->twice)
		printf("copy %" PRIu64 ", ", a->delivery + 1);
	printf("attempt %u: ", a->number);
	if (!a->kind)
		printf("%d after %.1f ms  ", a->status, (double)a->us / 1000);
	else if (a->status)
		printf("%d, but not its whole answer, after %.1f ms  ", a->status, (double)a->us / 1000);
	else
		printf("no answer after %.1f ms  ", (double)a->us / 1000);
	if (a->kind)
		terminal_print(stdout, (struct slice){a->error, strlen(a->error)}, SHOWN);
	else if (a->answer.n == 0)
		fputs("(empty)", stdout);
	else
		terminal_print(stdout, a->answer, SHOWN);
	putchar('\n');
	if (a->retry_in)
		printf("next attempt in %" PRId64 " s\n", a->retry_in / 1000);
	fflush(stdout);
}

static struct send_group *find_group(struct send_report *r, int status, const char *word)
{
	struct send_group *g;

	for (g = r->groups; g < r->groups + r->n_groups; g++)
		if (g->status == status && strcmp(g->word, word) == 0)
			return g;
	if (r->n_groups == SEND_REPORT_GROUPS)
		return &r->groups[SEND_REPORT_GROUPS - 1];
	if (++r->n_groups == SEND_REPORT_GROUPS) {
		status = 0;
		word = "others";
	}
	g->status = status;
	snprintf(g->word, sizeof g->word, "%s", word);
	return g;
}

static void count_attempt(struct send_report *r, const struct attempt *a, const struct answer *said)
{
	struct send_group *g = find_group(r, a->status, a->kind ? a->kind : said->status);

	g->n++;
	g->accepted = a->accepted;
	if (g->n == 1 && !a->accepted && !a->kind)
		buf_add(&g->example, a->answer.p, a->answer.n < EXAMPLE ? a->answer.n : EXAMPLE);
	if (!a->kind)
		buf_add(&r->latencies, &a->us, sizeof a->us);
}

/* Counts whether both copies of an event became one in the spool. */
static void compare_ids(struct send_report *r, const struct attempt *a, int64_t id)
{
	int64_t *first = &r->ids[a->delivery / 2];

	if (!a->accepted || id == 0)
		return;
	if (*first == 0)
		*first = id;
	else if (*first == id)
		r->same++;
	else
		r->differ++;
}

void send_report_attempt(void *ctx, const struct attempt *a)
{
	struct send_report *r = ctx;
	struct answer said;

	answer_parse(a->kind ? (struct slice){0} : a->answer, &said);
	count_attempt(r, a, &said);
	if (r->twice)
		compare_ids(r, a, said.id);
	if (a->retry_in == 0) {
		r->accepted += a->accepted;
		r->refused += !a->accepted;
	}
	if (r->quiet)
		return;
	if (lone(r))
		print_attempt_line(r, a);
	else
		progress_update(r->accepted + r->refused);
}

static int compare_latency(const void *a, const void *b)
{
	int64_t x, y;

	memcpy(&x, a, sizeof x);
	memcpy(&y, b, sizeof y);
	return (x > y) - (x < y);
}

/* The smallest latency that `percent` of them do not exceed, in ms. */
static double percentile(const struct buf *sorted, unsigned percent)
{
	size_t n = sorted->len / sizeof(int64_t);
	size_t rank = (n * percent + 99) / 100;
	int64_t us;

	memcpy(&us, sorted->data + (rank ? rank - 1 : 0) * sizeof us, sizeof us);
	return (double)us / 1000;
}

static void print_latency(struct buf *l)
{
	if (l->len == 0)
		return;
	qsort(l->data, l->len / sizeof(int64_t), sizeof(int64_t), compare_latency);
	printf("latency   min %.1f  p50 %.1f  p90 %.1f  p99 %.1f  max %.1f ms\n", percentile(l, 0), percentile(l, 50),
		percentile(l, 90), percentile(l, 99), percentile(l, 100));
}

static void print_group(const struct send_group *g, bool first)
{
	printf("%-9s %8" PRIu64 "  ", first ? "answers" : "", g->n);
	if (g->status)
		printf("%d%s", g->status, *g->word ? " " : "");
	terminal_print(stdout, slice_text(g->word), 0);
	if (g->example.len) {
		fputs(": ", stdout);
		terminal_print(stdout, (struct slice){g->example.data, g->example.len}, EXAMPLE);
	}
	putchar('\n');
}

static void print_summary(struct send_report *r)
{
	double seconds = (double)(clock_mono_us() - r->started) / 1e6;
	uint64_t n = r->accepted + r->refused;

	printf("%" PRIu64 " deliveries in %.2f s, %.0f/s, %u at once\n", n, seconds, seconds > 0 ? (double)n / seconds : 0,
		r->concurrency);
	printf("accepted  %8" PRIu64 "\nrefused   %8" PRIu64 "\n", r->accepted, r->refused);
	for (unsigned i = 0; i < r->n_groups; i++)
		print_group(&r->groups[i], i == 0);
	print_latency(&r->latencies);
}

static void print_twice(const struct send_report *r)
{
	uint64_t silent = r->events - r->same - r->differ;

	if (lone(r) && r->same)
		printf("sent twice, stored once: both answers name event %" PRId64 "\n", r->ids[0]);
	else if (lone(r) && r->differ)
		printf("sent twice, stored twice: the answers name two events\n");
	else if (lone(r))
		printf("sent twice; the answers do not both name a stored event\n");
	else
		printf("sent twice: %" PRIu64 " events stored once, %" PRIu64 " stored twice, %" PRIu64
		       " without two answers that name an event\n", r->same, r->differ, silent);
}

/* Prints with --quiet: the attempts that were not accepted, by their answer. */
static void print_errors(const struct send_report *r)
{
	for (const struct send_group *g = r->groups; g < r->groups + r->n_groups; g++) {
		if (g->accepted)
			continue;
		fprintf(stderr, "hookspool: %" PRIu64 " not accepted: ", g->n);
		if (g->status)
			fprintf(stderr, "%d%s", g->status, *g->word ? " " : "");
		terminal_print(stderr, slice_text(g->word), 0);
		fputs(g->example.len ? ": " : "", stderr);
		terminal_print(stderr, (struct slice){g->example.data, g->example.len}, EXAMPLE);
		fputc('\n', stderr);
	}
}

void send_report_finish(struct send_report *r)
{
	progress_end();
	if (r->quiet) {
		if (r->refused)
			print_errors(r);
		return;
	}
	if (!lone(r))
		print_summary(r);
	if (r->twice)
		print_twice(r);
}

void send_report_free(struct send_report *r)
{
	for (unsigned i = 0; i < r->n_groups; i++)
		buf_free(&r->groups[i].example);
	buf_free(&r->latencies);
	free(r->ids);
}
