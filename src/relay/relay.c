/* SPDX-License-Identifier: ISC */
/*
 * The relay: sends due events to their sinks, and records the results.
 *
 * One thread and one loop: drivers, signals and the receiver's wakeup are on it. The spool's lock is held only to write a batch of
 * results. This file opens and closes all that a relay has; pass.c has what it does in between.
 */
#include "relay/relay.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catchup/catchup.h"
#include "conf/place.h"
#include "core/clock.h"
#include "core/io.h"
#include "core/notify.h"
#include "relay/state.h"
#include "spool/fs.h"
#include "spool/relay_lock.h"
#include "spool/wakeup.h"

/* ---- beginning */

/* Opened first: signals are obeyed while there is no spool, too. */
static bool open_loop(struct relay *r, char *why, size_t n)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	bool ok;

	signal(SIGPIPE, SIG_IGN);
	r->loop = loop_new();
	ok = r->loop != NULL;
	for (size_t i = 0; ok && i < sizeof numbers / sizeof *numbers; i++)
		ok = loop_signal_start(r->loop, &r->signals[i], numbers[i], pass_on_signal, r);
	if (!ok)
		snprintf(why, n, "can't start: %s", strerror(errno));
	loop_timer_init(&r->pass, r->loop, pass_on_timer, NULL);
	return ok;
}

/* A spool that may be there but cannot be read is an error of spool_db_open(). */
static bool is_there(const struct relay *r)
{
	return spool_db_exists(r->conf->spool) || errno != ENOENT;
}

/* The receiver makes the spool, on shared hosting with the first event. False when there is none, and the relay ends. */
static bool wait_for_spool(struct relay *r)
{
	bool there = is_there(r);

	if (there || r->drain)
		return there;
	log_message(LOG_LEVEL_INFO, "no spool in %s yet; waiting until the receiver makes it", r->conf->spool);
	notify_send("READY=1");
	while (!is_there(r) && !r->end_at)
		pass_wait(r);
	log_release();
	return !r->end_at;
}

static enum relay_end take_lock(struct relay *r, char *why, size_t n)
{
	enum spool_relay_lock lock = SPOOL_RELAY_LOCK_FAILED;

	if (place_is_server(r->conf->spool))
		spool_fs_make(r->conf->dir); /* a machine without a receiver has none; the receiver may put its overflow there */
	r->db = spool_db_new();
	if (r->db)
		lock = spool_relay_lock(r->db, r->conf->dir);
	if (lock == SPOOL_RELAY_LOCK_TAKEN)
		return RELAY_ENDED;
	snprintf(why, n, "%s", spool_db_error(r->db));
	return lock == SPOOL_RELAY_LOCK_HELD ? RELAY_REFUSED : RELAY_FAILED;
}

static bool open_queues(struct relay *r, char *why, size_t n)
{
	char reason[PATH_MAX + 256];

	r->queues = calloc(r->conf->n_sinks + 1, sizeof *r->queues);
	if (!r->queues) {
		snprintf(why, n, "memory is short");
		return false;
	}
	for (; r->n_queues < r->conf->n_sinks; r->n_queues++)
		queue_init(&r->queues[r->n_queues], r, &r->conf->sinks[r->n_queues], &r->pass);
	for (struct queue *q = r->queues; q < r->queues + r->n_queues; q++) {
		q->target = sink_open(q->sink, r->loop, result_of, reason, sizeof reason);
		if (q->target)
			continue;
		snprintf(why, n, "%s: sink \"%s\": %s", q->sink->where, q->sink->name, reason);
		return false;
	}
	return true;
}

/* The replies that an earlier relay was sending when it ended. */
static bool look_back(struct relay *r)
{
	int64_t doubtful = 0;

	if (!spool_relay_doubt(r->db, &doubtful))
		return false;
	if (doubtful)
		log_message(LOG_LEVEL_ERROR, "%" PRId64 " repl%s may have arrived or not, and %s dead; hookspool deliveries --state dead shows it",
			doubtful, doubtful == 1 ? "y" : "ies", doubtful == 1 ? "is" : "are");
	return true;
}

static bool try_to_open(struct relay *r)
{
	r->open = r->open || spool_db_open(r->db, r->conf->spool, r->conf->journal, SPOOL_RELAY);
	return r->open && spool_relay_name(r->db, r->name) && look_back(r) && watch_begin(r);
}

/* A server may be down, or have no tables yet: the receiver makes them. */
static bool open_spool(struct relay *r)
{
	bool ok = try_to_open(r), waits = place_is_server(r->conf->spool) && !r->drain;

	if (!ok && waits) {
		log_message(LOG_LEVEL_WARNING, "%s; waiting", spool_db_error(r->db));
		notify_send("READY=1");
	}
	while (!ok && waits && !r->end_at) {
		pass_wait(r);
		ok = try_to_open(r);
	}
	log_release();
	return ok;
}

