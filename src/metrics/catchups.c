/* SPDX-License-Identifier: ISC */
/* The metrics of catch-ups: what each found missing, and how far it is complete. Accounts are summed up: an API may name many. */
#include <stdlib.h>
#include <string.h>

#include "core/strlist.h"
#include "metrics/parts.h"
#include "spool/catchup.h"

/* A section with all its accounts. */
struct caught_up {
	int64_t found, requests;
	int64_t complete_until, completed_at; /* of the account that is furthest behind; 0: one never was complete */
	bool any, failed;
};

static int64_t earlier_of(bool any, int64_t a, int64_t b)
{
	return !any || b < a ? b : a;
}

/* The account "" of a provider with accounts is there for errors alone. */
static void add_state(struct caught_up *sum, const struct catchup *c, const struct spool_catchup *s)
{
	if (*s->account && !strlist_match(&c->accounts, slice_text(s->account)))
		return; /* it was removed from the configuration */
	sum->failed = sum->failed || *s->error;
	sum->found += s->found;
	sum->requests += s->requests;
	if (!*s->account && !s->completed_at)
		return;
	sum->complete_until = earlier_of(sum->any, sum->complete_until, s->complete_until);
	sum->completed_at = earlier_of(sum->any, sum->completed_at, s->completed_at);
	sum->any = true;
}

static bool sum_up(struct metrics *m, struct caught_up *sums)
{
	struct spool_rows *rows = spool_catchup_list(m->db);
	struct spool_catchup state;

	while (spool_catchup_next(rows, &state))
		for (size_t i = 0; i < m->conf->n_catchups; i++)
			if (strcmp(m->conf->catchups[i].name, state.name) == 0)
				add_state(&sums[i], &m->conf->catchups[i], &state);
	return spool_rows_end(rows);
}

static const struct exposition_label *label_of(const struct metrics *m, size_t i, struct exposition_label label[2])
{
	label[0] = (struct exposition_label){"catch_up", m->conf->catchups[i].name};
	label[1] = (struct exposition_label){0};
	return label;
}

static void write_catchups(struct metrics *m, const struct caught_up *sums)
{
	size_t n = m->conf->n_catchups;
	struct exposition_label l[2];

	exposition_begin(&m->e, EXPOSITION_COUNTER, "hookspool_catch_up_found", "What was missing until a catch-up found it.");
	for (size_t i = 0; i < n; i++)
		exposition_add(&m->e, label_of(m, i, l), sums[i].found, EXPOSITION_ONE);
	exposition_begin(&m->e, EXPOSITION_COUNTER, "hookspool_catch_up_requests", "Requests to the provider's API.");
	for (size_t i = 0; i < n; i++)
		exposition_add(&m->e, label_of(m, i, l), sums[i].requests, EXPOSITION_ONE);
	exposition_begin(&m->e, EXPOSITION_GAUGE, "hookspool_catch_up_failed", "1 while the last run was not complete, as something is wrong.");
	for (size_t i = 0; i < n; i++)
		exposition_add(&m->e, label_of(m, i, l), sums[i].failed, EXPOSITION_ONE);
	exposition_begin(&m->e, EXPOSITION_GAUGE, "hookspool_catch_up_complete_timestamp_seconds", "All that was sent before is in the spool.");
	for (size_t i = 0; i < n; i++)
		if (sums[i].complete_until)
			exposition_add(&m->e, label_of(m, i, l), sums[i].complete_until, EXPOSITION_MILLI);
	exposition_begin(&m->e, EXPOSITION_GAUGE, "hookspool_catch_up_last_complete_run_timestamp_seconds", "When a run was last complete.");
	for (size_t i = 0; i < n; i++)
		if (sums[i].completed_at)
			exposition_add(&m->e, label_of(m, i, l), sums[i].completed_at, EXPOSITION_MILLI);
}

bool parts_catchups(struct metrics *m)
{
	struct caught_up *sums = calloc(m->conf->n_catchups + 1, sizeof *sums);
	bool ok;

	m->e.failed = m->e.failed || !sums;
	if (!sums)
		return true;
	ok = sum_up(m, sums);
	write_catchups(m, sums);
	free(sums);
	return ok;
}
