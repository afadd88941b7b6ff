/* SPDX-License-Identifier: ISC */
/* hookspool reload: makes the receivers and the relay read their configuration anew, and waits for the result. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/cli.h"
#include "cli/owner.h"
#include "core/clock.h"
#include "spool/program.h"

enum {
	PROGRAMS_MAX = 256,
	WAIT_S = 60, /* the relay first waits up to 30 s for running attempts */
	LOOK_NS = 50 * 1000 * 1000,
};

struct target {
	struct spool_program before;
	bool done;
};

static const char *const role_words[] = {SPOOL_PROGRAM_RECEIVER, SPOOL_PROGRAM_RELAY, NULL};

enum { NONE_RUNS = 2 /* no exit status: it becomes CLI_NO where no process of the other role runs either */ };

struct reload {
	const struct cli *cli;
	int word;         /* in role_words; -1: none */
	const char *role; /* NULL: both */
	int64_t pid;      /* 0: any */
	struct target *targets;
	size_t n;
	bool failed;
};

static void take_program(struct reload *r, const struct spool_program *p)
{
	if ((!r->role || strcmp(r->role, p->role) == 0) && (!r->pid || r->pid == p->process.pid) && !p->ended_at && r->n < PROGRAMS_MAX &&
	    process_look(&p->process) != PROCESS_GONE)
		r->targets[r->n++].before = *p;
}

static void say_reloaded(const struct spool_program *p, const char *result)
{
	printf("%s (pid %" PRId64 "): %s\n", p->role, p->process.pid, result);
}

static void reload_failed(struct reload *r, struct target *t, const char *what, const char *why)
{
	cli_error("%s (pid %" PRId64 "): %s%s", t->before.role, t->before.process.pid, what, why);
	t->done = r->failed = true;
}

static void send_signals(struct reload *r)
{
	for (struct target *t = r->targets; t < r->targets + r->n; t++) {
		enum process_state state = process_look(&t->before.process);

		if (state == PROCESS_UNKNOWN)
			reload_failed(r, t, "is in another container; run reload there", "");
		else if (state == PROCESS_STOPPED)
			reload_failed(r, t, "is stopped by a signal, and got no SIGHUP; kill -CONT it first", "");
		else if (kill((pid_t)t->before.process.pid, SIGHUP) != 0)
			reload_failed(r, t, "can't be sent a signal: ", errno == EPERM ? "it is another user's; run this as root, or as that user" :
				strerror(errno));
	}
}

/* Compares a process's row with the row before the signal. */
static void take_result(struct reload *r, const struct spool_program *p)
{
	for (struct target *t = r->targets; t < r->targets + r->n; t++) {
		if (t->done || strcmp(t->before.role, p->role) != 0 || t->before.process.pid != p->process.pid ||
		    t->before.process.ticks != p->process.ticks || p->reloads == t->before.reloads)
			continue;
		t->done = true;
		if (*p->reload_error)
			reload_failed(r, t, "reload failed, and the old configuration stays in use: ", p->reload_error);
		else
			say_reloaded(p, "reloaded");
	}
}

static bool each_program(struct reload *r, struct spool_db *db, void (*take)(struct reload *r, const struct spool_program *p))
{
	struct spool_rows *rows = spool_program_list(db);
	struct spool_program p;

	while (spool_program_next(rows, &p))
		take(r, &p);
	return spool_rows_end(rows);
}

/* Counts the processes without a result. A process that ended instead of reloading is a failure. */
static size_t count_waiting(struct reload *r)
{
	size_t n = 0;

	for (struct target *t = r->targets; t < r->targets + r->n; t++) {
		if (!t->done && process_look(&t->before.process) == PROCESS_GONE)
			reload_failed(r, t, "has ended; see its log", "");
		n += !t->done;
	}
	return n;
}

/* False when the results can't be read in time; why is then set where the reason is no error of the spool. */
static bool wait_for_results(struct reload *r, struct spool_db *db, char *why, size_t n)
{
	int64_t end = clock_mono_us() + WAIT_S * INT64_C(1000000);

	for (;;) {
		if (!each_program(r, db, take_result))
			return false;
		if (count_waiting(r) == 0)
			return true;
		if (clock_mono_us() >= end) {
			snprintf(why, n, "no result within %d s; see the log, and hookspool check", WAIT_S);
			return false;
		}
		nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
	}
}

