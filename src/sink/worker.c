/* SPDX-License-Identifier: ISC */
/* A thread for a driver whose library waits: the loop's side. worker_thread.c has the other. */
#include "sink/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "sink/worker_thread.h"

enum { END_WAIT_MS = 500 /* for the thread's end, so that the process does not end while a library is at work */ };

/* ---- reports */

static void set_worker_timer(struct worker *w)
{
	loop_timer_stop(&w->timer);
	if (w->first)
		loop_timer_set(&w->timer, w->first->deadline);
}

static void unlink_unreported(struct worker *w, const struct worker_job *j)
{
	struct worker_job **at = &w->first;

	while (*at != j)
		at = &(*at)->later;
	*at = j->later;
	if (!*at)
		w->last = at;
}

static void report_job(struct worker *w, struct worker_job *j, struct sink_result r)
{
	struct sink_message *m = j->message;

	r.ms = (clock_mono_us() - j->began) / 1000;
	j->message = NULL;
	w->done(m, &r);
}

/* The loop's waker: results are there. */
static void on_results(void *ctx, int fd, unsigned events)
{
	struct worker *w = ctx;
	struct worker_job *j, *next;

	(void)fd;
	(void)events;
	waker_clear(&w->wake_loop);
	pthread_mutex_lock(&w->lock);
	j = w->outbox;
	w->outbox = NULL;
	w->outbox_last = &w->outbox;
	pthread_mutex_unlock(&w->lock);
	for (; j; j = next) {
		next = j->next;
		if (j->message) {
			unlink_unreported(w, j);
			report_job(w, j, j->result);
		}
		free(j);
	}
	set_worker_timer(w);
}

/*
 * The first message's time is over. The connection ends, and all messages with it: an acknowledgement that did not come in time says
 * nothing good of the others. `reported` is set before `under_way` is read, and worker_begin() does it the other way round, so no job
 * is sent that was reported as not sent. A job that is reported is the thread's, which may free it by way of the outbox only.
 */
static void on_worker_deadline(void *ctx)
{
	struct worker *w = ctx;
	struct worker_job *j = w->first, *next;
	bool under_way;

	w->first = NULL;
	w->last = &w->first;
	worker_order(w, &w->reset);
	for (; j; j = next) {
		next = j->later;
		atomic_store(&j->reported, true);
		under_way = atomic_load(&j->under_way);
		report_job(w, j, (struct sink_result){.verdict = SINK_RETRY, .in_doubt = under_way, .target_failed = true,
			.error = under_way ? "no acknowledgement in time" : "it was not sent in time"});
	}
	set_worker_timer(w);
}

/* ---- jobs */

static char *copy_text(char *to, struct slice text, const char **at)
{
	*at = to;
	if (text.n)
		memcpy(to, text.p, text.n);
	to[text.n] = '\0';
	return to + text.n + 1;
}

/* One piece of memory. NULL when it is short. */
static struct worker_job *copy_message(struct sink_message *m, struct slice key, struct slice body)
{
	const struct slice *known = m->values->known;
	struct slice text[WORKER_TEXTS] = {{m->id, strlen(m->id)}, {m->type, strlen(m->type)}, known[TEMPLATE_ENDPOINT], known[TEMPLATE_EVENT],
		known[TEMPLATE_ACCOUNT], known[TEMPLATE_CONVERSATION], key};
	size_t n = body.n + 1;
	struct worker_job *j;
	char *to;

	for (size_t i = 0; i < WORKER_TEXTS; i++)
		n += text[i].n + 1;
	j = malloc(sizeof *j + n);
	if (!j)
		return NULL;
	*j = (struct worker_job){.message = m, .deadline = m->deadline, .began = clock_mono_us()};
	to = (char *)(j + 1);
	for (size_t i = 0; i < WORKER_TEXTS; i++)
		to = copy_text(to, text[i], &j->text[i]);
	copy_text(to, body, &j->body.p);
	j->body.n = body.n;
	return j;
}

static void refuse_key(struct worker *w, struct sink_message *m, struct slice key, const char *error)
{
	char why[WORKER_RESULT_SIZE];

	snprintf(why, sizeof why, "\"%.*s\": %s", key.n < 80 ? (int)key.n : 80, key.p, error);
	w->done(m, &(struct sink_result){.verdict = SINK_REFUSED, .unsent = true, .error = why});
}

