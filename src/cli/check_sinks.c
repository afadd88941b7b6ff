/* SPDX-License-Identifier: ISC */
/* hookspool check, the sinks: their files, the endpoints that name them, dead deliveries, and pending ones that no relay sends. */
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/check.h"
#include "cli/terminal.h"
#include "conf/kind.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/program.h"
#include "core/writable.h"
#include "sink/driver.h"
#include "sink/type.h"
#include "spool/deliveries.h"

enum {
	LATE_MS = 2 * 60 * 1000, /* without a relay: cron's runs each minute */
	OLD_MS = 10 * 60 * 1000, /* with a relay: a sink that fails this long is a warning... */
	DOWN_MS = 60 * 60 * 1000, /* ...and this long, a failure, as where no relay runs */
};

static bool is_named(const struct conf *conf, const struct sink *s)
{
	const struct sink *named;

	for (size_t i = 0; i < conf->n_endpoints; i++)
		for (size_t k = 0; (named = conf_endpoint_sink(&conf->endpoints[i], k)); k++)
			if (named == s)
				return true;
	for (size_t i = 0; i < conf->n_alert; i++)
		if (conf->alert[i] == s)
			return true;
	return s->replies; /* for hookspool reply, where no other sink names it */
}

/* The path in the field of an option; NULL where the option is not of this kind, or has no value. */
static const char *path_of(const struct option_row *row, const struct sink *s, const struct option_kind *kind)
{
	return row->kind == kind ? *(char *const *)((const char *)s->options + row->offset) : NULL;
}

static bool is_secret_file(const struct sink *s, const char *target)
{
	for (const struct option_row *row = s->type->rows; row->name; row++)
		if (kind_secret_file(row, s->options, 0) == target)
			return true;
	return false;
}

static void say_target(struct check *c, const struct sink *s)
{
	const char *how, *target = s->type->target ? s->type->target(s, &how) : NULL, *rest;
	int before;

	if (!target) {
		check_say(c, CHECK_OK, "sink", "sink %s: sends nothing, as its type is \"%s\"", s->name, s->type->name);
		return;
	}
	if (!strstr(target, "://")) {
		check_say(c, CHECK_OK, "sink", is_secret_file(s, target) ? "sink %s: %s to the URL in %s" : "sink %s: %s %s", s->name, how, target);
		return;
	}
	rest = terminal_url(target, &before);
	check_say(c, CHECK_OK, "sink", "sink %s: %s to %.*s%s", s->name, how, before, target, rest);
}

struct command {
	struct check *check;
	const struct sink *sink;
};

static void say_writable(void *ctx, enum writable by, const char *why)
{
	const struct command *command = ctx;

	check_say(command->check, by == WRITABLE_BY_ALL ? CHECK_FAIL : CHECK_WARN, "sink", "sink %s: %s", command->sink->name, why);
}

static void check_program(struct check *c, const struct sink *s)
{
	const struct strlist *argv = s->type->command(s);
	char program[PATH_MAX], why[PATH_MAX + 512];

	if (!program_find(argv->item[0], program, sizeof program)) {
		program_missing(argv->item[0], why, sizeof why);
		check_say(c, CHECK_FAIL, "sink", "sink %s: user %s can't run its program: %s", s->name, check_user(geteuid()), why);
	} else if (!program_check(program, why, sizeof why))
		check_say(c, CHECK_FAIL, "sink", "sink %s: %s", s->name, why);
	else
		check_say(c, CHECK_OK, "sink", "sink %s: runs %s", s->name, program);
	writable_command(argv->item, argv->n, say_writable, &(struct command){c, s});
}

/* Finds a missing comma, and a placeholder without quotes whose value may be missing, before an event fails at it. */
static void check_sink_body(struct check *c, const struct sink *s)
{
	struct template_values empty = {.body = {"{}", 2}};
	struct buf text = {0};

	if (s->body && strncmp(s->content_type, "application/json", 16) == 0 && template_print(s->body, &empty, &text) &&
	    !json_is_valid((struct slice){buf_str(&text), text.len}))
		check_say(c, CHECK_WARN, "sink", "sink %s: for an event without any of its values, the body is no JSON; are a comma, a quote or a default missing? Other text needs its content-type",
			s->name);
	buf_free(&text);
}

static void on_sink_finding(void *ctx, enum sink_finding finding, const char *text)
{
	static const enum check_grade grades[] = {[SINK_FINE] = CHECK_OK, [SINK_DOUBTFUL] = CHECK_WARN, [SINK_WRONG] = CHECK_FAIL};
	const struct command *command = ctx;

	check_say(command->check, grades[finding], "sink", "sink %s: %s", command->sink->name, text);
}

/* Opens the sink as the relay will. */
static void check_sink_target(struct check *c, const struct sink *s)
{
	char why[PATH_MAX + 256] = "no more files can be opened";
	struct loop *l = loop_new();
	struct sink_target *target = l ? sink_open(s, l, NULL, why, sizeof why) : NULL;

	if (target)
		sink_check(target, on_sink_finding, &(struct command){c, s});
	else
		check_say(c, CHECK_FAIL, "sink", "%s: sink %s: %s", s->where, s->name, why);
	sink_close(target);
	loop_free(l);
}

