/* SPDX-License-Identifier: ISC */
/* One run of a catch-up: its accounts, one after the other. */
#include "catchup/catchup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "catchup/allowance.h"
#include "catchup/provider.h"
#include "core/clock.h"
#include "core/strlist.h"
#include "spool/view.h"

/* ---- what it says */

struct local_time {
	char day[16], minute[8]; /* "2026-05-12", "14:33" */
};

static struct local_time local_time(int64_t ms)
{
	time_t s = (time_t)(ms / 1000);
	struct local_time t = {.day = ""};
	struct tm tm;

	if (localtime_r(&s, &tm)) {
		strftime(t.day, sizeof t.day, "%Y-%m-%d", &tm);
		strftime(t.minute, sizeof t.minute, "%H:%M", &tm);
	}
	return t;
}

/* "14:02–16:40"; with the date where that is not today's. */
static bool add_window(struct buf *out, int64_t from, int64_t until, int64_t now)
{
	struct local_time first = local_time(from), last = local_time(until), today = local_time(now);

	if (strcmp(first.day, last.day) != 0)
		return buf_printf(out, "%s %s–%s %s", first.day, first.minute, last.day, last.minute);
	return (strcmp(first.day, today.day) == 0 || buf_printf(out, "%s ", first.day)) && buf_add_text(out, first.minute) &&
		(strcmp(first.minute, last.minute) == 0 || buf_printf(out, "–%s", last.minute));
}

bool catchup_describe(const struct catchup_run *r, struct buf *out)
{
	const struct catchup_provider *p = r->provider;

	return r->found && buf_printf(out, "%" PRId64 " %s of ", r->found, r->found == 1 ? p->one : p->many) &&
		add_window(out, r->found_from, r->found_until, r->now) &&
		buf_printf(out, " %s", !r->spool ? r->found == 1 ? "is missing" : "are missing" : r->found == 1 ? p->was : p->were);
}

/* ---- the accounts */

struct section_run {
	const struct catchup_order *o;
	const struct catchup *c;
	const struct catchup_provider *provider;
	struct catchup_client *client;
	struct spool *spool;
	bool failed, later;
};

static struct catchup_run make_run(const struct section_run *s, const char *account)
{
	return (struct catchup_run){.conf = s->c, .provider = s->provider, .client = s->client, .db = s->o->db, .spool = s->spool,
		.account = account, .asked_since = s->o->since, .leave = s->o->leave, .progress = s->o->progress};
}

/* Ends an account's run. False on an error of the spool. */
static bool end_account(struct section_run *s, struct catchup_run *r)
{
	bool ok = run_end(r);

	s->failed = s->failed || r->failed || !ok;
	s->later = s->later || r->later;
	s->o->report(s->o->ctx, r);
	run_free(r);
	return ok;
}

/* One run of an account. *resumed: it went on where an earlier run ended. False when a further run has no chance. */
static bool run_account_once(struct section_run *s, const char *account, bool *resumed)
{
	struct catchup_run r = make_run(s, account);
	bool begun = run_begin(&r);

	*resumed = begun && *r.state.cursor;
	if (begun)
		s->provider->fetch(&r);
	else
		run_fail(&r, "%s", spool_db_error(r.db));
	*resumed = *resumed && !r.failed;
	return end_account(s, &r) && !r.later;
}

/*
 * Fetches what one account lacks. A run that goes on with an earlier one is complete until that one began: what moved to the front since
 * then was not listed again, and another run follows at once. False when further accounts have no chance either.
 */
static bool run_account(struct section_run *s, const char *account)
{
	bool resumed, ok;

	do
		ok = run_account_once(s, account, &resumed);
	while (ok && resumed);
	return ok;
}

/* The accounts of the configuration, or those that the API names. What goes wrong is written down for the account "". */
static bool find_accounts(struct section_run *s, struct strlist *accounts)
{
	struct catchup_run r = make_run(s, "");
	bool ok = run_begin(&r);

	if (!ok)
		run_fail(&r, "%s", spool_db_error(r.db));
	r.aside = true;
	ok = ok && s->provider->list_accounts(&r, accounts);
	if (ok && accounts->n == 0)
		ok = run_fail(&r, "the API names no account for this key");
	if (!ok)
		end_account(s, &r);
	else
		run_free(&r);
	return ok;
}

/* An account that the API no longer names has that as its error, and is forgotten when it was last complete longer ago than `since`. */
static void miss_account(struct section_run *s, const char *account)
{
	struct catchup_run r = make_run(s, account);

	if (!run_begin(&r)) {
		s->failed = true;
	} else if (r.state.completed_at < r.now - s->c->since) {
		s->failed = !spool_catchup_delete(s->o->db, &r.state) || s->failed;
	} else {
		r.aside = true;
		run_fail(&r, "the API does not name it any more");
		if (strcmp(r.error, r.error_before) != 0)
			s->o->report(s->o->ctx, &r);
		s->failed = !run_end(&r) || s->failed;
	}
	run_free(&r);
}

