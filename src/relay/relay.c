/* SPDX-License-Identifier: ISC */
/*
 * The relay: sends what is due to its sinks, and writes down what became of it.
 *
 * One thread. Whatever waits, waits in http_wait(): for answers, for a signal, for the receiver's datagram. The spool's
 * lock is held only to write a batch of results.
 */
#include "relay/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/notify.h"
#include "relay/running.h"
#include "sink/type.h"
#include "spool/fs.h"
#include "spool/wakeup.h"

enum {
	LOOK_MS = 1000, /* until the next look for deliveries that no wakeup told of */
	END_MS = 5000,  /* for what is on the way, after a signal... */
	RELOAD_MS = 30 * 1000, /* ...and before a reload: nothing new starts then */
	BEAT_MS = 5000,
	START_MOST = 64,
	DRAIN_MS = 50 * 1000, /* of --once: it has ended when cron's next minute begins, if what is on the way takes no longer */
	GIVE_UP_MS = 10 * 1000,
	LOCK_AGAIN_NS = 50 * 1000 * 1000,
};

/* ---- attempts */

/* Starts an attempt, unless the delivery was dropped or purged. False on an error of r->db: it can't go now. */
static bool start(struct relay *r, struct spool_relay_key *key, struct attempt *j)
{
	const struct sink *s = j->queue->sink;
	bool has_text = s->body || s->n_templates || s->type->fields, ok;

	j->started = clock_now();
	if (key->pending && j->at_most_once && !spool_relay_sending(r->db, key, j->started))
		return false;
	if (!key->pending) {
		queue_drop_untried(j->queue, j);
		return true;
	}
	ok = (!has_text || attempt_read_text(j, r->conf, &r->event)) && sending_start(r->http, r->exec, &j->queue->target, j);
	j->values.known[TEMPLATE_TEXT] = (struct slice){0}; /* it was borrowed */
	if (!ok)
		result_of(j, &(struct attempt_result){.again = true, .error = "memory is short, or a key failed"});
	return true;
}

/* Starts those that may go, START_MOST at most. True when others may go too. */
static bool start_some(struct relay *r, struct queue *l, int64_t *wait)
{
	struct spool_relay_key keys[START_MOST];
	struct attempt *attempts[START_MOST];
	size_t n = 0, started = 0;
	bool more;

	while (n < START_MOST && (attempts[n] = queue_take(l, wait))) {
		keys[n] = (struct spool_relay_key){attempts[n]->relay, attempts[n]->event, false};
		n++;
	}
	more = n == START_MOST;
	if (n && spool_relay_pending(r->db, keys, n))
		for (; started < n && start(r, &keys[started], attempts[started]); started++)
			more = more || !keys[started].pending;
	if (started == n)
		return more;
	fetch_later(r, l, wait);
	while (started < n)
		queue_drop_untried(l, attempts[started++]);
	return false;
}

/* With --once: the time, in ms, in which more is started; what is on the way then is waited for. */
static int64_t drain_left_ms(const struct relay *r)
{
	return DRAIN_MS - (clock_mono_us() - r->began) / 1000;
}

/* With --once: the next of the queue's rate comes too late for this run. */
static bool is_held(const struct relay *r, const struct queue *l)
{
	return r->drain && l->held_ms > 0 && l->held_ms > drain_left_ms(r);
}

/* Starts all that may go. *wait is lowered to when more may. */
static void start_all(struct relay *r, int64_t now, int64_t *wait)
{
	r->first++;
	for (size_t i = 0; i < r->n_queues; i++) {
		struct queue *l = &r->queues[(r->first + i) % r->n_queues];

		if (is_held(r, l))
			continue; /* also while others have something on the way: it would go on without end */
		do
			fetch_queue(r, l, now, wait);
		while (start_some(r, l, wait));
		if (l->next_due > now)
			clock_lower(wait, l->next_due - now);
	}
}

static bool anything_in_flight(const struct relay *r)
{
	for (size_t i = 0; i < r->n_queues; i++)
		if (r->queues[i].n_in_flight)
			return true;
	return false;
}

static bool anything_taken(const struct relay *r)
{
	for (size_t i = 0; i < r->n_queues; i++)
		if (r->queues[i].taken)
			return true;
	return false;
}

/* With --once: what is due is waited for, but not for the end of a pause, and not for what is due later. */
static bool anything_due(const struct relay *r)
{
	int64_t now = clock_mono_us();

	for (const struct queue *l = r->queues; l < r->queues + r->n_queues; l++)
		if ((l->n_ready || l->more) && l->paused_until <= now && !is_held(r, l))
			return true;
	return false;
}

/* Then nothing is started any more. */
static bool is_ending(const struct relay *r)
{
	return r->end_at || (r->drain && drain_left_ms(r) <= 0);
}

/* With --once: results that can't be written down for so long are given up; they are sent once more. */
static bool gives_up(const struct relay *r)
{
	return r->drain && r->unwritten_since && clock_mono_us() - r->unwritten_since > GIVE_UP_MS * INT64_C(1000) && !anything_in_flight(r);
}

