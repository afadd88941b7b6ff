/* SPDX-License-Identifier: ISC */
/* A thread for a driver whose library waits: the thread's side. */
#include "sink/worker_thread.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- what both sides call */

static void free_jobs(struct worker_job *j)
{
	struct worker_job *next;

	for (; j; j = next) {
		next = j->next;
		free(j);
	}
}

void worker_use(struct worker *w)
{
	pthread_mutex_lock(&w->lock);
	w->users++;
	pthread_mutex_unlock(&w->lock);
}

void worker_leave(struct worker *w)
{
	bool last;

	pthread_mutex_lock(&w->lock);
	last = --w->users == 0;
	pthread_mutex_unlock(&w->lock);
	if (!last)
		return;
	free_jobs(w->inbox);
	free_jobs(w->sent);
	free_jobs(w->outbox);
	waker_close(&w->wake_thread);
	waker_close(&w->wake_loop);
	w->driver->free(w->ctx);
	pthread_mutex_destroy(&w->lock);
	pthread_cond_destroy(&w->ended);
	free(w);
}

void worker_order(struct worker *w, bool *order)
{
	pthread_mutex_lock(&w->lock);
	*order = true;
	if (w->socket >= 0)
		shutdown(w->socket, SHUT_RDWR);
	pthread_mutex_unlock(&w->lock);
	waker_wake(&w->wake_thread);
}

void worker_set_socket(struct worker *w, int socket)
{
	pthread_mutex_lock(&w->lock);
	w->socket = socket;
	if (socket >= 0 && (w->reset || w->ending)) /* the order came while the connection was made */
		shutdown(socket, SHUT_RDWR);
	pthread_mutex_unlock(&w->lock);
}

/* ---- jobs */

static void add_to_outbox(struct worker *w, struct worker_job *j)
{
	bool first;

	j->next = NULL;
	pthread_mutex_lock(&w->lock);
	first = !w->outbox;
	*w->outbox_last = j;
	w->outbox_last = &j->next;
	pthread_mutex_unlock(&w->lock);
	if (first)
		waker_wake(&w->wake_loop);
}

void worker_end(struct worker *w, struct worker_job *j, const struct sink_result *r)
{
	j->result = *r;
	snprintf(j->said, sizeof j->said, "%s", r->error ? r->error : r->place ? r->place : "");
	j->result.error = r->error ? j->said : NULL;
	j->result.place = !r->error && r->place ? j->said : NULL;
	add_to_outbox(w, j);
}

bool worker_begin(struct worker *w, struct worker_job *j, uint64_t tag)
{
	atomic_store(&j->under_way, true);
	if (atomic_load(&j->reported)) {
		add_to_outbox(w, j);
		return false;
	}
	j->tag = tag;
	j->next = NULL;
	pthread_mutex_lock(&w->lock);
	*w->sent_last = j;
	w->sent_last = &j->next;
	w->n_sent++;
	pthread_mutex_unlock(&w->lock);
	return true;
}

struct worker_job *worker_take(struct worker *w, uint64_t from, uint64_t to)
{
	struct worker_job **at = &w->sent, *j;

	pthread_mutex_lock(&w->lock);
	while (*at && ((*at)->tag < from || (*at)->tag > to))
		at = &(*at)->next;
	j = *at;
	if (j) {
		*at = j->next;
		if (!*at)
			w->sent_last = at;
		w->n_sent--;
	}
	pthread_mutex_unlock(&w->lock);
	return j;
}

void worker_mark(struct worker *w, const char *id, size_t n)
{
	pthread_mutex_lock(&w->lock);
	for (struct worker_job *j = w->sent; j; j = j->next)
		if (strlen(j->text[WORKER_ID]) == n && memcmp(j->text[WORKER_ID], id, n) == 0)
			j->marked = true;
	pthread_mutex_unlock(&w->lock);
}

unsigned worker_count_sent(struct worker *w)
{
	unsigned n;

	pthread_mutex_lock(&w->lock);
	n = w->n_sent;
	pthread_mutex_unlock(&w->lock);
	return n;
}

void worker_fail(struct worker *w, struct worker_job *j, const char *why)
{
	struct worker_job *next;

	for (; j; j = next) {
		next = j->next;
		worker_end(w, j, &(struct sink_result){.verdict = SINK_RETRY, .target_failed = true, .error = why});
	}
}

void worker_fail_sent(struct worker *w, const char *why, bool target_failed)
{
	struct worker_job *j;

	while ((j = worker_take(w, 0, UINT64_MAX)))
		worker_end(w, j, &(struct sink_result){.verdict = SINK_RETRY, .in_doubt = true, .target_failed = target_failed, .error = why});
}

/* ---- the thread */

/* Takes what the loop wants. False: the thread ends. */
static bool take_orders(struct worker *w, struct worker_job **jobs)
{
	bool reset, ending;

	pthread_mutex_lock(&w->lock);
	ending = w->ending;
	reset = w->reset;
	w->reset = false;
	*jobs = ending ? NULL : w->inbox;
	if (!ending) {
		w->inbox = NULL;
		w->inbox_last = &w->inbox;
	}
	pthread_mutex_unlock(&w->lock);
	if (reset || ending)
		w->driver->drop(w->ctx, "the connection ended after a timeout");
	return !ending;
}

static void wait_for_work(struct worker *w)
{
	struct pollfd at[2] = {{.fd = w->wake_thread.fd, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
	int wait = w->driver->wait(w->ctx, &at[1].fd);

	if (poll(at, 2, wait) > 0 && at[0].revents)
		waker_clear(&w->wake_thread);
}

static void *run_worker(void *of)
{
	struct worker *w = of;
	struct worker_job *jobs;

	while (take_orders(w, &jobs)) {
		if (jobs)
			w->driver->send(w->ctx, jobs);
		w->driver->receive(w->ctx);
		wait_for_work(w);
	}
	pthread_mutex_lock(&w->lock);
	w->over = true;
	pthread_cond_signal(&w->ended);
	pthread_mutex_unlock(&w->lock);
	worker_leave(w);
	return NULL;
}

/* The thread, and the threads that the library starts in it, take no signal: the loop does. */
bool worker_thread_start(struct worker *w)
{
	sigset_t all, before;
	int code;

	worker_use(w);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&w->thread, NULL, run_worker, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (code != 0)
		worker_leave(w);
	return code == 0;
}
