/* SPDX-License-Identifier: ISC */
/* hookspool move: copies the spool to another place, which may be of another engine. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/progress.h"
#include "conf/place.h"
#include "spool/move.h"
#include "spool/overflow.h"
#include "spool/program.h"
#include "spool/relay_lock.h"
#include "spool/totals.h"

struct move {
	const char *to;
	bool stopped;
};

static void show_moved(uint64_t done)
{
	progress_update(done);
}

/* True when the program may go on using the spool. */
static bool may_run(const struct spool_program *p, bool stopped)
{
	enum process_state state = p->ended_at || strcmp(p->role, SPOOL_PROGRAM_CGI) == 0 ? PROCESS_GONE : process_look(&p->process);

	return state == PROCESS_RUNS || state == PROCESS_STOPPED || (state == PROCESS_UNKNOWN && !stopped);
}

/* False after a message: a program uses the spool. */
static bool is_unused(const struct conf *conf, struct spool_db *db, bool stopped)
{
	struct spool_rows *rows = spool_program_list(db);
	struct spool_program p;
	bool unused = true;
	int64_t alive;

	while (spool_program_next(rows, &p)) {
		if (!unused || !may_run(&p, stopped))
			continue;
		unused = false;
		cli_error("a %s uses the spool, with the pid %" PRId64 "%s; stop it first%s", p.role, p.process.pid,
			process_look(&p.process) == PROCESS_UNKNOWN ? " of another machine or container" : "",
			process_look(&p.process) == PROCESS_UNKNOWN ? ", or say --stopped" : "");
	}
	spool_rows_end(rows);
	if (unused && spool_relay_lock_look(conf->dir, &alive) == SPOOL_RELAY_RUNS) {
		unused = false;
		cli_error("a relay runs; stop it first");
	}
	return unused;
}

static int move_spool(struct spool_db *from, struct spool_db *to, const char *old, const char *place)
{
	struct spool_moved sum;
	bool ok;

	progress_start("events copied", 0);
	ok = spool_move(from, to, show_moved, &sum);
	progress_end();
	if (ok)
		printf("%" PRId64 " event%s and %" PRId64 " deliver%s copied, %" PRId64 " in all; now let spool be \"%s\" in the configuration\n", sum.events,
			sum.events == 1 ? "" : "s", sum.deliveries, sum.deliveries == 1 ? "y" : "ies", sum.total, place);
	if (ok && place_is_server(place) && !place_is_server(old))
		printf("Let overflow be another directory than the old spool %s, which can't be one\n", old);
	if (!ok)
		cli_error("%s%s", spool_db_error(to), sum.events ? "; run this again to go on" : "");
	return ok ? CLI_OK : sum.refused ? CLI_NO : CLI_TEMPFAIL;
}

/* True also for another name of the same directory. */
static bool is_same_place(const char *a, const char *b)
{
	struct stat x, y;

	return strcmp(a, b) == 0 || (!place_is_server(a) && !place_is_server(b) && stat(a, &x) == 0 && stat(b, &y) == 0 &&
		x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

/* The events that were answered 200 and wait on this machine are in the spool, too. */
static bool is_overflow_empty(const struct conf *conf)
{
	struct spool_totals t = {0};
	struct spool_db *db;
	bool ok;

	if (!conf->overflow_dir || !spool_db_exists(conf->overflow_dir))
		return true;
	db = spool_db_new();
	ok = db && spool_db_open(db, conf->overflow_dir, conf->journal, SPOOL_MANAGE) && spool_overflow_is_one(db, conf->overflow_dir) &&
		spool_totals_read(db, &t);
	if (!ok)
		cli_error("overflow: %s", spool_db_error(db));
	else if (t.events)
		cli_error("the overflow %s has %" PRId64 " event%s that %s not in the spool yet; run hookspool relay --once, then this again", conf->overflow_dir,
			t.events, t.events == 1 ? "" : "s", t.events == 1 ? "is" : "are");
	spool_db_free(db);
	return ok && !t.events;
}

static int move_run(const struct cli *cli, void *values)
{
	const struct move *m = values;
	struct spool_db *db = NULL, *to;
	struct conf *conf;
	int status;

	if (!m->to)
		return cli_usage("move", "--to is missing: a directory, or a URL of PostgreSQL");
	status = cli_open(cli, CONF_SECRETS_NONE, &conf, &db);
	if (status != CLI_OK)
		return status;
	if (is_same_place(m->to, conf->spool)) {
		cli_error("the spool is there already");
		status = CLI_NO;
	} else if (!is_unused(conf, db, m->stopped) || !is_overflow_empty(conf)) {
		status = CLI_NO;
	} else {
		to = spool_db_new();
		if (to && spool_db_open(to, m->to, conf->journal, SPOOL_RECEIVE)) {
			status = move_spool(db, to, conf->spool, m->to);
		} else {
			cli_error("%s", spool_db_error(to));
			status = CLI_TEMPFAIL;
		}
		spool_db_free(to);
	}
	cli_close(conf, db, true, NULL);
	return status;
}

static const struct command_option move_options[] = {
	{.name = "to", .kind = COMMAND_FILE, .offset = offsetof(struct move, to), .argument = "PLACE", .help = "the new place: a directory, or a URL of PostgreSQL"},
	{.name = "stopped", .offset = offsetof(struct move, stopped), .help = "receivers and relays of other machines have ended"},
	{0},
};

const struct command cli_move = {
	.name = "move",
	.purpose = "copy the spool to another place, or into PostgreSQL",
	.usage = "--to PLACE [--stopped]",
	.about = "Copies the spool to PLACE, which is a directory, or the URL of a database of PostgreSQL. Events, dedupe keys, deliveries and all "
		"else stay as they are, with their ids. Stop the receivers and the relay first, and keep them stopped until the configuration "
		"names the new place. A move that was interrupted goes on where it stopped when it is run again. The old spool stays as it was.",
	.more = "Exit status: 0 all is copied; 1 a program uses the spool, it is there already, PLACE has other events, or the overflow has events; 66 there is no spool; 75 it failed, and can be run again.",
	.examples = "move --to 'postgresql:///hookspool?host=/run/postgresql'\nmove --to /var/lib/hookspool",
	.options = move_options,
	.size = sizeof(struct move),
	.run = move_run,
};
