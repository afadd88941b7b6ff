/* SPDX-License-Identifier: ISC */
/* Metrics of the programs: what runs, with which configuration, and how the last reload ended. */
#include <string.h>

#include "metrics/parts.h"
#include "spool/program.h"
#include "spool/relay_lock.h"

enum {
	BEAT_MS = 10 * 1000,        /* a receiver ticks each second */
	RELAY_BEAT_MS = 60 * 1000,  /* a relay beats each 5 seconds, also during attempts */
	CRON_MS = 10 * 60 * 1000,   /* as long as a relay of cron may be away */
	FINGERPRINTS = 16,          /* of different configurations that run at the same time */
};

/* What is known of the programs of one role. */
struct role {
	const char *name;
	bool runs;
	int64_t started_at; /* of the program that is looked at: one that runs, or else the newest */
	int64_t loaded_at;  /* the oldest of those that run */
	bool reload_failed;
	char files[FINGERPRINTS][CONF_FINGERPRINT];
	unsigned n_files;
};

enum { RECEIVER, RELAY, ROLES };

static void add_fingerprint(struct role *r, const char *files)
{
	for (unsigned i = 0; i < r->n_files; i++)
		if (strcmp(r->files[i], files) == 0)
			return;
	if (r->n_files < FINGERPRINTS && *files)
		memcpy(r->files[r->n_files++], files, CONF_FINGERPRINT);
}

static void add_program(struct role *r, const struct spool_program *p)
{
	bool runs = !p->ended_at && process_look(&p->process) != PROCESS_GONE;

	if (!runs && (r->runs || p->started_at < r->started_at))
		return;
	if (!runs || !r->runs) /* it replaces what was known */
		*r = (struct role){.name = r->name, .runs = runs, .loaded_at = p->loaded_at};
	r->started_at = p->started_at;
	r->loaded_at = p->loaded_at < r->loaded_at ? p->loaded_at : r->loaded_at;
	r->reload_failed = r->reload_failed || *p->reload_error;
	add_fingerprint(r, p->files);
}

static bool read_programs(struct metrics *m, struct role roles[ROLES], int64_t *cgi_at)
{
	struct spool_rows *rows = spool_program_list(m->db);
	struct spool_program p;

	while (spool_program_next(rows, &p)) {
		if (strcmp(p.role, SPOOL_PROGRAM_CGI) == 0)
			*cgi_at = p.started_at;
		for (unsigned i = 0; i < ROLES; i++)
			if (strcmp(p.role, roles[i].name) == 0)
				add_program(&roles[i], &p);
	}
	return spool_rows_end(rows);
}

/* A receiver that hangs does not tick. CGI starts one for each delivery, so that it counts as up. */
static bool receiver_is_up(const struct metrics *m, const struct role *r, int64_t cgi_at)
{
	int64_t ticked = m->measured ? measure_now_of(m->measured)->receiver_at : 0;

	if (cgi_at && cgi_at > r->started_at)
		return true;
	return ticked ? m->now - ticked < BEAT_MS && ticked - m->now < BEAT_MS : r->runs;
}

static bool relay_is_up(const struct metrics *m, const struct role *r)
{
	int64_t beat = 0;
	enum spool_relay_seen seen = spool_relay_lock_look(m->conf->dir, &beat);

	if (seen == SPOOL_RELAY_RUNS)
		return m->now - beat < RELAY_BEAT_MS;
	if (seen == SPOOL_RELAY_UNKNOWN)
		return r->runs;
	return seen == SPOOL_RELAY_ENDED && !r->started_at && m->now - beat < CRON_MS; /* cron's relay has no row */
}

static void write_configurations(struct metrics *m, const struct role roles[ROLES])
{
	exposition_begin(&m->e, EXPOSITION_INFO, "hookspool_config", "The fingerprint of the configuration that a program runs.");
	for (const struct role *r = roles; r < roles + ROLES; r++)
		for (unsigned i = 0; i < r->n_files; i++)
			exposition_add(&m->e, EXPOSITION_LABELS({"program", r->name}, {"fingerprint", r->files[i]}), 1, EXPOSITION_ONE);
	exposition_begin(&m->e, EXPOSITION_GAUGE, "hookspool_config_last_reload_successful", "0 when a program refused its last reload.");
	for (const struct role *r = roles; r < roles + ROLES; r++)
		if (r->started_at)
			exposition_add(&m->e, EXPOSITION_LABELS({"program", r->name}), !r->reload_failed, EXPOSITION_ONE);
	exposition_begin(&m->e, EXPOSITION_GAUGE, "hookspool_config_last_reload_success_timestamp_seconds",
		"When a program last took a configuration; the earliest of several receivers.");
	for (const struct role *r = roles; r < roles + ROLES; r++)
		if (r->loaded_at)
			exposition_add(&m->e, EXPOSITION_LABELS({"program", r->name}), r->loaded_at, EXPOSITION_MILLI);
}

bool parts_programs(struct metrics *m)
{
	struct role roles[ROLES] = {[RECEIVER] = {.name = SPOOL_PROGRAM_RECEIVER}, [RELAY] = {.name = SPOOL_PROGRAM_RELAY}};
	int64_t cgi_at = 0;
	bool ok = read_programs(m, roles, &cgi_at);

	exposition_begin(&m->e, EXPOSITION_GAUGE, "hookspool_receiver_up", "1 while a receiver runs, or the web server starts one for each delivery.");
	exposition_add(&m->e, exposition_unlabelled, receiver_is_up(m, &roles[RECEIVER], cgi_at), EXPOSITION_ONE);
	exposition_begin(&m->e, EXPOSITION_GAUGE, "hookspool_relay_up", "1 while the relay runs, or cron starts one.");
	exposition_add(&m->e, exposition_unlabelled, relay_is_up(m, &roles[RELAY]), EXPOSITION_ONE);
	write_configurations(m, roles);
	return ok;
}
