/* SPDX-License-Identifier: ISC */
/*
 * A thread that writes to a disk.
 *
 * A batch is in one of three places: waiting, writing, written. The lock guards the places. The batch's items belong to the loop
 * where it waits and where it is written. They belong to the thread while it writes, but for the fields that are the loop's.
 */
#include "sink/disk.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"

enum { CLOSE_MS = 1000 };

struct disk_batch {
	struct disk_batch *next;
	struct disk_item *items;
};

struct disk {
	struct sink_target base;
	struct loop *loop;
	sink_done *done;
	const struct disk_work *work;
	void *ctx;
	int woken; /* eventfd: a batch was written */
	struct loop_timer timer; /* the first deadline */
	pthread_t thread;
	bool started;
	/* guarded by the lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct disk_batch *waiting, *writing, *written;
	bool stopping; /* the thread takes no more batches */
	bool over;     /* it has ended */
	bool orphan;   /* the loop has left, and the thread frees all */
};

static struct disk *disk_of(struct sink_target *t)
{
	return (struct disk *)(void *)t;
}

static void append_batch(struct disk_batch **list, struct disk_batch *b)
{
	while (*list)
		list = &(*list)->next;
	*list = b;
	b->next = NULL;
}

static void free_item(struct disk_item *i)
{
	buf_free(&i->data);
	free(i);
}

static void free_batches(struct disk_batch *b)
{
	struct disk_batch *next;

	for (; b; b = next) {
		next = b->next;
		for (struct disk_item *i = b->items, *after; i; i = after) {
			after = i->next;
			free_item(i);
		}
		free(b);
	}
}

static void free_disk(struct disk *d)
{
	free_batches(d->waiting);
	free_batches(d->writing);
	free_batches(d->written);
	if (d->woken >= 0)
		close(d->woken);
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

/* ---- the thread */

static void *run_disk(void *arg)
{
	struct disk *d = arg;
	struct disk_batch *b;
	bool orphan;

	pthread_mutex_lock(&d->lock);
	for (;;) {
		while (!d->stopping && !d->waiting)
			pthread_cond_wait(&d->changed, &d->lock);
		if (d->stopping)
			break;
		b = d->writing = d->waiting;
		d->waiting = b->next;
		pthread_mutex_unlock(&d->lock);
		if (b->items)
			d->work->write(d->ctx, b->items);
		pthread_mutex_lock(&d->lock);
		d->writing = NULL;
		append_batch(&d->written, b);
		eventfd_write(d->woken, 1);
	}
	pthread_mutex_unlock(&d->lock);
	d->work->end(d->ctx);
	pthread_mutex_lock(&d->lock);
	d->over = true;
	orphan = d->orphan;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	if (orphan)
		free_disk(d);
	return NULL;
}

/* Signals are the loop's. */
static int start_disk(struct disk *d)
{
	sigset_t all, before;
	int error;

	if (d->started)
		return 0;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&d->thread, NULL, run_disk, d);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	d->started = error == 0;
	return error;
}

/* ---- reports, on the loop */

static void report_item(struct disk *d, struct disk_item *i, struct sink_result *r)
{
	struct sink_message *m = i->message;

	if (!m)
		return;
	i->message = NULL;
	r->ms = (clock_mono_us() - i->began) / 1000;
	d->done(m, r);
}

static void set_disk_timer(struct disk *d)
{
	struct disk_batch *const *lists[] = {&d->waiting, &d->writing};
	int64_t first = INT64_MAX;

	pthread_mutex_lock(&d->lock);
	for (size_t k = 0; k < 2; k++)
		for (struct disk_batch *b = *lists[k]; b; b = k == 0 ? b->next : NULL)
			for (struct disk_item *i = b->items; i; i = i->next)
				if (i->message && i->deadline < first)
					first = i->deadline;
	pthread_mutex_unlock(&d->lock);
	if (first == INT64_MAX)
		loop_timer_stop(&d->timer);
	else
		loop_timer_set(&d->timer, first);
}

static void report_written(struct disk *d)
{
	struct disk_batch *written;

	pthread_mutex_lock(&d->lock);
	written = d->written;
	d->written = NULL;
	pthread_mutex_unlock(&d->lock);
	for (struct disk_batch *b = written; b; b = b->next)
		for (struct disk_item *i = b->items; i; i = i->next)
			report_item(d, i, &i->result);
	free_batches(written);
}

static void on_written(void *ctx, int fd, unsigned events)
{
	struct disk *d = ctx;
	eventfd_t n;

	(void)events;
	eventfd_read(fd, &n);
	report_written(d);
	set_disk_timer(d);
}

/* Moves the items whose time is over out of the batches that wait. The thread passes over a batch without items. */
static struct disk_item *take_late(struct disk *d, int64_t now)
{
	struct disk_item *late = NULL, **last = &late;

	for (struct disk_batch *b = d->waiting; b; b = b->next)
		for (struct disk_item **i = &b->items; *i;) {
			if ((*i)->deadline > now) {
				i = &(*i)->next;
				continue;
			}
			*last = *i;
			*i = (*i)->next;
			last = &(*last)->next;
			*last = NULL;
		}
	return late;
}

