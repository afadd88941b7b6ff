/* SPDX-License-Identifier: ISC */
/* hookspool check, the receiver and the relay: do they run, with the configuration as it is now, and did the last reload succeed? */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/check.h"
#include "conf/loaded.h"
#include "core/clock.h"
#include "spool/ack.h"
#include "spool/program.h"
#include "spool/relay_lock.h"

static const int64_t HANGS_MS = 60 * 1000; /* the relay sets its file's time each 5 s, also during attempts */
static const int64_t CRON_MS = 10 * 60 * 1000; /* as long as cron's relay may be away */

struct looking {
	struct check *check;
	const struct conf *conf;
	char endpoints[CONF_FINGERPRINT], sinks[CONF_FINGERPRINT];
	int64_t cgi_at; /* when a receiver last ran as CGI; 0: never */
	bool relay; /* one that lives has told of itself */
	int64_t started_at, ended_at; /* when a relay ended; 0: none has, or it was killed */
};

static int64_t modified_ms(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000 + st->st_mtim.tv_nsec / 1000000;
}

/* The configuration file that was changed last, and the time of that change, in ms. */
static const char *newest(const struct conf *conf, int64_t *at)
{
	const char *file = conf->file;
	struct stat st;

	*at = 0;
	for (size_t i = 0; i < conf->files.n; i++) {
		if (stat(conf->files.item[i], &st) == 0 && modified_ms(&st) > *at) {
			*at = modified_ms(&st);
			file = conf->files.item[i];
		}
	}
	return file;
}

static void say_older(struct looking *l, const struct spool_program *p, bool texts)
{
	char loaded[CLOCK_TEXT], changed[CLOCK_TEXT];
	int64_t at;
	const char *file = newest(l->conf, &at);
	const char *unit = strcmp(p->role, SPOOL_PROGRAM_RELAY) == 0 ? "hookspool-relay" : "hookspool";

	clock_format(p->loaded_at, loaded);
	if (!texts)
		check_say(l->check, CHECK_WARN, p->role, "%s (pid %" PRId64 "): has other secrets than the files have now; it read them at %s; "
			"systemctl reload %s, or hookspool reload --pid %" PRId64, p->role, p->process.pid, loaded, unit, p->process.pid);
	else if (at <= p->loaded_at) /* it may also be an older file, put back with its time */
		check_say(l->check, CHECK_WARN, p->role, "%s (pid %" PRId64 "): runs another configuration than %s, read at %s; where it was started "
			"with that file, systemctl reload %s, or hookspool reload --pid %" PRId64, p->role, p->process.pid, file, loaded, unit,
			p->process.pid);
	else
		check_say(l->check, CHECK_WARN, p->role, "%s (pid %" PRId64 "): runs an older configuration, read at %s; %s was changed at %s; "
			"systemctl reload %s, or hookspool reload --pid %" PRId64, p->role, p->process.pid, loaded, file,
			clock_format(at, changed), unit, p->process.pid);
}

/* Compares what a running process has registered with the configuration. */
static void look_at_configuration(struct looking *l, const struct spool_program *p)
{
	const char *secrets = strcmp(p->role, SPOOL_PROGRAM_RELAY) == 0 ? l->sinks : l->endpoints;
	unsigned before = l->check->warnings + l->check->failures;
	char at[CLOCK_TEXT];

	if (*p->reload_error)
		check_say(l->check, CHECK_FAIL, p->role, "%s (pid %" PRId64 "): its reload at %s failed: %s; correct that, and reload again", p->role,
			p->process.pid, clock_format(p->reload_at, at), p->reload_error);
	if (strcmp(p->version, PACKAGE_VERSION) != 0)
		check_say(l->check, CHECK_WARN, p->role, "%s (pid %" PRId64 "): is version %s, and this is %s; restart it", p->role, p->process.pid,
			p->version, PACKAGE_VERSION);
	if (strcmp(p->files, l->conf->fingerprint) != 0)
		say_older(l, p, true);
	else if (*p->secrets && *secrets && strcmp(p->secrets, secrets) != 0)
		say_older(l, p, false);
	if (l->check->warnings + l->check->failures == before)
		check_say(l->check, CHECK_OK, p->role, "%s (pid %" PRId64 "): runs the configuration as it is, read at %s", p->role, p->process.pid,
			clock_format(p->loaded_at, at));
}

