/* SPDX-License-Identifier: ISC */
/* /sinks.json: pending deliveries by sink and age, dead letters by cause, pauses. */
#include "page/backlog.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "page/sinks.h"
#include "spool/deliveries.h"
#include "spool/view.h"

enum { DEAD_GROUPS = 50 /* as many as spool_view_dead() has */ };

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

/* Groups of dead letters, sorted by size over all sinks, and the place of each one's texts. */
struct dead {
	struct spool_view_group group[DEAD_GROUPS];
	size_t sink_at[DEAD_GROUPS], text_at[DEAD_GROUPS], n;
	struct buf texts;
};

/* Once for all sinks: it looks at thousands of dead letters. */
static bool read_causes(struct page_call *c, struct dead *d)
{
	struct spool_rows *rows = spool_view_dead(c->db);
	bool ok = true;

	while (ok && d->n < DEAD_GROUPS && spool_view_next_group(rows, &d->group[d->n])) {
		d->sink_at[d->n] = d->texts.len;
		ok = buf_add(&d->texts, d->group[d->n].sink, strlen(d->group[d->n].sink) + 1);
		d->text_at[d->n] = d->texts.len;
		ok = ok && buf_add(&d->texts, d->group[d->n].text, strlen(d->group[d->n].text) + 1);
		d->n += ok;
	}
	for (size_t i = 0; i < d->n; i++) {
		d->group[i].sink = d->texts.data + d->sink_at[i];
		d->group[i].text = d->texts.data + d->text_at[i];
	}
	return spool_rows_end(rows) && ok;
}

static void write_dead(const struct dead *d, struct json *j, const char *sink)
{
	struct spool_view_group g;

	json_list(j, "dead");
	for (size_t i = 0; i < d->n; i++) {
		g = d->group[i];
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
}

static void write_sink(const struct dead *d, struct json *j, const struct sink_state *s)
{
	json_item(j);
	sinks_write(j, s, "dead_letters");
	write_ages(j, s);
	write_dead(d, j, s->name);
	json_item_end(j);
}

void backlog_answer(struct page_call *c)
{
	const int64_t deadline = clock_mono_us() + 2 * PAGE_BUDGET_US;
	struct sinks sinks = {0};
	struct dead dead = {0};
	struct json j;
	bool whole;

	if (!page_reader(c))
		return;
	spool_view_bound(c->db, &deadline);
	whole = sinks_read(&sinks, c->conf, c->db, true);
	whole = read_causes(c, &dead) && whole;
	json_begin(&j);
	json_list(&j, "sinks");
	for (size_t i = 0; i < sinks.n; i++)
		write_sink(&dead, &j, &sinks.sink[i]);
	json_list_end(&j);
	json_bool(&j, "complete", whole);
	json_time(&j, "at", clock_now());
	spool_view_bound(c->db, NULL);
	page_answer_json(c, &j);
	buf_free(&dead.texts);
	sinks_free(&sinks);
}