static void miss_accounts(struct section_run *s, const struct strlist *found)
{
	struct spool_rows *rows = spool_catchup_list(s->o->db);
	struct strlist missed = {0};
	struct spool_catchup state;

	while (spool_catchup_next(rows, &state))
		if (strcmp(state.name, s->c->name) == 0 && *state.account && !strlist_match(found, slice_text(state.account)))
			s->failed = !strlist_add(&missed, slice_text(state.account)) || s->failed;
	s->failed = !spool_rows_end(rows) || s->failed;
	for (size_t i = 0; i < missed.n && s->spool; i++)
		miss_account(s, missed.item[i]);
	strlist_free(&missed);
}

/* Takes back an error of the account "", which is of the section as a whole. */
static void clear_error(struct section_run *s)
{
	struct catchup_run r = make_run(s, "");

	if (run_begin(&r) && *r.state.error) {
		r.aside = true;
		run_end(&r);
	}
	run_free(&r);
}

static void run_accounts(struct section_run *s)
{
	const struct strlist *wanted = &s->c->endpoint->accounts;
	struct strlist found = {0};
	const struct strlist *accounts = &s->c->accounts;

	if (!s->provider->list_accounts) {
		run_account(s, "");
		return;
	}
	if (accounts->n == 0) {
		if (!find_accounts(s, &found)) {
			strlist_free(&found);
			return;
		}
		accounts = &found;
		miss_accounts(s, &found);
	}
	clear_error(s);
	for (size_t i = 0; i < accounts->n; i++)
		if (strlist_match(wanted, slice_text(accounts->item[i])) && !run_account(s, accounts->item[i]))
			break;
	strlist_free(&found);
}

/* ---- the section */

/* A time of the future, or of longer than any answer makes a run wait, was written by a clock that was set back since. */
static bool is_plausible(const struct spool_catchup *state, int64_t now)
{
	return state->tried_at <= now && state->not_before <= now + ALLOWANCE_WAIT_MAX;
}

/* When the section's last run lets the next request go. */
static bool read_not_before(const struct catchup_order *o, const struct catchup *c, int64_t *not_before)
{
	struct spool_rows *rows = spool_catchup_list(o->db);
	int64_t now = clock_now();
	struct spool_catchup state;

	*not_before = 0;
	while (spool_catchup_next(rows, &state))
		if (strcmp(state.name, c->name) == 0 && is_plausible(&state, now) && state.not_before > *not_before)
			*not_before = state.not_before;
	return spool_rows_end(rows);
}

/* Writes down that no request could be made. */
static void fail_section(struct section_run *s, const char *why)
{
	struct catchup_run r = make_run(s, "");

	if (run_begin(&r)) {
		r.aside = true;
		run_fail(&r, "%s", why);
		end_account(s, &r);
	}
	s->failed = true;
}

/* The rest of a disk that fills is for the webhook. It may deliver an event only once; the API can be asked later. */
static bool disk_has_room(const struct catchup_order *o)
{
	int64_t bytes, left;

	spool_view_disk(o->db, &bytes, &left);
	return left < 0 || (uint64_t)left >= o->conf->min_free;
}

static enum catchup_end run_section(const struct catchup_order *o, const struct catchup *c, int64_t *wait, char *why, size_t n)
{
	struct section_run s = {.o = o, .c = c, .provider = catchup_provider_of(c->api)};
	int64_t not_before, next;
	char reason[512];

	if (!read_not_before(o, c, &not_before)) {
		snprintf(why, n, "%s", spool_db_error(o->db));
		return CATCHUP_INCOMPLETE;
	}
	s.spool = o->dry_run ? NULL : spool_of(o->conf, SPOOL_MANAGE);
	snprintf(reason, sizeof reason, "the spool's disk has less than min-free left; make room, or purge events");
	s.client = o->dry_run || (s.spool && disk_has_room(o)) ? catchup_client_new(c, o->stop, not_before, reason, sizeof reason) : NULL;
	if (s.client)
		run_accounts(&s);
	else if (s.spool || o->dry_run)
		fail_section(&s, reason);
	else
		s.failed = snprintf(why, n, "memory is short") > 0;
	next = s.client ? catchup_client_next(s.client) - clock_now() : 0;
	*wait = next > 0 ? next : 0;
	catchup_client_free(s.client);
	spool_close(s.spool);
	return s.failed ? CATCHUP_INCOMPLETE : s.later ? CATCHUP_GOES_ON : CATCHUP_COMPLETE;
}

enum catchup_end catchup_once(const struct catchup_order *o, const struct catchup *c, int64_t *wait, char *why, size_t n)
{
	enum catchup_end end = CATCHUP_INCOMPLETE;
	int lock;

	*wait = 0;
	*why = '\0';
	switch (spool_catchup_lock(o->db, o->conf->dir, &lock)) {
	case SPOOL_CATCHUP_LOCK_TAKEN:
		end = run_section(o, c, wait, why, n);
		spool_catchup_unlock(lock);
		break;
	case SPOOL_CATCHUP_LOCK_HELD:
		end = CATCHUP_OTHER;
		snprintf(why, n, "%s", spool_db_error(o->db));
		break;
	case SPOOL_CATCHUP_LOCK_FAILED:
		snprintf(why, n, "%s", spool_db_error(o->db));
		break;
	}
	return end;
}