static bool open_all(struct relay *r, char *why, size_t n)
{
	io_raise_limit();
	if (!open_spool(r)) {
		snprintf(why, n, "%s", spool_db_error(r->db));
		return false;
	}
	if (!open_queues(r, why, n))
		return false;
	cpu_pressure_open(&r->cpu_pressure);
	cpu_pressure_open(&r->search_pressure);
	r->wakeup = r->drain ? -1 : spool_wakeup_listen(r->conf->dir);
	if (r->wakeup < 0 && !r->drain)
		log_message(LOG_LEVEL_WARNING, "not woken by the receiver, but looking each second: %s", strerror(errno));
	r->acks = r->drain ? NULL : acks_new(r->loop, &r->pass, r->conf->dir);
	if (!r->acks && !r->drain)
		log_message(LOG_LEVEL_WARNING, "no receiver can wait for the sinks of its store: %s", strerror(errno));
	if (r->wakeup >= 0 && !loop_watch(r->loop, r->wakeup, LOOP_READ, pass_on_wakeup, r))
		return false;
	r->catchup = r->drain ? NULL : catchup_thread_start(r->conf, why, n);
	if (!r->catchup && !r->drain && *why)
		log_message(LOG_LEVEL_WARNING, "%s", why);
	return true;
}

/* ---- end */

static void close_queues(struct relay *r)
{
	for (size_t i = 0; i < r->n_queues; i++)
		sink_stop(r->queues[i].target);
	for (size_t i = 0; i < r->n_queues; i++) {
		sink_close(r->queues[i].target);
		queue_free(&r->queues[i]);
	}
	free(r->queues);
}

static void close_all(struct relay *r)
{
	catchup_thread_stop(r->catchup);
	search_close(r);
	overflow_close(r);
	hear_close(r);
	acks_free(r->acks);
	alerts_free(&r->alerts);
	close_queues(r);
	cpu_pressure_close(&r->cpu_pressure);
	cpu_pressure_close(&r->search_pressure);
	event_free(&r->event);
	loop_free(r->loop);
	if (r->wakeup >= 0)
		close(r->wakeup);
	spool_db_free(r->db); /* last: another relay may begin then */
}

bool relay_check(const struct conf *c, char *why, size_t n)
{
	struct relay r = {.conf = c, .loop = loop_new()};
	bool ok = r.loop != NULL;

	if (!ok)
		snprintf(why, n, "can't start: %s", strerror(errno));
	ok = ok && open_queues(&r, why, n);
	close_queues(&r);
	loop_free(r.loop);
	return ok;
}

/* ---- */

static enum relay_end run_on_spool(struct relay *r, char *why, size_t n)
{
	enum relay_end end = take_lock(r, why, n);

	if (end != RELAY_ENDED)
		return end;
	if (!open_all(r, why, n))
		return r->end_at || (r->drain && spool_db_error_kind(r->db) == SPOOL_ERROR_MISSING) ? RELAY_ENDED : RELAY_FAILED;
	r->last_result = &r->results;
	if (!r->drain) /* cron mails what is said */
		log_message(LOG_LEVEL_INFO, "relaying to %zu sink%s, spool %s", r->conf->n_sinks, r->conf->n_sinks == 1 ? "" : "s", r->conf->spool);
	pass_beat(r);
	pass_tell(r);
	notify_send("READY=1");
	alerts_start(r);
	search_begin(r);
	pass_until_end(r);
	if (r->moved) /* the ids that were read mean other events in the new spool */
		log_message(LOG_LEVEL_WARNING, "another spool is in the place of %s; beginning anew", r->conf->spool);
	else
		result_record(r);
	search_drain(r);
	if (!r->moved)
		alerts_end(r);
	if (!r->moved && !r->reload) {
		r->self->ended_at = clock_now();
		pass_tell(r);
	}
	if (!r->moved && (r->failed || (r->drain && r->results))) {
		snprintf(why, n, "not all that is due could be read, judged and written down");
		end = RELAY_FAILED;
	}
	return end;
}

enum relay_end relay_run(const struct conf *c, bool drain, struct spool_program *self, relay_may_reload *may_reload, void *ctx,
	char *why, size_t n)
{
	struct relay r = {.conf = c, .drain = drain, .self = self, .may_reload = may_reload, .may_reload_ctx = ctx, .began = clock_mono_us(),
		.wakeup = -1, .ear_fd = -1, .cpu_pressure = {.fd = -1}, .search_pressure = {.fd = -1}};
	enum relay_end end = RELAY_ENDED;

	if (!open_loop(&r, why, n))
		end = RELAY_FAILED;
	else if (wait_for_spool(&r))
		end = run_on_spool(&r, why, n);
	close_all(&r);
	return end == RELAY_ENDED && (r.reload || r.moved) ? RELAY_RELOAD : end;
}