static bool has_ended(const struct relay *r)
{
	return gives_up(r) || (!anything_taken(r) && (is_ending(r) || (r->drain && !anything_due(r))));
}

/* ---- what other processes know of the relay */

/*
 * With --once the time of the lock's file is enough. The row in the spool is then that of an earlier relay, and its process is gone.
 * A failure is tried again with the next look.
 */
static void tell(struct relay *r)
{
	if (r->drain)
		r->told = spool_program_forget(r->db, SPOOL_PROGRAM_RELAY);
	else
		r->told = !r->db || spool_program_tell(r->db, r->self);
}

/* A relay that hangs stops doing so. The file's time costs no write of the spool. */
static void beat(struct relay *r)
{
	if (clock_mono_us() - r->beat_at < BEAT_MS * INT64_C(1000) && r->beat_at)
		return;
	r->beat_at = clock_mono_us();
	futimens(r->lock, NULL);
}

/* ---- the loop */

static void on_signal(struct relay *r)
{
	struct signalfd_siginfo si;
	bool hup;

	while (read(r->signals, &si, sizeof si) == sizeof si) {
		if (si.ssi_signo == SIGCHLD) {
			exec_child_ended(r->exec);
			continue;
		}
		hup = si.ssi_signo == SIGHUP && !r->drain;
		if (hup && r->end_at && !r->reload)
			continue; /* it is stopping */
		if (hup && !r->may_reload(r->may_reload_ctx)) {
			tell(r);
			continue;
		}
		if (!r->end_at || (r->reload && !hup))
			r->end_at = clock_mono_us() + (hup ? RELOAD_MS : END_MS) * INT64_C(1000);
		r->reload = hup;
		log_message(LOG_LEVEL_INFO, r->reload ? "reloading" : "stopping");
	}
}

static void on_wakeup(struct relay *r)
{
	if (spool_wakeup_hear(r->wakeup))
		watch_pauses(r);
	for (struct queue *l = r->queues; l < r->queues + r->n_queues; l++)
		l->more = true;
}

static bool open_spool(struct relay *r)
{
	r->db = spool_db_new();
	return r->db && spool_db_open(r->db, r->conf->spool, r->conf->journal, SPOOL_RELAY) && spool_relay_name(r->db, r->name);
}

/* Looks for deliveries that no wakeup told of. */
static void look(struct relay *r)
{
	for (size_t i = 0; i < r->n_queues; i++)
		r->queues[i].more = true;
}

static void loop(struct relay *r)
{
	struct pollfd fds[] = {{.fd = r->signals}, {.fd = exec_fd(r->exec)}, {.fd = r->wakeup}};
	unsigned n_fds = r->wakeup < 0 ? 2 : 3;
	int64_t now, wait, looked = 0;

	for (;;) {
		now = clock_now();
		wait = LOOK_MS;
		watch_clock(r, now);
		if (clock_mono_us() - looked > LOOK_MS * INT64_C(1000)) {
			looked = clock_mono_us();
			if (spool_db_moved(r->db)) {
				r->moved = true;
				return;
			}
			if (!r->drain) /* events that come during a run go with the next one */
				look(r);
			if (!r->told)
				tell(r);
		}
		beat(r);
		exec_run(r->exec, &wait);
		if (r->results && clock_mono_us() >= r->record_at)
			result_record(r);
		if (r->start_at > clock_mono_us())
			clock_lower(&wait, (r->start_at - clock_mono_us()) / 1000 + 1);
		else if (!is_ending(r) && r->n_results < RECORD_MOST) /* what can't be written down is sent again */
			start_all(r, now, &wait);
		if (has_ended(r))
			return;
		if (r->end_at && clock_mono_us() >= r->end_at)
			return; /* what is on the way is sent once more, with the same id */
		if (r->end_at)
			clock_lower(&wait, (r->end_at - clock_mono_us()) / 1000 + 1);
		if (r->results)
			clock_lower(&wait, (r->record_at - clock_mono_us()) / 1000 + 1);
		http_wait(r->http, fds, n_fds, wait);
		if (fds[0].revents)
			on_signal(r);
		if (n_fds == 3 && fds[2].revents)
			on_wakeup(r);
	}
}

/* ---- beginning and end */

/* Before all else: what a signal asks for is to be done also while there is no spool. */
static bool open_waits(struct relay *r, char *why, size_t n)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGHUP);
	sigaddset(&ours, SIGCHLD);
	sigprocmask(SIG_BLOCK, &ours, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_DFL); /* ignored, which is inherited, no program's end could be waited for */
	r->signals = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
	r->http = http_new(result_of);
	r->exec = exec_new(result_of);
	if (!r->http || !r->exec || r->signals < 0)
		snprintf(why, n, "can't start: %s", strerror(errno));
	return r->http && r->exec && r->signals >= 0;
}

/* What may be there, but can't be seen, is an error to be told. */
static bool is_there(const struct relay *r)
{
	return spool_db_exists(r->conf->spool) || errno != ENOENT;
}