/* The job of a message; NULL where it has its result already. */
static struct worker_job *job_of_message(struct worker *w, struct sink_message *m)
{
	struct buf key = {0}, printed = {0};
	bool ok = (!w->key || template_print(w->key, m->values, &key)) && (!w->driver->print || w->driver->print(w->sink, m, &printed));
	struct slice k = {buf_str(&key), key.len};
	const char *error = ok && w->key ? w->driver->key_error(k) : NULL;
	struct worker_job *j = ok && !error ? copy_message(m, k, w->driver->print ? (struct slice){printed.data, printed.len} : m->body) : NULL;

	if (error)
		refuse_key(w, m, k, error);
	else if (!j)
		w->done(m, &(struct sink_result){.verdict = SINK_RETRY, .unsent = true, .error = "memory is short"});
	buf_free(&key);
	buf_free(&printed);
	return j;
}

void worker_send(struct sink_target *base, struct sink_message *batch)
{
	struct worker *w = (struct worker *)(void *)base;
	struct worker_job *jobs = NULL, **last = &jobs, *j;
	struct sink_message *next;

	for (struct sink_message *m = batch; m; m = next) {
		next = m->next;
		j = job_of_message(w, m);
		if (!j)
			continue;
		*w->last = j;
		w->last = &j->later;
		*last = j;
		last = &j->next;
	}
	set_worker_timer(w);
	if (!jobs)
		return;
	pthread_mutex_lock(&w->lock);
	*w->inbox_last = jobs;
	w->inbox_last = last;
	pthread_mutex_unlock(&w->lock);
	if (!w->running)
		w->running = worker_thread_start(w); /* where that fails, the deadline ends the messages, and the next batch tries again */
	waker_wake(&w->wake_thread);
}

/* ---- opening and closing */

struct worker *worker_new(const struct worker_driver *driver, void *ctx, const struct sink *s, const struct template *key, struct loop *l,
	sink_done *done, char *why, size_t n)
{
	struct worker *w = calloc(1, sizeof *w);

	snprintf(why, n, "memory is short");
	if (!w) {
		driver->free(ctx);
		return NULL;
	}
	*w = (struct worker){.driver = driver, .ctx = ctx, .loop = l, .done = done, .sink = s, .key = key, .socket = -1, .users = 1,
		.wake_thread = WAKER_NONE, .wake_loop = WAKER_NONE};
	w->last = &w->first;
	w->inbox_last = &w->inbox;
	w->sent_last = &w->sent;
	w->outbox_last = &w->outbox;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->ended, NULL);
	loop_timer_init(&w->timer, l, on_worker_deadline, w);
	if (waker_open(&w->wake_thread) && waker_open(&w->wake_loop) && loop_watch(l, w->wake_loop.fd, LOOP_READ, on_results, w))
		return w;
	snprintf(why, n, "%s", strerror(errno));
	worker_leave(w);
	return NULL;
}

char *worker_copy(const char *text, bool *ok)
{
	char *copy = text ? strdup(text) : NULL;

	*ok = *ok && (copy || !text);
	return copy;
}

void worker_stop(struct sink_target *base)
{
	struct worker *w = (struct worker *)(void *)base;

	worker_order(w, &w->ending);
}

/* A thread that has ended is joined: the libraries' destructors run in it, and must not do so while the process ends. */
static void wait_for_end(struct worker *w)
{
	struct timespec until;
	bool over;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += END_WAIT_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	pthread_mutex_lock(&w->lock);
	while (!w->over && pthread_cond_timedwait(&w->ended, &w->lock, &until) == 0)
		continue;
	over = w->over;
	pthread_mutex_unlock(&w->lock);
	if (over)
		pthread_join(w->thread, NULL);
	else
		pthread_detach(w->thread);
}

void worker_close(struct sink_target *base)
{
	struct worker *w = (struct worker *)(void *)base;

	worker_stop(base);
	if (w->running)
		wait_for_end(w);
	loop_unwatch(w->loop, w->wake_loop.fd);
	loop_timer_stop(&w->timer);
	worker_leave(w);
}
