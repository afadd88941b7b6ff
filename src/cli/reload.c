/* SPDX-License-Identifier: ISC */
/* hookspool reload: has the receivers and the relay read their configuration anew, and waits for what comes of it. */
#include <errno.h>
#include <getopt.h>
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
	WAIT_S = 60, /* the relay first lets running attempts end, for 30 s */
	LOOK_NS = 50 * 1000 * 1000,
};

static const char help[] =
	"Usage: hookspool reload [receiver|relay] [--pid PID]\n"
	"\n"
	"Sends SIGHUP to the receivers and the relay of the spool, or to that one, waits until\n"
	"each has read its configuration anew, and says what came of it.\n"
	"\n"
	"  --pid PID          only the process with that number\n"
	"  --help             this\n"
	"\n"
	"Exit status: 0 all run the configuration as it is; 1 one refused it and goes on with the\n"
	"one it had, has ended, or none runs; 64 wrong usage; 66 no spool; 75 no result within 60 s,\n"
	"or the spool can't be read; 78 wrong configuration, and nothing was sent.\n";

struct target {
	struct spool_program before;
	bool done;
};

enum { NONE_RUNS = 2 /* not among the exit statuses: CLI_NO where no other role has one */ };

struct reload {
	const struct cli *cli;
	const char *role; /* NULL: both */
	int64_t pid;      /* 0: any */
	struct target *targets;
	size_t n;
	bool failed;
};

static void on_program(void *ctx, const struct spool_program *p)
{
	struct reload *r = ctx;

	if ((!r->role || strcmp(r->role, p->role) == 0) && (!r->pid || r->pid == p->process.pid) && !p->ended_at && r->n < PROGRAMS_MAX &&
	    process_look(&p->process) != PROCESS_GONE)
		r->targets[r->n++].before = *p;
}

static void say(const struct spool_program *p, const char *result)
{
	printf("%s (pid %" PRId64 "): %s\n", p->role, p->process.pid, result);
}

static void fail(struct reload *r, struct target *t, const char *what, const char *why)
{
	cli_error("%s (pid %" PRId64 "): %s%s", t->before.role, t->before.process.pid, what, why);
	t->done = r->failed = true;
}

static void send_signals(struct reload *r)
{
	for (struct target *t = r->targets; t < r->targets + r->n; t++) {
		enum process_state state = process_look(&t->before.process);

		if (state == PROCESS_UNKNOWN)
			fail(r, t, "is in another container; run reload there", "");
		else if (state == PROCESS_STOPPED)
			fail(r, t, "is stopped by a signal, and was sent none; kill -CONT it", "");
		else if (kill((pid_t)t->before.process.pid, SIGHUP) != 0)
			fail(r, t, "can't be sent a signal: ", errno == EPERM ? "it is another user's; run this as root, or as that user" :
				strerror(errno));
	}
}

/* Compares a program's row with what it was before the signal. */
static void on_result(void *ctx, const struct spool_program *p)
{
	struct reload *r = ctx;

	for (struct target *t = r->targets; t < r->targets + r->n; t++) {
		if (t->done || strcmp(t->before.role, p->role) != 0 || t->before.process.pid != p->process.pid ||
		    t->before.process.ticks != p->process.ticks || p->reloads == t->before.reloads)
			continue;
		t->done = true;
		if (*p->reload_error)
			fail(r, t, "reload failed, and it goes on with the configuration it had: ", p->reload_error);
		else
			say(p, "reloaded");
	}
}

/* Those that wait; a process that ended instead of reloading is told of. */
static size_t count_waiting(struct reload *r)
{
	size_t n = 0;

	for (struct target *t = r->targets; t < r->targets + r->n; t++) {
		if (!t->done && process_look(&t->before.process) == PROCESS_GONE)
			fail(r, t, "has ended; see its log", "");
		n += !t->done;
	}
	return n;
}

/* False when the results can't be read in time; why is then set where the reason is no error of the spool. */
static bool wait_for_results(struct reload *r, struct spool_db *db, char *why, size_t n)
{
	int64_t end = clock_mono_us() + WAIT_S * INT64_C(1000000);

	for (;;) {
		if (!spool_program_list(db, on_result, r))
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

static int run(const struct reload *asked)
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
	ok = r.targets && spool_program_list(db, on_program, &r);
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
	return run(&r); /* the spool's owner */
}

static int reload_relay(void *ctx)
{
	struct reload r = *(struct reload *)ctx;
	struct conf *conf = cli_conf(r.cli, CONF_SECRETS_NONE);
	char why[PATH_MAX + 256];
	bool ok;

	if (!conf)
		return CLI_CONFIG;
	ok = owner_become_relay(conf->spool, why, sizeof why);
	conf_free(conf);
	if (!ok) {
		cli_error("%s", why);
		return CLI_TEMPFAIL;
	}
	r.role = SPOOL_PROGRAM_RELAY;
	return run(&r);
}

/*
 * Root has each role reloaded by a process that has become its user. What the spool says of a process is not root's word: so it can
 * send a signal to no process of another user.
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

int cli_reload(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {{"pid", required_argument, NULL, 'p'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct reload r = {.cli = cli};
	char *end;
	int c, status;

	optind = 0;
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return CLI_OK;
		}
		if (c != 'p')
			return cli_usage("reload", c == ':' ? "%s needs a value" : "unknown option %s", argv[optind - 1]);
		errno = 0;
		r.pid = strtoll(optarg, &end, 10);
		if (errno || *end || end == optarg || r.pid < 1 || r.pid > INT_MAX)
			return cli_usage("reload", "%s is no process's number", optarg);
	}
	if (optind < argc)
		r.role = argv[optind++];
	if (r.role && strcmp(r.role, SPOOL_PROGRAM_RECEIVER) != 0 && strcmp(r.role, SPOOL_PROGRAM_RELAY) != 0)
		return cli_usage("reload", "%s is neither receiver nor relay", r.role);
	if (optind < argc)
		return cli_usage("reload", "it takes no %s", argv[optind]);
	status = geteuid() == 0 ? run_as_users(&r) : run(&r);
	if (status != NONE_RUNS)
		return status;
	cli_error("no %s runs that has told the spool of itself; nothing was sent", r.role ? r.role : "receiver or relay");
	return CLI_NO;
}
