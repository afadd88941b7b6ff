/* SPDX-License-Identifier: ISC */
/* A run of a catch-up for one account. */
#include "catchup/run.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/paths.h"
#include "core/utf8.h"

static const int64_t OVERLAP_MS = INT64_C(3600000); /* an API may list a message late, and clocks differ */

/* The time that the state is complete until, as far as it can be believed: a clock that was ahead may have written it. */
static int64_t complete_until(const struct catchup_run *r)
{
	return r->state.complete_until <= r->now ? r->state.complete_until : 0;
}

static int64_t later_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* A run that is asked to look back further begins anew; one that goes on with such a run does not. */
static bool take_since(struct catchup_run *r)
{
	bool goes_on = r->state.run_until && r->state.run_from <= r->asked_since;

	if (r->asked_since >= r->from) {
		r->aside = true;
		r->from = r->oldest = r->asked_since;
		return true;
	}
	r->oldest = r->asked_since;
	if (goes_on)
		return true;
	r->from = r->asked_since;
	r->state.run_until = 0;
	*r->state.cursor = '\0';
	return !r->spool || spool_catchup_forget(r->db, &r->state, INT64_MAX);
}

bool run_begin(struct catchup_run *r)
{
	r->now = clock_now();
	r->requests_before = r->client ? catchup_client_requests(r->client) : 0;
	if (!spool_catchup_read(r->db, r->conf->name, r->account, &r->state))
		return false;
	r->oldest = r->now - r->conf->since;
	r->from = later_of(complete_until(r) - OVERLAP_MS, r->oldest);
	r->until = r->leave ? r->now - r->leave : INT64_MAX;
	if (r->asked_since && !take_since(r))
		return false;
	r->aside = r->aside || !r->spool;
	if (!r->aside && r->state.run_until && r->state.run_until <= r->now && r->state.run_from <= r->from)
		r->from = r->state.run_from; /* goes on with the run under way */
	else
		*r->state.cursor = '\0';
	if (r->aside)
		*r->state.cursor = '\0';
	else if (!*r->state.cursor) {
		r->state.run_from = r->from;
		r->state.run_until = r->leave ? r->until : r->now;
	}
	memcpy(r->error_before, r->state.error, sizeof r->error_before);
	r->state.tried_at = r->now;
	r->begun = true;
	return true;
}

void run_free(struct catchup_run *r)
{
	buf_free(&r->item_ids);
}

bool run_fail(struct catchup_run *r, const char *fmt, ...)
{
	struct buf text = {0};
	va_list ap;
	size_t n;

	r->failed = true;
	if (*r->error)
		return false;
	if (*r->account)
		buf_printf(&text, "account %s: ", r->account);
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	n = text.len < sizeof r->error ? text.len : utf8_fit(text.data, text.len, sizeof r->error - 1);
	if (n)
		memcpy(r->error, text.data, n);
	r->error[n] = '\0';
	buf_free(&text);
	return false;
}

bool run_answered(struct catchup_run *r, const struct catchup_answer *a, const char *what)
{
	const char *error = catchup_client_error(r->client);

	if (a->verdict == CATCHUP_ANSWERED)
		return true;
	r->later = r->later || a->verdict == CATCHUP_LATER;
	if (a->verdict == CATCHUP_LATER && !*error)
		return false; /* its requests are used up, which is no fault */
	return run_fail(r, "%s: %s", what, error);
}

bool run_check_body(struct catchup_run *r, const struct catchup_answer *a, const char *what)
{
	struct path success = {.text = "success"};
	const char *reason = "memory is short";
	struct buf arena = {0};
	enum paths_result result = paths_find(a->body.data ? a->body.data : "", a->body.len, &success, 1, &arena, &reason);
	bool ok = result == PATHS_OK && !(success.value.p && success.kind == PATH_BOOLEAN && success.value.n == 5);

	if (result != PATHS_OK)
		run_fail(r, "%s: the answer cannot be read: %s", what, reason);
	else if (!ok)
		run_fail(r, "%s: the API answers that it has failed", what);
	buf_free(&arena);
	return ok;
}