/*
 * True for an address that may be probed. The spool's content must not make root connect to another machine. A receiver that ends
 * removes the socket that it made, and mod_fcgid removes its own; others stay.
 */
static bool may_ask(const char *address)
{
	struct stat st;

	if (strncmp(address, "unix:", 5) == 0)
		return stat(address + 5, &st) == 0 ? S_ISSOCK(st.st_mode) : errno != ENOENT;
	return strncmp(address, "tcp:127.", 8) == 0 || strncmp(address, "tcp:[::1]:", 10) == 0;
}

static void look_at_program(struct looking *l, const struct spool_program *p)
{
	bool receiver = strcmp(p->role, SPOOL_PROGRAM_RECEIVER) == 0;
	enum process_state state;
	char pid[24], at[CLOCK_TEXT];

	if (strcmp(p->role, SPOOL_PROGRAM_CGI) == 0) { /* the list is sorted by role, so that it comes before the receivers */
		l->cgi_at = p->started_at;
		check_note(l->check, "cgi", clock_format(p->started_at, at));
		return;
	}
	if (!receiver && strcmp(p->role, SPOOL_PROGRAM_RELAY) != 0)
		return; /* no program of this release */
	if (receiver && may_ask(p->address))
		check_note(l->check, "address", p->address);
	else if (receiver && p->ended_at && p->ended_at > l->cgi_at)
		check_note(l->check, "ended", clock_format(p->ended_at, at));
	else if (receiver && !p->ended_at && p->started_at > l->cgi_at && process_look(&p->process) == PROCESS_GONE)
		check_note(l->check, "gone", clock_format(p->started_at, at));
	state = p->ended_at ? PROCESS_GONE : process_look(&p->process);
	if (state == PROCESS_GONE && !receiver) {
		l->started_at = p->started_at;
		l->ended_at = p->ended_at;
	}
	if (state == PROCESS_GONE)
		return; /* the checks of the socket and of the relay's lock tell whether another process has replaced it */
	snprintf(pid, sizeof pid, "%" PRId64, p->process.pid);
	if (receiver)
		check_note(l->check, "receiver", pid);
	else
		l->relay = true;
	if (state == PROCESS_STOPPED)
		check_say(l->check, CHECK_FAIL, p->role, "%s (pid %s): is stopped by a signal; kill -CONT %s", p->role, pid, pid);
	else
		look_at_configuration(l, p);
}

/* ---- the relay */

bool check_relay_runs(const char *spool)
{
	int64_t beat;

	return spool_relay_lock_look(spool, &beat) == SPOOL_RELAY_RUNS;
}

/* True when deliveries are made for sinks at all. */
static bool needs_relay(const struct conf *conf)
{
	for (size_t i = 0; i < conf->n_endpoints; i++)
		if (conf_endpoint_sink(&conf->endpoints[i], 0))
			return true;
	return conf->n_alert > 0;
}

static void say_gone(struct looking *l)
{
	char at[CLOCK_TEXT];

	if (l->ended_at)
		check_say(l->check, CHECK_WARN, "relay", "relay: none runs; it ended at %s; start hookspool relay", clock_format(l->ended_at, at));
	else
		check_say(l->check, CHECK_WARN, "relay", "relay: none runs; the one that was started at %s was killed, or "
			"the machine stopped; start hookspool relay, and see its log", clock_format(l->started_at, at));
}

struct trouble {
	const char *what, *remedy;
};

/*
 * Why deliveries cannot wait for a relay. One that cron starts takes no questions, nor does one of release 0.1. what is NULL where
 * they can wait, or where that can't be found out.
 */
static struct trouble trouble_of_waiting(const char *spool)
{
	int fd = spool_ack_connect(spool);

