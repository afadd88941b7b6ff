/* SPDX-License-Identifier: ISC */
/* /callers.json: the addresses that deliveries came from, and how often. */
#include "page/callers.h"

#include "core/clock.h"
#include "spool/view.h"

static bool write_callers(struct page_call *c, struct json *j, const char *name, enum spool_view_kind kind)
{
	struct spool_rows *rows = spool_view_callers(c->db, kind);
	struct spool_view_group g;

	json_list(j, name);
	while (spool_view_next_group(rows, &g)) {
		json_item(j);
		json_text(j, "address", *g.text ? slice_text(g.text) : (struct slice){0});
		json_number(j, "n", g.n);
		json_time(j, "first_at", g.first);
		json_time(j, "last_at", g.last);
		json_item_end(j);
	}
	json_list_end(j);
	return spool_rows_end(rows);
}

void callers_answer(struct page_call *c)
{
	const int64_t deadline = clock_mono_us() + 4 * PAGE_BUDGET_US;
	struct json j;
	bool whole;

	if (!page_reader(c))
		return;
	spool_view_bound(c->db, &deadline);
	json_begin(&j);
	whole = write_callers(c, &j, "stored", SPOOL_VIEW_EVENTS);
	whole = write_callers(c, &j, "refused", SPOOL_VIEW_REJECTS) && whole;
	spool_view_bound(c->db, NULL);
	json_number(&j, "looked_at", SPOOL_VIEW_GROUPED);
	json_bool(&j, "complete", whole);
	page_answer_json(c, &j);
}
