/* SPDX-License-Identifier: ISC */
/*
 * The page as a FastCGI server: a thread for each connection, so that requests that wait hold up no others.
 *
 * The main thread accepts, hears signals, and looks for new rows while a request waits for them.
 */
#include "page/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/descriptor.h"
#include "core/notify.h"
#include "core/signal_fd.h"
#include "gate/listen.h"
#include "gate/serve.h"
#include "page/connection.h"
#include "page/waiters.h"

enum {
	STACK_BYTES = 1024 * 1024, /* some 400 KiB of it are thread-local: input.c, chart.c */
	IDLE_TICK_MS = 1000,
	LAST_CALL_US = 1800 * 1000, /* the process promises to end within 2 s */
};

/* What the threads share. */
struct server_state {
	struct page *page;
	atomic_uint connections;
	atomic_bool stopping;
};

struct job {
	struct server_state *s;
	int fd;
};

static void *work_on_connection(void *arg)
{
	struct job *job = arg;

	connection_serve(job->s->page, job->fd, &job->s->stopping, &job->s->connections);
	close(job->fd);
	atomic_fetch_sub(&job->s->connections, 1);
	free(job);
	return NULL;
}

static void start_connection(struct server_state *s, int fd)
{
	struct job *job = malloc(sizeof *job);
	pthread_attr_t attr;
	pthread_t thread;
	int error;

	if (!job) {
		close(fd);
		return;
	}
	*job = (struct job){s, fd};
	atomic_fetch_add(&s->connections, 1);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&thread, &attr, work_on_connection, job);
	pthread_attr_destroy(&attr);
	if (error == 0)
		return;
	log_message(LOG_LEVEL_ERROR, "page: can't start a thread: %s", strerror(error));
	atomic_fetch_sub(&s->connections, 1);
	close(fd);
	free(job);
}

static void log_report(void *ctx, enum log_level level, const char *message)
{
	(void)ctx;
	log_message(level, "%s", message);
}

/* The spool is fixed for the life of the process, as its readers are open. */
static void reload_page(struct page *p)
{
	const struct conf *old = p->conf->conf;
	struct conf *new;

	notify_reloading();
	new = conf_load_with(old->file, CONF_SECRETS_NONE, log_report, NULL);
	if (new && (strcmp(new->spool, old->spool) != 0 || new->journal != old->journal)) {
		log_message(LOG_LEVEL_ERROR, "%s: spool and journal can't change on a reload; restart", new->file);
		conf_free(new);
		new = NULL;
	}
	if (new && page_conf_set(p, new)) {
		log_setup(new->log_level, new->log_format, new->log_target);
		log_message(LOG_LEVEL_INFO, "configuration reloaded from %s", new->file);
	} else {
		log_message(LOG_LEVEL_ERROR, "reload failed; the configuration stays as it was");
	}
	notify_send("READY=1");
}

/* False at a signal that ends the process. */
static bool hear_signals(struct page *p, int signals)
{
	int number;

	while ((number = signal_fd_next(signals))) {
		if (number != SIGHUP)
			return false;
		reload_page(p);
	}
	return true;
}

/* Ends the waiting requests, and gives the others the time that is left. True when all have ended. */
static bool wind_up(struct server_state *s)
{
	const struct timespec tick = {0, 10 * 1000 * 1000};
	int64_t end = clock_mono_us() + LAST_CALL_US;

	notify_send("STOPPING=1");
	atomic_store(&s->stopping, true);
	waiters_stop(s->page->waiters);
	while (atomic_load(&s->connections) && clock_mono_us() < end)
		nanosleep(&tick, NULL);
	return atomic_load(&s->connections) == 0;
}

static void run_server(struct server_state *s, int listen_fd, int signals)
{
	struct spool_db *db = NULL;
	struct pollfd p[] = {{.fd = signals, .events = POLLIN}, {.fd = listen_fd, .events = POLLIN}};
	bool crowded;
	int fd;

	for (;;) {
		crowded = atomic_load(&s->connections) >= SERVER_CONNECTIONS;
		p[1].fd = crowded ? -1 : listen_fd;
		p[1].revents = 0;
		/* a request that has just come may be about to wait */
		poll(p, 2, crowded ? 10 : atomic_load(&s->connections) ? WAITERS_TICK_MS : IDLE_TICK_MS);
		if (!hear_signals(s->page, signals))
			break;
		if (p[1].revents && (fd = descriptor_accept(listen_fd)) >= 0)
			start_connection(s, fd);
		if (waiters_any(s->page->waiters))
			waiters_tick(s->page->waiters, s->page->conf->conf, &db);
	}
	spool_db_free(db);
}

int server_run(struct page *p, int listen_fd, const char *own_address)
{
	struct server_state s = {.page = p};
	int signals = serve_take_signals();

	p->waiters = waiters_new();
	if (signals < 0 || !p->waiters || !descriptor_unblock(listen_fd)) {
		log_message(LOG_LEVEL_ERROR, "can't start: %s", strerror(errno));
		return EX_OSERR;
	}
	notify_send("READY=1");
	log_message(LOG_LEVEL_INFO, "showing the spool %s", p->conf->conf->spool);
	run_server(&s, listen_fd, signals);
	if (own_address)
		listen_remove(own_address);
	close(listen_fd);
	if (!wind_up(&s))
		_exit(EX_OK); /* a thread still uses what would be freed */
	waiters_free(p->waiters);
	p->waiters = NULL;
	close(signals);
	return EX_OK;
}