/* FNV-1a. */
static uint64_t hash_cursor(struct slice cursor)
{
	uint64_t h = 0xCBF29CE484222325U;

	for (size_t i = 0; i < cursor.n; i++)
		h = (h ^ (unsigned char)cursor.p[i]) * 0x100000001B3U;
	return h;
}

bool run_next_page(struct catchup_run *r, struct catchup_pages *p, struct slice cursor)
{
	uint64_t h = hash_cursor(cursor);

	if (p->n && h == p->mark)
		return run_fail(r, "the API's pages lead in a circle");
	if (p->n++ == p->next) {
		p->mark = h;
		p->next = 2 * p->next + 1;
	}
	return true;
}

bool run_note_item(struct catchup_run *r, struct slice id, int64_t until)
{
	if (r->aside)
		return true;
	if (r->n_items == CATCHUP_ITEMS_MAX && !run_save(r, slice_text(r->state.cursor)))
		return false;
	/* the ids are copied one behind the other; run_save() finds them again by their lengths */
	r->items[r->n_items] = (struct spool_catchup_item){{NULL, id.n}, until};
	if (!buf_add(&r->item_ids, id.p, id.n))
		return run_fail(r, "memory is short");
	r->n_items++;
	return true;
}

bool run_find_item(struct catchup_run *r, struct slice id, int64_t *until)
{
	*until = INT64_MIN;
	return r->aside || spool_catchup_item(r->db, &r->state, id, r->now - r->conf->since, until) ||
		run_fail(r, "%s", spool_db_error(r->db));
}

/*
 * Writes the state, which a run that is killed leaves behind. Behind a failure it has no cursor: the next run would pass over what failed
 * on an earlier page.
 */
static bool write_run_state(struct catchup_run *r)
{
	char first = *r->state.cursor;
	bool ok;

	if (r->failed)
		*r->state.cursor = '\0';
	ok = spool_catchup_write(r->db, &r->state, r->items, r->n_items, r->now);
	*r->state.cursor = first;
	return ok;
}

bool run_save(struct catchup_run *r, struct slice cursor)
{
	size_t at = 0;

	if (cursor.p != r->state.cursor)
		snprintf(r->state.cursor, sizeof r->state.cursor, "%.*s", (int)cursor.n, cursor.p);
	if (r->aside)
		return true;
	for (size_t i = 0; i < r->n_items; i++) {
		r->items[i].id.p = r->item_ids.data + at;
		at += r->items[i].id.n;
	}
	if (r->client)
		r->state.not_before = catchup_client_next(r->client);
	if (!write_run_state(r))
		return run_fail(r, "%s", spool_db_error(r->db));
	r->n_items = 0;
	r->item_ids.len = 0;
	return true;
}

void run_count_found(struct catchup_run *r, int64_t sent_at)
{
	r->found++;
	r->found_from = r->found == 1 || sent_at < r->found_from ? sent_at : r->found_from;
	r->found_until = r->found == 1 || sent_at > r->found_until ? sent_at : r->found_until;
}

/* What the run found, and whether it was complete. */
static void take_outcome(struct catchup_run *r)
{
	struct spool_catchup *s = &r->state;

	s->requests += (r->client ? catchup_client_requests(r->client) : 0) - r->requests_before;
	if (r->found) {
		s->found += r->found;
		s->last_found = r->found;
		s->found_from = r->found_from;
		s->found_until = r->found_until;
	}
	if (*r->error && !*s->error)
		s->error_since = r->now;
	snprintf(s->error, sizeof s->error, "%s", r->error);
	if (!*s->error)
		s->error_since = 0;
	if (r->aside || r->failed || !r->later)
		*s->cursor = '\0'; /* behind a failure, it begins anew: the items tell what is not to be fetched again */
	if (r->aside || r->failed || r->later)
		return;
	s->complete_until = s->run_until;
	s->completed_at = clock_now();
	s->run_from = s->run_until = 0;
}

bool run_end(struct catchup_run *r)
{
	bool aside = r->aside;

	if (!r->spool || !r->begun)
		return true;
	take_outcome(r);
	r->aside = false; /* what it found, and the time of the next request, are written in any case */
	if (aside)
		r->n_items = 0;
	if (!run_save(r, slice_text(r->state.cursor)))
		return false;
	return aside || r->failed || r->later || spool_catchup_forget(r->db, &r->state, r->now - r->conf->since);
}
