/* SPDX-License-Identifier: ISC */
/* hookspool replay: makes stored events due for a sink, again or for the first time. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/filter.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "core/clock.h"
#include "spool/deliveries.h"
#include "spool/pause.h"
#include "spool/wakeup.h"

enum { BATCH = 500 };

struct replay {
	struct filter filter;
	struct spool_db *db;
	const char *name; /* of the sink; NULL: those of the endpoint */
	const struct sink *sink;
	char **ids; /* events that were named, NULL behind the last */
	bool dry_run, ok, missing;
	int64_t event[BATCH];
	size_t n;
	int64_t found, changed;
	char why[512]; /* "": the reason is an error of db */
};

static bool flush_batch(struct replay *r)
{
	int64_t changed = 0;

	if (r->n && !r->dry_run)
		r->ok = spool_deliveries_replay(r->db, r->sink, r->event, r->n, clock_now(), &changed);
	r->changed += changed;
	r->n = 0;
	progress_update((uint64_t)r->found);
	return r->ok;
}

static bool replay_found(struct replay *r)
{
	struct spool_events_iter *it = spool_events_find(r->db, &r->filter.spool);
	struct spool_row row;

	while (r->ok && spool_events_next(it, &row)) {
		if (!filter_match(&r->filter, &row))
			continue;
		r->event[r->n++] = row.id;
		r->found++;
		if (r->n == BATCH)
			flush_batch(r);
	}
	return spool_events_end(it) && r->ok && flush_batch(r);
}

static bool replay_all(struct replay *r)
{
	struct spool_wakeup wakeup = {-1};
	bool ok;

	progress_start(r->dry_run ? "found" : "replayed", 0);
	ok = replay_found(r);
	progress_end();
	if (r->dry_run)
		printf("%" PRId64 " events would be sent to %s\n", r->found, r->sink->name);
	else
		printf("%" PRId64 " of %" PRId64 " events are due for %s\n", r->changed, r->found, r->sink->name);
	spool_wakeup_send(&wakeup, r->filter.conf->dir, false);
	spool_wakeup_close(&wakeup);
	return ok;
}

/* Makes one event due for one sink, and prints that. */
static bool replay_to(struct replay *r, int64_t event, const struct sink *sink)
{
	int64_t changed = 1;

	if (!r->dry_run && !spool_deliveries_replay(r->db, sink, &event, 1, clock_now(), &changed))
		return false;
	printf("event %" PRId64 " %s %s\n", event, r->dry_run ? "would be sent to" : changed ? "is due for" : "was pending already for",
		sink->name);
	return true;
}

/* Replays one event given by its ID: to the sink of --sink, or to all sinks of its endpoint. */
static bool replay_event(struct replay *r, const struct spool_row *row)
{
	const struct endpoint *e;
	const struct sink *sink;
	char *path;

	if (r->sink)
		return r->ok = replay_to(r, row->id, r->sink);
	path = strndup(row->endpoint.p, row->endpoint.n);
	e = path ? conf_endpoint(r->filter.conf, path) : NULL;
	if (!e || !conf_endpoint_sink(e, 0))
		cli_error("event %" PRId64 ": its endpoint %s names no sinks in relay or store; choose one with --sink", row->id, path ? path : "");
	r->missing |= !e || !conf_endpoint_sink(e, 0);
	free(path);
	for (size_t i = 0; r->ok && e && (sink = conf_endpoint_sink(e, i)); i++)
		r->ok = replay_to(r, row->id, sink);
	return r->ok;
}

static bool replay_ids(struct replay *r)
{
	struct spool_wakeup wakeup = {-1};
	struct spool_events_iter *it;
	bool found, ok = true;
	struct spool_row row;
	int64_t id;

	for (char **text = r->ids; ok && *text; text++) {
		id = strtoll(*text, NULL, 10);
		it = spool_events_get(r->db, id);
		found = spool_events_next(it, &row);
		ok = !found || replay_event(r, &row);
		ok = spool_events_end(it) && ok;
		if (ok && !found)
			cli_error("there is no event %" PRId64, id);
		r->missing |= !found;
	}
	spool_wakeup_send(&wakeup, r->filter.conf->dir, false);
	spool_wakeup_close(&wakeup);
	return ok;
}

/* The relay sends later what is due for a paused sink. */
static bool say_pauses(const struct replay *r)
{
	struct spool_rows *rows = spool_pause_list(r->db, clock_now());
	struct spool_pause p;
	char text[TERMINAL_TIME];

	while (spool_pause_next(rows, &p))
		if (!r->sink || strcmp(p.sink, r->sink->name) == 0)
			printf("sink %s pauses until %s; hookspool retry --sink %s ends the pause\n", p.sink, terminal_time(p.until, text), p.sink);
	return spool_rows_end(rows);
}

static int replay_run(const struct cli *cli, void *values)
{
	struct replay *r = values;
	const char *name = r->name;
	struct conf *conf;
	bool ok = false, meant;
	int status;

	if (!name && !*r->ids)
		return cli_usage("replay", "name a --sink, or IDs; list prints them");
	if (*r->ids && filter_is_set(&r->filter))
		return cli_usage("replay", "filters and IDs both choose events; give only one of them");
	status = cli_open(cli, CONF_SECRETS_THERE, &conf, &r->db);
	if (status != CLI_OK)
		return status;
	filter_begin(&r->filter, conf, r->db);
	r->sink = name ? conf_sink(conf, name) : NULL;
	meant = !name || (r->sink && !r->sink->replies);
	if (name && !r->sink)
		snprintf(r->why, sizeof r->why, "the configuration has no sink \"%s\"", name);
	else if (!meant)
		snprintf(r->why, sizeof r->why, "sink \"%s\" sends answers, and no events; hookspool retry sends those again", name);
	else
		ok = (*r->ids ? replay_ids(r) : replay_all(r)) &&
			(r->dry_run || say_pauses(r));
	filter_free(&r->filter);
	status = cli_close(conf, r->db, ok, *r->why ? r->why : NULL);
	return !meant || (status == CLI_OK && r->missing) ? CLI_NO : status;
}

static const struct command_option replay_options[] = {
	{.name = "sink", .kind = COMMAND_SINK, .offset = offsetof(struct replay, name), .argument = "NAME", .help = "to this sink"},
	{.name = "dry-run", .offset = offsetof(struct replay, dry_run), .help = "only print how many"},
	FILTER_OPTIONS(struct replay),
	{0},
};

const struct command cli_replay = {
	.name = "replay",
	.purpose = "send stored events to a sink, again or for the first time",
	.usage = "--sink NAME [OPTION]...\n[--sink NAME] [--dry-run] ID...",
	.about = "Makes stored events due for a sink, with the ids they always have: those that it got already, those that it did not "
		"want, and those from before there was such a sink. Deliveries that are pending stay as they are. hookspool relay sends "
		"them. With IDs, replays those events; without a sink, to all sinks that their endpoint names in relay.",
	.examples = "replay --sink crm --since 2026-05-12 --dry-run\nreplay 4711",
	.options = replay_options,
	.argument = {.kind = COMMAND_IDS, .offset = offsetof(struct replay, ids), .argument = "ID", .wrong = "is no ID; list prints them"},
	.size = sizeof(struct replay),
	.defaults = &(const struct replay){.filter = FILTER_ALL, .ok = true},
	.run = replay_run,
};