/* False after a FAIL: the relay's own check of the file would report the same again. */
static bool check_sink_files(struct check *c, const struct sink *s)
{
	char whose[512];
	const char *file;
	bool ok = true;

	for (const struct option_row *row = s->type->rows; row->name; row++) {
		snprintf(whose, sizeof whose, "sink %s: %s ", s->name, row->name);
		file = path_of(row, s, &kind_file);
		if (file && !check_file(c, whose, file, false))
			ok = false;
		for (size_t i = 0; (file = kind_secret_file(row, s->options, i)); i++)
			ok = check_file(c, whose, file, true) && ok;
	}
	return ok;
}

/* True when the sink reads, writes or runs a file: the relay's user must be able to. */
static bool has_files(const struct sink *s)
{
	for (const struct option_row *row = s->type->rows; row->name; row++)
		if (kind_secret_file(row, s->options, 0) || path_of(row, s, &kind_file) || path_of(row, s, &kind_path))
			return true;
	return s->type->command != NULL;
}

/* usable: this process may look at the sink's files. */
static void check_sink(struct check *c, const struct conf *conf, const struct sink *s, bool usable)
{
	if (!is_named(conf, s))
		check_say(c, CHECK_WARN, "sink", "sink %s: no endpoint names it; add relay = {\"%s\"} to one", s->name, s->name);
	else if (!s->type->command)
		say_target(c, s);
	check_sink_body(c, s);
	if (!usable)
		return;
	if (s->type->command)
		check_program(c, s);
	if (check_sink_files(c, s))
		check_sink_target(c, s);
}

struct counting {
	struct check *check;
	const struct conf *conf;
	bool relay_runs;
};

static const char *deliveries_are(int64_t n)
{
	return n == 1 ? "delivery is" : "deliveries are";
}

static void say_count(const struct counting *counting, const struct spool_delivery_count *d)
{
	const char *sink = d->sink;
	bool known = conf_sink(counting->conf, sink);

	if (d->state == SPOOL_RELAY_PENDING && !known)
		check_say(counting->check, CHECK_WARN, "deliveries", "sink %s: %" PRId64 " %s pending, and there is no such sink any more; "
			"hookspool drop --sink %s gives %s up", sink, d->n, deliveries_are(d->n), sink, d->n == 1 ? "it" : "them");
	else if (d->state == SPOOL_RELAY_DEAD && known)
		check_say(counting->check, CHECK_WARN, "deliveries", "sink %s: %" PRId64 " %s dead; hookspool deliveries --sink %s --state dead shows %s", sink, d->n,
			deliveries_are(d->n), sink, d->n == 1 ? "it" : "them");
}

static enum check_grade grade_of(int64_t since)
{
	return clock_now() - since > DOWN_MS ? CHECK_FAIL : CHECK_WARN;
}

static void say_late(const struct counting *counting, const struct spool_delivery_count *d)
{
	const char *sink = d->sink;
	char time[CLOCK_TEXT];

	if (conf_sink(counting->conf, sink) && !counting->relay_runs)
		check_say(counting->check, grade_of(d->since), "deliveries", "sink %s: %" PRId64 " %s due since %s, and no relay has run since; start hookspool relay", sink, d->n,
			deliveries_are(d->n), clock_format(d->since, time));
}

/* The relay runs, and the sink takes nothing, or less than what arrives. */
static void say_old(const struct counting *counting, const struct spool_delivery_count *d)
{
	const char *sink = d->sink;
	char time[CLOCK_TEXT];

	if (conf_sink(counting->conf, sink) && counting->relay_runs && clock_now() - d->since > OLD_MS)
		check_say(counting->check, grade_of(d->since), "deliveries", "sink %s: %" PRId64 " %s pending, the oldest since %s, though a relay runs; "
			"hookspool deliveries --sink %s shows why", sink, d->n, deliveries_are(d->n), clock_format(d->since, time), sink);
}

static bool say_each(const struct counting *counting, struct spool_rows *rows,
	void (*say)(const struct counting *counting, const struct spool_delivery_count *d))
{
	struct spool_delivery_count count;

	while (spool_deliveries_next_count(rows, &count))
		say(counting, &count);
	return spool_rows_end(rows);
}

/* Root can check the files of sinks only when it knows the relay's user. */
static void check_each(struct check *c, const struct conf *conf)
{
	size_t unseen = 0;

	for (size_t i = 0; i < conf->n_sinks; i++) {
		check_sink(c, conf, &conf->sinks[i], !c->relay_unknown || !has_files(&conf->sinks[i]));
		unseen += c->relay_unknown && has_files(&conf->sinks[i]);
	}
	if (unseen)
		check_say(c, CHECK_WARN, "sink", "sinks: no relay has run yet: the files of sinks were not checked; start it and check again");
}

void check_relay_sinks(struct check *c, const struct conf *conf)
{
	struct counting counting = {c, conf, check_relay_runs(conf->dir)};
	struct spool_db *db = check_open(c, conf);

	check_each(c, conf);
	if (!db)
		return; /* check_spool() has said so */
	if (!say_each(&counting, spool_deliveries_counts(db), say_count) ||
	    !say_each(&counting, spool_deliveries_late(db, clock_now() - LATE_MS), say_late) ||
	    !say_each(&counting, spool_deliveries_ages(db), say_old))
		check_say(c, CHECK_FAIL, "deliveries", "sinks: %s", spool_db_error(db));
	spool_db_free(db);
}
