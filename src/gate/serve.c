/* SPDX-License-Identifier: ISC */
/* The FastCGI server's main thread: signals, the watched connections, reload, and the end. */
#define _GNU_SOURCE /* pthread_timedjoin_np */
#include "gate/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/descriptor.h"
#include "core/io.h"
#include "core/notify.h"
#include "core/signal_fd.h"
#include "gate/idle.h"
#include "gate/libfcgi.h"
#include "gate/listen.h"
#include "gate/reload.h"
#include "gate/storing.h"
#include "gate/watched.h"
#include "hook/refusals.h"
#include "spool/measure.h"
#include "spool/keeper.h"
#include "spool/program.h"

enum {
	TICK_MS = 1000,
	TICK_BUSY_MS = 100,               /* while there are slow peers, or on the way out */
	GRACE_US = 1000 * 1000,           /* after SIGTERM, for requests on their way on kept connections */
	BACKLOG_US = 50 * 1000,           /* after SIGTERM, to accept connections that were made before */
	STORING_GRACE_US = 800 * 1000,    /* after SIGTERM, for acknowledgements that requests wait for */
	LAST_CALL_US = 1800 * 1000,       /* the process promises to end within 2 s */
};

/* The main thread's own; workers see only server. */
struct main_loop {
	struct server *s;
	int signals;
	const char *own_address;
	struct watched watched;
	struct reload reload;
	int64_t stopped_at; /* clock_mono_us(); 0: serving */
	int64_t next_round; /* over all watched connections */
	int64_t next_chore; /* both clock_mono_us() */
	struct spool_keeper *keeper;
};

static void stop(struct main_loop *m)
{
	if (m->stopped_at)
		return;
	m->stopped_at = clock_mono_us();
	notify_send("STOPPING=1");
	spool_keeper_halt(m->keeper);
	log_message(LOG_LEVEL_INFO, "stopping");
	atomic_store(&m->s->stopping, true);
	if (m->own_address)
		listen_remove(m->own_address); /* connections in the backlog are still accepted */
	else /* the next process has the same socket, and its backlog; without one the kernel resets the connections at the end */
		poller_remove(&m->s->ready, m->s->listen_fd);
}

static void on_signal(struct main_loop *m)
{
	int number;

	while ((number = signal_fd_next(m->signals))) {
		if (number != SIGHUP) {
			stop(m);
		} else if (!m->stopped_at) {
			notify_reloading();
			reload_configuration(&m->reload);
			spool_keeper_reload(m->keeper, m->s->conf->conf);
			notify_send("READY=1");
		}
	}
}

/* Watches the listening socket again, after descriptors ran out. */
static void accept_again(struct server *s)
{
	if (atomic_exchange(&s->resting, false))
		poller_add(&s->ready, s->listen_fd, POLLER_READABLE, &s->listen_fd);
}

static bool finished(const struct main_loop *m, int64_t now)
{
	int64_t age = now - m->stopped_at;

	if (!m->stopped_at)
		return false;
	if (age > LAST_CALL_US)
		return true;
	return atomic_load(&m->s->serving) == 0 &&
		(age > GRACE_US || (age > BACKLOG_US && atomic_load(&m->s->connections) == 0));
}

static int tick_ms(const struct main_loop *m)
{
	if (m->stopped_at)
		return TICK_BUSY_MS / 10;
	return m->watched.first ? TICK_BUSY_MS : TICK_MS;
}

static void run_loop(struct main_loop *m)
{
	void *marks[POLLER_MOST];
	int64_t now = clock_mono_us();
	bool heard;
	int n;

	while (!finished(m, now)) {
		heard = false;
		n = poller_wait(&m->s->watch, tick_ms(m), marks);
		now = clock_mono_us();
		watched_take(&m->watched); /* after the wait: whatever has an event has been handed over before it */
		for (int i = 0; i < n; i++) {
			if (marks[i] == m)
				on_signal(m);
			else if (marks[i] == &m->s->wake)
				waker_clear(&m->s->wake); /* watched_admit() and storing_ask() find what there is to do */
			else if (marks[i] == &m->watched.relay)
				heard = true;
			else
				watched_look(&m->watched, marks[i], now);
		}
		watched_admit(&m->watched); /* after the events: a connection that it admits belongs to a worker */
		if (heard)
			storing_hear(&m->watched, now); /* after the events, too: it frees connections */
		storing_ask(&m->watched, now);
		if (m->stopped_at && now - m->stopped_at > STORING_GRACE_US)
			storing_end(&m->watched);
		if (!m->stopped_at || m->own_address)
			accept_again(m->s);
		if (now >= m->next_round) {
			m->next_round = now + TICK_BUSY_MS * 1000;
			watched_look_at_all(&m->watched, now);
		}
		if (now >= m->next_chore) {
			m->next_chore = now + TICK_MS * 1000;
			idle_memory_trim(m->s);
			waker_wake(&m->s->chore);
		}
	}
}