/* The receiver makes the spool, on shared hosting with the first event. False when there is none, and none to be waited for. */
static bool wait_for_spool(struct relay *r)
{
	struct pollfd signals = {.fd = r->signals};
	bool there = is_there(r);

	if (there || r->drain)
		return there;
	log_message(LOG_LEVEL_INFO, "no spool in %s yet; waiting until the receiver makes it", r->conf->spool);
	notify_send("READY=1");
	while (!is_there(r) && !r->end_at) {
		http_wait(r->http, &signals, 1, LOOK_MS);
		on_signal(r);
	}
	return !r->end_at;
}

/* One relay a spool: two would send everything twice. */
static enum relay_end take_lock(struct relay *r, char *why, size_t n)
{
	int dir = open(r->conf->spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	r->lock = dir < 0 ? -1 : openat(dir, SPOOL_RELAY_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (r->lock < 0 || !spool_fs_give(dir, r->lock)) {
		snprintf(why, n, "%s/" SPOOL_RELAY_LOCK ": %s", r->conf->spool, strerror(errno));
		if (dir >= 0)
			close(dir);
		return RELAY_FAILED;
	}
	close(dir);
	if (flock(r->lock, LOCK_EX | LOCK_NB) == 0)
		return RELAY_ENDED;
	nanosleep(&(struct timespec){.tv_nsec = LOCK_AGAIN_NS}, NULL); /* check has it for a moment */
	if (flock(r->lock, LOCK_EX | LOCK_NB) == 0)
		return RELAY_ENDED;
	snprintf(why, n, "another relay runs on %s", r->conf->spool);
	return RELAY_REFUSED;
}

static bool open_queues(struct relay *r, char *why, size_t n)
{
	r->queues = calloc(r->conf->n_sinks + 1, sizeof *r->queues);
	if (!r->queues) {
		snprintf(why, n, "memory is short");
		return false;
	}
	for (; r->n_queues < r->conf->n_sinks; r->n_queues++)
		queue_init(&r->queues[r->n_queues], r, &r->conf->sinks[r->n_queues]);
	for (size_t i = 0; i < r->n_queues; i++) {
		char reason[256];

		if (target_init(&r->queues[i].target, r->queues[i].sink, reason, sizeof reason))
			continue;
		snprintf(why, n, "sink \"%s\": %s", r->queues[i].sink->name, reason);
		return false;
	}
	return true;
}

/* What became of the answers that a relay before this one was sending? */
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

static bool open_all(struct relay *r, char *why, size_t n)
{
	io_raise_limit();
	if (!open_spool(r) || !look_back(r) || !watch_begin(r)) {
		snprintf(why, n, "%s", spool_db_error(r->db));
		return false;
	}
	if (!open_queues(r, why, n))
		return false;
	cpu_pressure_open(&r->cpu_pressure);
	r->wakeup = r->drain ? -1 : spool_wakeup_listen(r->conf->spool);
	if (r->wakeup < 0 && !r->drain)
		log_message(LOG_LEVEL_WARNING, "not woken by the receiver, but looking each second: %s", strerror(errno));
	return true;
}

static void close_queues(struct relay *r)
{
	for (size_t i = 0; i < r->n_queues; i++)
		queue_free(&r->queues[i]);
	free(r->queues);
}

static void close_all(struct relay *r)
{
	http_free(r->http);
	exec_free(r->exec);
	cpu_pressure_close(&r->cpu_pressure);
	close_queues(r);
	event_free(&r->event);
	spool_db_free(r->db);
	if (r->signals >= 0)
		close(r->signals);
	if (r->wakeup >= 0)
		close(r->wakeup);
	if (r->lock >= 0)
		close(r->lock);
}

bool relay_check(const struct conf *c, char *why, size_t n)
{
	struct relay r = {.conf = c};
	bool ok = open_queues(&r, why, n);

	close_queues(&r);
	return ok;
}

static enum relay_end run_on_spool(struct relay *r, char *why, size_t n)
{
	enum relay_end end = take_lock(r, why, n);

	if (end != RELAY_ENDED)
		return end;
	if (!open_all(r, why, n))
		return RELAY_FAILED;
	r->last_result = &r->results;
	if (!r->drain) /* cron mails what is said */
		log_message(LOG_LEVEL_INFO, "relaying to %zu sink%s, spool %s", r->conf->n_sinks, r->conf->n_sinks == 1 ? "" : "s", r->conf->spool);
	beat(r);
	tell(r);
	notify_send("READY=1");
	loop(r);
	if (r->moved) /* what was read is not this spool's: it would be taken for others with its ids */
		log_message(LOG_LEVEL_WARNING, "another spool is in the place of %s; beginning anew", r->conf->spool);
	else
		result_record(r);
	if (!r->moved && !r->reload) {
		r->self->ended_at = clock_now();
		tell(r);
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
		.lock = -1, .wakeup = -1, .signals = -1, .cpu_pressure = {.fd = -1}};
	enum relay_end end = RELAY_ENDED;

	if (!open_waits(&r, why, n))
		end = RELAY_FAILED;
	else if (wait_for_spool(&r))
		end = run_on_spool(&r, why, n);
	close_all(&r);
	return end == RELAY_ENDED && (r.reload || r.moved) ? RELAY_RELOAD : end;
}
