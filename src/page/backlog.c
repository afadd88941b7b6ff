/* SPDX-License-Identifier: ISC */
/* /sinks.json: pending deliveries by sink and age, dead letters by cause, pauses. */
#include "page/backlog.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "page/sinks.h"
#include "spool/deliveries.h"
#include "spool/view.h"

static void write_ages(struct json *j, const struct sink_state *s)
{
	json_list(j, "ages");
	for (int i = 0; i < SPOOL_AGES; i++) {
		json_item(j);
		if (i < SPOOL_AGES - 1)
			json_number(j, "below_min", spool_deliveries_bounds[i]);
		else
			json_text(j, "below_min", (struct slice){0});
		json_number(j, "n", s->age[i]);
		json_item_end(j);
	}
	json_list_end(j);
}

/* The groups are sorted by size, over all sinks. */
static bool write_dead(struct page_call *c, struct json *j, const char *sink)
{
	struct spool_rows *rows = spool_view_dead(c->db);
	struct spool_view_group g;

	json_list(j, "dead");
	while (spool_view_next_group(rows, &g)) {
		if (strcmp(g.sink, sink) != 0)
			continue;
		json_item(j);
		json_number(j, "n", g.n);
		json_number(j, "status", g.status);
		json_text(j, "error", *g.text ? slice_text(g.text) : (struct slice){0});
		json_number(j, "first_id", g.first);
		json_number(j, "last_id", g.last);
		json_item_end(j);
	}
	json_list_end(j);
	return spool_rows_end(rows);
}

static bool write_sink(struct page_call *c, struct json *j, const struct sink_state *s)
{
	bool ok;

	json_item(j);
	sinks_write(j, s, "dead_letters");
	write_ages(j, s);
	ok = write_dead(c, j, s->name);
	json_item_end(j);
	return ok;
}

void backlog_answer(struct page_call *c)
{
	const int64_t deadline = clock_mono_us() + 2 * PAGE_BUDGET_US;
	struct sinks sinks = {0};
	struct json j;
	bool whole;

	if (!page_reader(c))
		return;
	spool_view_bound(c->db, &deadline);
	whole = sinks_read(&sinks, c->conf, c->db, true);
	json_begin(&j);
	json_list(&j, "sinks");
	for (size_t i = 0; i < sinks.n; i++)
		whole = write_sink(c, &j, &sinks.sink[i]) && whole;
	json_list_end(&j);
	json_bool(&j, "complete", whole);
	json_time(&j, "at", clock_now());
	spool_view_bound(c->db, NULL);
	page_answer_json(c, &j);
	sinks_free(&sinks);
}