/* Waits for the workers, but not beyond LAST_CALL_US. True when all have ended. */
static bool join_workers(struct main_loop *m)
{
	struct timespec end;
	bool all = true;
	int64_t left = m->stopped_at + LAST_CALL_US - clock_mono_us();

	waker_wake(&m->s->stop);
	clock_gettime(CLOCK_REALTIME, &end);
	if (left > 0) {
		end.tv_sec += left / 1000000;
		end.tv_nsec += left % 1000000 * 1000;
	}
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&m->s->mutex); /* a worker that left before the stop has taken itself out */
	pthread_mutex_unlock(&m->s->mutex);
	for (unsigned i = 0; i < m->s->n_threads; i++)
		if (pthread_timedjoin_np(m->s->threads[i], NULL, &end) != 0)
			all = false;
	return all;
}

/* Workers inherit this mask: every signal comes to the main thread. */
void serve_hold_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigdelset(&all, SIGBUS); /* measure_look() has a handler, for the thread that it comes to */
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}

int serve_take_signals(void)
{
	sigset_t ours;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&ours);
	sigaddset(&ours, SIGTERM);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGUSR1); /* mod_fcgid's and libfcgi's graceful stop */
	sigaddset(&ours, SIGHUP);
	return signal_fd_open(&ours);
}

static bool wait_on(const struct poller *p, int fd, void *mark)
{
	return poller_add(p, fd, POLLER_READABLE, mark);
}

static bool set_up_server(struct main_loop *m, struct server *s)
{
	return poller_open(&s->ready) && poller_open(&s->watch) &&
		waker_open(&s->stop) && waker_open(&s->chore) && waker_open(&s->wake) &&
		(m->signals = serve_take_signals()) >= 0 && descriptor_unblock(s->listen_fd) &&
		wait_on(&s->ready, s->listen_fd, &s->listen_fd) &&
		wait_on(&s->ready, s->stop.fd, &s->stop) && wait_on(&s->ready, s->chore.fd, &s->chore) &&
		wait_on(&s->watch, m->signals, m) && wait_on(&s->watch, s->wake.fd, &s->wake) && worker_add(s);
}

static void tear_down(struct main_loop *m, struct server *s)
{
	while (s->conns)
		worker_drop(s, s->conns);
	m->reload.self.ended_at = clock_now();
	spool_tell(s->spool, &m->reload.self);
	spool_flush(s->spool);
	spool_close(s->spool);
	shared_conf_put(s, s->conf);
	for (size_t i = 0; i < FCGI_BATCH; i++)
		fcgi_free(s->batch[i]);
	for (unsigned i = 0; i < s->n_rooms; i++)
		fcgi_free(s->rooms[i]);
	if (m->watched.relay >= 0)
		close(m->watched.relay);
	poller_close(&s->ready);
	poller_close(&s->watch);
	waker_close(&s->stop);
	waker_close(&s->chore);
	waker_close(&s->wake);
	close(m->signals);
	close(s->listen_fd);
}

int serve(int listen_fd, const char *own_address, struct conf *conf)
{
	struct server s = {.listen_fd = listen_fd, .turn = PTHREAD_MUTEX_INITIALIZER, .mutex = PTHREAD_MUTEX_INITIALIZER};
	struct main_loop m = {.s = &s, .own_address = own_address, .watched = {.s = &s, .relay = -1}, .reload.s = &s};
	char why[256];
	bool whole;

	idle_memory_init();
	io_raise_limit(); /* every connection is a descriptor, and kept ones stay */
	idle_measure(&s);
	s.conf = shared_conf_new(conf);
	s.spool = spool_of(conf, SPOOL_RECEIVE);
	if (s.spool && !spool_open(s.spool, why, sizeof why))
		log_message(LOG_LEVEL_ERROR, "spool: %s; deliveries %s until this is mended", why, conf->overflow_dir ? "go to the overflow" : "are answered 503");
	if (!measure_look(conf->dir, MEASURE_RECEIVER))
		log_message(LOG_LEVEL_WARNING, "metrics: %s/" MEASURE_FILE ": %s; nothing is measured until this is mended", conf->dir, strerror(errno));
	measure_traffic_tick(clock_now());
	m.reload.self = spool_program_self(SPOOL_PROGRAM_RECEIVER);
	spool_program_loaded(&m.reload.self, conf);
	listen_address(listen_fd, m.reload.self.address, sizeof m.reload.self.address);
	if (s.spool) {
		spool_tell(s.spool, &m.reload.self);
		spool_flush(s.spool); /* before a delivery can come, soon after with a server: a probe of it finds its row */
	}
	if (!s.conf || !s.spool || !libfcgi_init() || !set_up_server(&m, &s)) {
		log_message(LOG_LEVEL_ERROR, "can't start: %s", strerror(errno));
		return EX_OSERR;
	}
	notify_send("READY=1");
	log_message(LOG_LEVEL_INFO, "receiving for %zu endpoint%s, spool %s", conf->n_endpoints, conf->n_endpoints == 1 ? "" : "s",
		conf->spool);
	m.keeper = spool_keeper_new(conf);
	run_loop(&m);
	whole = join_workers(&m);
	watched_take(&m.watched);
	storing_end(&m.watched); /* those that a worker handed over last */
	refusals_flush(clock_mono_us(), true);
	if (!whole) {
		log_message(LOG_LEVEL_WARNING, "stopped with a delivery unanswered");
		_exit(EX_OK);
	}
	tear_down(&m, &s);
	if (!spool_keeper_free(m.keeper))
		_exit(EX_OK);
	return EX_OK;
}
