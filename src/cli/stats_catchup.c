/* SPDX-License-Identifier: ISC */
/* hookspool stats, the catch-ups. */
#include "cli/stats_catchup.h"

#include <inttypes.h>
#include <stdio.h>

#include "cli/terminal.h"
#include "spool/catchup.h"

static const char *time_or(int64_t ms, const char *none, char out[TERMINAL_TIME])
{
	return ms ? terminal_time(ms, out) : none;
}

static void print_catchup(const struct spool_catchup *s)
{
	char from[TERMINAL_TIME], until[TERMINAL_TIME];

	fputs("\ncatch-up ", stdout);
	terminal_print(stdout, slice_text(s->name), 0);
	if (*s->account) {
		fputs(", account ", stdout);
		terminal_print(stdout, slice_text(s->account), 0);
	}
	printf("\n  %-18s %10" PRId64, "found missing", s->found);
	if (s->last_found)
		printf("  last %" PRId64 ", of %s to %s", s->last_found, terminal_time(s->found_from, from), terminal_time(s->found_until, until));
	printf("\n  %-18s %s\n", "complete until", time_or(s->complete_until, "never", until));
	printf("  %-18s %s\n", "last complete run", time_or(s->completed_at, "none", until));
	if (!*s->error)
		return;
	printf("  %-18s ", "not complete");
	terminal_print(stdout, slice_text(s->error), 0);
	putchar('\n');
}

/* Of a provider with accounts, the state of the account "" is there for errors alone. */
static bool says_something(const struct spool_catchup *s)
{
	return *s->account || *s->error || s->complete_until;
}

bool stats_print_catchups(struct spool_db *db)
{
	struct spool_rows *rows = spool_catchup_list(db);
	struct spool_catchup state;

	while (spool_catchup_next(rows, &state))
		if (says_something(&state))
			print_catchup(&state);
	return spool_rows_end(rows);
}

static void add_time_or_null(struct json *j, const char *name, int64_t ms)
{
	if (ms)
		json_time(j, name, ms);
	else
		json_text(j, name, (struct slice){0});
}

static void add_catchup(struct json *j, const struct spool_catchup *s)
{
	json_item(j);
	json_string(j, "name", s->name);
	json_text(j, "account", *s->account ? slice_text(s->account) : (struct slice){0});
	json_number(j, "found", s->found);
	json_number(j, "last_found", s->last_found);
	add_time_or_null(j, "found_from", s->found_from);
	add_time_or_null(j, "found_until", s->found_until);
	add_time_or_null(j, "complete_until", s->complete_until);
	add_time_or_null(j, "last_complete_run", s->completed_at);
	add_time_or_null(j, "last_run", s->tried_at);
	json_number(j, "requests", s->requests);
	json_text(j, "error", *s->error ? slice_text(s->error) : (struct slice){0});
	json_item_end(j);
}

bool stats_add_catchups(struct json *j, struct spool_db *db)
{
	struct spool_rows *rows = spool_catchup_list(db);
	struct spool_catchup state;

	json_list(j, "catch_ups");
	while (spool_catchup_next(rows, &state))
		if (says_something(&state))
			add_catchup(j, &state);
	json_list_end(j);
	return spool_rows_end(rows);
}