static void on_disk_deadline(void *ctx)
{
	struct sink_result unsent = {.verdict = SINK_RETRY, .unsent = true, .error = "the disk is busy with earlier events"};
	struct sink_result doubt = {.verdict = SINK_RETRY, .in_doubt = true, .target_failed = true, .error = "the disk does not answer"};
	struct disk *d = ctx;
	struct disk_batch *writing;
	struct disk_item *late, *next;
	int64_t now = clock_mono_us();

	report_written(d);
	pthread_mutex_lock(&d->lock);
	late = take_late(d, now);
	writing = d->writing; /* stays valid: the loop alone frees batches */
	pthread_mutex_unlock(&d->lock);
	for (struct disk_item *i = writing ? writing->items : NULL; i; i = i->next)
		if (i->deadline <= now)
			report_item(d, i, &doubt);
	for (; late; late = next) {
		next = late->next;
		report_item(d, late, &unsent);
		free_item(late);
	}
	set_disk_timer(d);
}

/* ---- the driver's functions */

struct sink_target *disk_open(struct loop *l, sink_done *done, const struct disk_work *work, void *ctx, char *why, size_t n)
{
	struct disk *d = calloc(1, sizeof *d);
	pthread_condattr_t monotonic;

	if (!d) {
		snprintf(why, n, "memory is short");
		work->end(ctx);
		return NULL;
	}
	d->loop = l;
	d->done = done;
	d->work = work;
	d->ctx = ctx;
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&d->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	loop_timer_init(&d->timer, l, on_disk_deadline, d);
	d->woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->woken >= 0 && loop_watch(l, d->woken, LOOP_READ, on_written, d))
		return &d->base;
	snprintf(why, n, "can't start: %s", strerror(errno));
	work->end(ctx);
	free_disk(d);
	return NULL;
}

const void *disk_context(const struct sink_target *t)
{
	return ((const struct disk *)(const void *)t)->ctx;
}

static struct disk_item *copy_to_item(const struct disk *d, struct sink_message *m)
{
	struct disk_item *i = calloc(1, sizeof *i);

	if (!i)
		return NULL;
	snprintf(i->id, sizeof i->id, "%s", m->id);
	i->message = m;
	i->began = clock_mono_us();
	i->deadline = m->deadline;
	if (d->work->copy(m, &i->data))
		return i;
	free_item(i);
	return NULL;
}

static void report_unsent(const struct disk *d, struct sink_message *m, const char *error)
{
	d->done(m, &(struct sink_result){.verdict = SINK_RETRY, .unsent = true, .error = error});
}

void disk_send(struct sink_target *t, struct sink_message *batch)
{
	struct disk *d = disk_of(t);
	struct disk_batch *b = calloc(1, sizeof *b);
	struct disk_item **last = b ? &b->items : NULL;
	const char *error = b ? NULL : "memory is short";
	struct sink_message *next;

	if (b && start_disk(d) != 0)
		error = "no more threads can be started";
	for (struct sink_message *m = batch; m; m = next) {
		next = m->next;
		if (error || !(*last = copy_to_item(d, m)))
			report_unsent(d, m, error ? error : "memory is short");
		else
			last = &(*last)->next;
	}
	if (!b || !b->items) {
		free(b);
		return;
	}
	pthread_mutex_lock(&d->lock);
	append_batch(&d->waiting, b);
	pthread_cond_signal(&d->changed);
	pthread_mutex_unlock(&d->lock);
	set_disk_timer(d);
}

void disk_stop(struct sink_target *t)
{
	struct disk *d = disk_of(t);

	pthread_mutex_lock(&d->lock);
	d->stopping = true;
	pthread_cond_signal(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

/* Waits until the thread has ended, for CLOSE_MS at most. False when it goes on alone. */
static bool wait_for_disk(struct disk *d)
{
	struct timespec until;
	int error = 0;
	bool over;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += CLOSE_MS / 1000;
	pthread_mutex_lock(&d->lock);
	while (!d->over && error == 0)
		error = pthread_cond_timedwait(&d->changed, &d->lock, &until);
	over = d->over;
	d->orphan = !over;
	pthread_mutex_unlock(&d->lock);
	return over;
}

void disk_close(struct sink_target *t)
{
	struct disk *d = disk_of(t);

	disk_stop(t);
	loop_unwatch(d->loop, d->woken);
	loop_timer_stop(&d->timer);
	if (!d->started) {
		d->work->end(d->ctx);
		free_disk(d);
	} else {
		pthread_t thread = d->thread;

		if (!wait_for_disk(d)) {
			pthread_detach(thread); /* it may have ended since, and freed d */
			return;
		}
		pthread_join(thread, NULL);
		free_disk(d);
	}
}

/* ---- for the thread's work */

void disk_deliver(struct disk_item *i, const char *place, ...)
{
	va_list ap;

	va_start(ap, place);
	vsnprintf(i->place, sizeof i->place, place, ap);
	va_end(ap);
	i->result = (struct sink_result){.verdict = SINK_DELIVERED, .place = i->place};
}

void disk_retry(struct disk_item *i, bool in_doubt, bool target_failed, const char *error)
{
	snprintf(i->error, sizeof i->error, "%s", error);
	i->result = (struct sink_result){.verdict = SINK_RETRY, .in_doubt = in_doubt, .target_failed = target_failed, .error = i->error};
}