	if (fd >= 0)
		close(fd);
	else if (errno == ENAMETOOLONG)
		return (struct trouble){"the spool's path is too long for the relay's socket, so that its store waits for none", "move the spool to a shorter path"};
	else if (errno == ENOENT || errno == ECONNREFUSED)
		return (struct trouble){"no relay runs that its store could wait for", "start hookspool relay"};
	return (struct trouble){NULL, NULL};
}

static void look_at_stored(const struct looking *l)
{
	struct trouble t = trouble_of_waiting(l->conf->dir);

	for (const struct endpoint *e = l->conf->endpoints; t.what && e < l->conf->endpoints + l->conf->n_endpoints; e++)
		if (e->n_store)
			check_say(l->check, e->store_required ? CHECK_FAIL : CHECK_WARN, "relay", "endpoint %s: %s: %s; %s", e->path, t.what,
				e->store_required ? "deliveries are answered 503" : "events are pending when they are answered", t.remedy);
}

static void look_at_relay(struct looking *l)
{
	int64_t beat = 0, now = clock_now();
	enum spool_relay_seen seen = spool_relay_lock_look(l->conf->dir, &beat); /* where that is unknown, check_spool() has said why */
	char at[CLOCK_TEXT];

	clock_format(beat, at);
	look_at_stored(l);
	if (seen == SPOOL_RELAY_RUNS && now - beat > HANGS_MS && l->relay)
		check_say(l->check, CHECK_FAIL, "relay", "relay: hangs, it has done nothing since %s; restart it, and report this to the developers", at);
	else if (seen == SPOOL_RELAY_RUNS && !l->relay && now - beat > HANGS_MS)
		check_say(l->check, CHECK_WARN, "relay", "relay: one runs that is not registered in the spool, as one of release 0.1; restart it");
	else if (seen == SPOOL_RELAY_RUNS || seen == SPOOL_RELAY_UNKNOWN || !needs_relay(l->conf))
		return;
	else if (l->started_at) /* a relay that cron starts removes its row when it ends */
		say_gone(l);
	else if (seen == SPOOL_RELAY_ENDED && now - beat < CRON_MS)
		check_say(l->check, CHECK_OK, "relay", "relay: none runs now, one did at %s", at);
	else
		check_say(l->check, CHECK_WARN, "relay", "relay: none runs; start hookspool relay, or have cron run hookspool relay --once each minute");
}

static void note_receiver(struct check *c, const struct spool_program *p)
{
	char pid[24];

	if (strcmp(p->role, SPOOL_PROGRAM_RECEIVER) != 0 || p->ended_at || process_look(&p->process) == PROCESS_GONE)
		return; /* another process may have the pid of one that has ended */
	snprintf(pid, sizeof pid, "%" PRId64, p->process.pid);
	check_note(c, "receiver", pid);
}

void check_note_receivers(struct check *c, const struct conf *conf)
{
	struct spool_db *db = check_open(c, conf);
	struct spool_program p;
	struct spool_rows *rows;

	if (!db)
		return;
	rows = spool_program_list(db);
	while (spool_program_next(rows, &p))
		note_receiver(c, &p);
	spool_rows_end(rows);
	spool_db_free(db);
}

void check_programs(struct check *c, const struct conf *conf)
{
	struct looking l = {.check = c, .conf = conf};
	struct spool_db *db = check_open(c, conf);
	struct spool_program p;
	struct spool_rows *rows;

	if (!db) {
		if (spool_db_exists(conf->spool) || errno != ENOENT)
			check_note(c, CHECK_UNUSABLE, "");
		return; /* check_spool() has said so */
	}
	loaded_endpoints(conf, l.endpoints);
	loaded_sinks(conf, l.sinks);
	rows = spool_program_list(db);
	while (spool_program_next(rows, &p))
		look_at_program(&l, &p);
	if (!spool_rows_end(rows))
		check_say(c, CHECK_FAIL, "receiver", "programs: %s", spool_db_error(db));
	spool_db_free(db);
	look_at_relay(&l);
}
