/* SPDX-License-Identifier: ISC */
/* /summary.json: the page's top line: does it work, and what waits? */
#include "config.h"

#include "page/summary.h"

#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "page/sinks.h"
#include "page/token.h"
#include "spool/program.h"
#include "spool/relay_lock.h"
#include "spool/view.h"

enum { CGI_FRESH_MS = 24 * 3600 * 1000 };

/* "up", "down", "cgi" (the last delivery came through CGI), or "unknown": a process of another container cannot be looked at. */
static const char *receiver_state(struct spool_db *db, int64_t now)
{
	struct spool_rows *rows = spool_program_list(db);
	struct spool_program p;
	const char *state = "down";
	enum process_state seen;

	while (spool_program_next(rows, &p)) {
		if (strcmp(p.role, SPOOL_PROGRAM_CGI) == 0 && now - p.started_at < CGI_FRESH_MS && strcmp(state, "down") == 0)
			state = "cgi";
		if (strcmp(p.role, SPOOL_PROGRAM_RECEIVER) != 0 || p.ended_at)
			continue;
		seen = process_look(&p.process);
		if (seen == PROCESS_RUNS)
			state = "up";
		else if (seen == PROCESS_UNKNOWN && strcmp(state, "up") != 0)
			state = "unknown";
		else if (seen == PROCESS_STOPPED && strcmp(state, "up") != 0)
			state = "stopped";
	}
	spool_rows_end(rows);
	return state;
}

static const char *relay_state(const struct conf *conf)
{
	int64_t alive = 0;

	switch (spool_relay_lock_look(conf->dir, &alive)) {
	case SPOOL_RELAY_RUNS:
		return "up";
	case SPOOL_RELAY_UNKNOWN:
		return "unknown";
	default:
		return conf->n_sinks ? "down" : "not_needed";
	}
}

static int64_t midnight(int64_t now)
{
	time_t t = (time_t)(now / 1000);
	struct tm tm;

	localtime_r(&t, &tm);
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	return (int64_t)mktime(&tm) * 1000;
}

/* Ids are given one after the other: their difference counts, but for those that were deleted. */
static bool write_today(struct json *j, struct spool_db *db, int64_t now)
{
	int64_t newest[2], before[2], since = midnight(now);
	bool ok = spool_view_newest(db, newest) && spool_view_before(db, SPOOL_VIEW_EVENTS, since, &before[0]) &&
		spool_view_before(db, SPOOL_VIEW_REJECTS, since, &before[1]);

	if (!ok)
		return false;
	json_object(j, "today");
	json_time(j, "since", since);
	json_number(j, "stored", newest[0] - before[0]);
	json_number(j, "refused", newest[1] - before[1]);
	json_object_end(j);
	return true;
}

static void write_endpoints(struct json *j, const struct conf *conf)
{
	json_list(j, "endpoints");
	for (size_t i = 0; i < conf->n_endpoints; i++) {
		const struct endpoint *e = &conf->endpoints[i];

		json_item(j);
		json_string(j, "path", e->path);
		json_text(j, "name", e->name ? slice_text(e->name) : (struct slice){0});
		json_text(j, "url", e->url ? slice_text(e->url) : (struct slice){0});
		json_string(j, "scheme", e->scheme.name);
		json_item_end(j);
	}
	json_list_end(j);
}

static void write_disk(struct json *j, struct page_call *c)
{
	int64_t bytes, left;

	spool_view_disk(c->db, &bytes, &left);
	json_object(j, "disk");
	json_number(j, "spool_bytes", bytes);
	json_number(j, "free_bytes", left);
	json_bool(j, "low", left >= 0 && (uint64_t)left < c->conf->min_free);
	json_object_end(j);
}

static void write_reader(struct json *j, struct page_call *c)
{
	char token[TOKEN_TEXT];
	bool may = c->conf->page_actions && token_make(c->conf, c->user, token);

	json_string(j, "version", PACKAGE_VERSION);
	json_text(j, "user", *c->user ? slice_text(c->user) : (struct slice){0});
	json_bool(j, "actions", may);
	json_text(j, "token", may ? slice_text(token) : (struct slice){0});
	json_bool(j, "bodies", c->conf->page_bodies);
	json_bool(j, "reject_bodies", c->conf->reject_bodies);
	json_time(j, "now", clock_now());
}

void summary_answer(struct page_call *c)
{
	const int64_t deadline = clock_mono_us() + PAGE_BUDGET_US;
	struct sinks sinks = {0};
	struct json j;
	bool whole, ok;

	if (!page_reader(c))
		return;
	json_begin(&j);
	write_reader(&j, c);
	json_string(&j, "receiver", receiver_state(c->db, clock_now()));
	json_string(&j, "relay", relay_state(c->conf));
	ok = write_today(&j, c->db, clock_now());
	write_disk(&j, c);
	write_endpoints(&j, c->conf);
	spool_view_bound(c->db, &deadline);
	whole = sinks_read(&sinks, c->conf, c->db, false);
	spool_view_bound(c->db, NULL);
	json_list(&j, "sinks");
	for (size_t i = 0; i < sinks.n; i++) {
		json_item(&j);
		sinks_write(&j, &sinks.sink[i], "dead");
		json_item_end(&j);
	}
	json_list_end(&j);
	json_bool(&j, "complete", whole);
	page_answer_json(c, &j);
	if (!ok)
		page_spool_error(c);
	sinks_free(&sinks);
}
