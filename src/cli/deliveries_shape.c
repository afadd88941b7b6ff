/* SPDX-License-Identifier: ISC */
/* hookspool deliveries --shape: pending deliveries by sink and age, as qshape(1) of Postfix shows a queue. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/deliveries.h"
#include "cli/json.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "spool/deliveries.h"
#include "spool/pause.h"

enum { NAME_COLUMNS = 18 };

struct row {
	char *sink;
	int64_t n[SPOOL_AGES], paused_until;
};

struct shape {
	const char *only; /* a sink's name; NULL: all */
	struct row *row;
	size_t n;
	bool no_memory;
};

/* Returns the sink's row, or a new one. NULL when the sink is not asked for, or when memory is short. */
static struct row *row_of(struct shape *s, const char *sink)
{
	struct row *more;

	if (s->only && strcmp(sink, s->only) != 0)
		return NULL;
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->row[i].sink, sink) == 0)
			return &s->row[i];
	more = realloc(s->row, (s->n + 1) * sizeof *more);
	if (more) {
		s->row = more;
		s->row[s->n] = (struct row){.sink = strdup(sink)};
	}
	s->no_memory = s->no_memory || !more || !s->row[s->n].sink;
	return s->no_memory ? NULL : &s->row[s->n++];
}

static bool add_counts(struct shape *s, struct spool_db *db, int64_t now)
{
	struct spool_rows *rows = spool_deliveries_shape(db, now);
	struct spool_delivery_count count;
	struct row *r;

	while (spool_deliveries_next_count(rows, &count)) {
		r = row_of(s, count.sink);
		if (r)
			r->n[count.age] = count.n;
	}
	return spool_rows_end(rows);
}

static bool add_pauses(struct shape *s, struct spool_db *db, int64_t now)
{
	struct spool_rows *rows = spool_pause_list(db, now);
	struct spool_pause pause;
	struct row *r;

	while (spool_pause_next(rows, &pause)) {
		r = row_of(s, pause.sink);
		if (r)
			r->paused_until = pause.until;
	}
	return spool_rows_end(rows);
}

static int64_t sum(const struct row *r)
{
	int64_t all = 0;

	for (int i = 0; i < SPOOL_AGES; i++)
		all += r->n[i];
	return all;
}

static void print_shape_row(const struct row *r)
{
	char until[TERMINAL_TIME];

	terminal_cell(stdout, slice_text(r->sink), NAME_COLUMNS);
	printf(" %7" PRId64, sum(r));
	for (int i = 0; i < SPOOL_AGES; i++)
		printf(" %6" PRId64, r->n[i]);
	if (r->paused_until)
		printf("  paused until %s", terminal_time(r->paused_until, until));
	putchar('\n');
}

/* The ages are minutes. A column counts what is younger than its head, and not younger than the head before it. */
static void print_table(const struct shape *s)
{
	static char name[] = "TOTAL";
	struct row total = {.sink = name};

	printf("%-*s %7s", NAME_COLUMNS, "SINK", "T");
	for (int i = 0; i < SPOOL_AGES - 1; i++)
		printf(" %6d", spool_deliveries_bounds[i]);
	printf(" %5d+\n", spool_deliveries_bounds[SPOOL_AGES - 2]);
	for (size_t k = 0; k < s->n; k++)
		for (int i = 0; i < SPOOL_AGES; i++)
			total.n[i] += s->row[k].n[i];
	print_shape_row(&total);
	for (size_t k = 0; k < s->n; k++)
		print_shape_row(&s->row[k]);
}

static void print_shape_json(const struct row *r)
{
	char name[24];
	struct json j;

	json_begin(&j);
	json_string(&j, "sink", r->sink);
	json_number(&j, "pending", sum(r));
	for (int i = 0; i < SPOOL_AGES; i++) {
		if (i < SPOOL_AGES - 1)
			snprintf(name, sizeof name, "below_%d_min", spool_deliveries_bounds[i]);
		else
			snprintf(name, sizeof name, "from_%d_min", spool_deliveries_bounds[i - 1]);
		json_number(&j, name, r->n[i]);
	}
	if (r->paused_until)
		json_time(&j, "paused_until", r->paused_until);
	json_end(&j);
}

bool deliveries_shape(struct spool_db *db, const char *sink, bool json, char *why, size_t n)
{
	struct shape s = {.only = sink};
	int64_t now = clock_now();
	bool ok = add_counts(&s, db, now) && add_pauses(&s, db, now);

	if (ok && s.no_memory) {
		snprintf(why, n, "memory is short");
		ok = false;
	}
	if (ok && !json)
		print_table(&s);
	for (size_t i = 0; ok && json && i < s.n; i++)
		print_shape_json(&s.row[i]);
	for (size_t i = 0; i < s.n; i++)
		free(s.row[i].sink);
	free(s.row);
	return ok;
}