static int reload_role(const struct reload *asked)
{
	char why[128] = "";
	struct reload r = *asked;
	struct spool_db *db = NULL;
	struct conf *conf;
	int status = cli_open(r.cli, CONF_SECRETS_NONE, &conf, &db);
	bool ok;

	if (status != CLI_OK)
		return status;
	r.targets = calloc(PROGRAMS_MAX, sizeof *r.targets);
	ok = r.targets && each_program(&r, db, take_program);
	if (ok)
		send_signals(&r);
	ok = ok && wait_for_results(&r, db, why, sizeof why);
	status = cli_close(conf, db, ok, !r.targets ? "memory is short" : *why ? why : NULL);
	free(r.targets);
	if (status != CLI_OK)
		return status;
	return r.n == 0 ? NONE_RUNS : r.failed ? CLI_NO : CLI_OK;
}

static int reload_receivers(void *ctx)
{
	struct reload r = *(struct reload *)ctx;

	r.role = SPOOL_PROGRAM_RECEIVER;
	return reload_role(&r); /* the spool's owner */
}

static int reload_relay(void *ctx)
{
	struct reload r = *(struct reload *)ctx;
	struct conf *conf = cli_conf(r.cli, CONF_SECRETS_NONE);
	char why[PATH_MAX + 256];
	bool ok;

	if (!conf)
		return CLI_CONFIG;
	ok = owner_become_relay(conf->dir, why, sizeof why);
	conf_free(conf);
	if (!ok) {
		cli_error("%s", why);
		return CLI_TEMPFAIL;
	}
	r.role = SPOOL_PROGRAM_RELAY;
	return reload_role(&r);
}

/*
 * Run by root: a child process becomes the user of each role and sends the signals. Root must not trust the pids in the spool, and
 * another user cannot signal root's processes.
 */
static int run_as_users(struct reload *r)
{
	bool receivers = !r->role || strcmp(r->role, SPOOL_PROGRAM_RECEIVER) == 0, relay = !r->role || !receivers;
	int first = receivers ? child_run(reload_receivers, r) : NONE_RUNS, second;

	if (!relay || (first != CLI_OK && first != CLI_NO && first != NONE_RUNS))
		return first;
	second = child_run(reload_relay, r);
	if (first == NONE_RUNS || second == NONE_RUNS)
		return first == NONE_RUNS ? second : first;
	return second == CLI_OK ? first : second;
}

static int reload_run(const struct cli *cli, void *values)
{
	struct reload *r = values;
	int status;

	r->cli = cli;
	r->role = r->word < 0 ? NULL : role_words[r->word];
	status = geteuid() == 0 ? run_as_users(r) : reload_role(r);
	if (status != NONE_RUNS)
		return status;
	cli_error("no registered %s runs; nothing was sent", r->role ? r->role : "receiver or relay");
	return CLI_NO;
}

static const struct command_option reload_options[] = {
	{.name = "pid", .kind = COMMAND_NUMBER, .offset = offsetof(struct reload, pid), .argument = "PID", .min = 1, .max = INT_MAX,
		.wrong = "is no process's number", .help = "only the process with that number"},
	{0},
};

const struct command cli_reload = {
	.name = "reload",
	.purpose = "make the receiver and the relay read their configuration again",
	.usage = "[receiver|relay] [--pid PID]",
	.about = "Sends SIGHUP to the receivers and the relay of the spool, or to that one, waits until each has read its configuration "
		"again, and prints the result.",
	.more = "Exit status: 0 all run the current configuration; 1 one kept its old configuration, has ended, or none "
		"runs; 64 wrong usage; 66 no spool; 75 no result within 60 s, or the spool can't be read; 78 wrong configuration, and "
		"nothing was sent.",
	.examples = "reload\nreload relay",
	.options = reload_options,
	.argument = {.kind = COMMAND_WORD, .offset = offsetof(struct reload, word), .argument = "role", .words = role_words},
	.argument_optional = true,
	.size = sizeof(struct reload),
	.defaults = &(const struct reload){.word = -1},
	.run = reload_run,
};
