/* SPDX-License-Identifier: ISC */
/*
 * A thread that writes to a disk.
 *
 * An item is in one of three lists: waiting, writing, written. The lock guards the lists. Those that wait or are written belong to
 * the loop, and the others to the thread, but for the fields that are the loop's.
 */
#include "sink/disk.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/waker.h"
#include "sink/disk_list.h"

enum { CLOSE_MS = 1000 };

struct disk {
	struct sink_target base;
	struct loop *loop;
	sink_done *done;
	const struct disk_work *work;
	void *ctx;
	struct waker woken; /* some were written */
	struct loop_timer timer; /* the first deadline */
	pthread_t thread;
	bool started;
	/* guarded by the lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct disk_list waiting, writing, written;
	bool stopping; /* the thread takes no more */
	bool over;     /* it has ended */
	bool orphan;   /* the loop has left, and the thread frees all */
};

static struct disk *disk_of(struct sink_target *t)
{
	return (struct disk *)(void *)t;
}

static void free_disk(struct disk *d)
{
	disk_items_free(d->waiting.first);
	disk_items_free(d->writing.first);
	disk_items_free(d->written.first);
	waker_close(&d->woken);
	pthread_cond_destroy(&d->changed);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

/* ---- the thread */

static void *run_disk(void *arg)
{
	struct disk *d = arg;
	bool orphan;

	pthread_mutex_lock(&d->lock);
	for (;;) {
		while (!d->stopping && !d->waiting.first)
			pthread_cond_wait(&d->changed, &d->lock);
		if (d->stopping)
			break;
		disk_list_take(&d->writing, &d->waiting, d->work->most, d->work->most_bytes);
		pthread_mutex_unlock(&d->lock);
		d->work->write(d->ctx, d->writing.first);
		pthread_mutex_lock(&d->lock);
		disk_list_move(&d->written, &d->writing);
		waker_wake(&d->woken);
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
	int64_t first;

	pthread_mutex_lock(&d->lock);
	first = disk_items_deadline(d->waiting.first, disk_items_deadline(d->writing.first, INT64_MAX));
	pthread_mutex_unlock(&d->lock);
	if (first == INT64_MAX)
		loop_timer_stop(&d->timer);
	else
		loop_timer_set(&d->timer, first);
}

static void report_written(struct disk *d)
{
	struct disk_list written;

	disk_list_empty(&written);
	pthread_mutex_lock(&d->lock);
	disk_list_move(&written, &d->written);
	pthread_mutex_unlock(&d->lock);
	for (struct disk_item *i = written.first; i; i = i->next)
		report_item(d, i, &i->result);
	disk_items_free(written.first);
}

static void on_written(void *ctx, int fd, unsigned events)
{
	struct disk *d = ctx;

	(void)fd;
	(void)events;
	waker_clear(&d->woken);
	report_written(d);
	set_disk_timer(d);
}

static void on_disk_deadline(void *ctx)
{
	struct sink_result unsent = {.verdict = SINK_RETRY, .unsent = true, .error = "the disk is busy with earlier events"};
	struct sink_result doubt = {.verdict = SINK_RETRY, .in_doubt = true, .target_failed = true, .error = "the disk does not answer"};
	struct disk *d = ctx;
	struct disk_item *late, *writing;
	int64_t now = clock_mono_us();

	report_written(d);
	pthread_mutex_lock(&d->lock);
	late = disk_list_take_late(&d->waiting, now);
	writing = disk_items_late(d->writing.first, now);
	pthread_mutex_unlock(&d->lock);
	for (struct disk_item *i = writing; i; i = i->next_late)
		report_item(d, i, &doubt);
	for (struct disk_item *i = late; i; i = i->next)
		report_item(d, i, &unsent);
	disk_items_free(late);
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
	disk_list_empty(&d->waiting);
	disk_list_empty(&d->writing);
	disk_list_empty(&d->written);
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&d->changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	loop_timer_init(&d->timer, l, on_disk_deadline, d);
	if (waker_open(&d->woken) && loop_watch(l, d->woken.fd, LOOP_READ, on_written, d))
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
	disk_item_free(i);
	return NULL;
}

static void report_unsent(const struct disk *d, struct sink_message *m, const char *error)
{
	d->done(m, &(struct sink_result){.verdict = SINK_RETRY, .unsent = true, .error = error});
}

void disk_send(struct sink_target *t, struct sink_message *batch)
{
	struct disk *d = disk_of(t);
	const char *error = start_disk(d) == 0 ? NULL : "no more threads can be started";
	struct disk_item *i;
	struct disk_list items;
	struct sink_message *next;

	disk_list_empty(&items);
	for (struct sink_message *m = batch; m; m = next) {
		next = m->next;
		i = error ? NULL : copy_to_item(d, m);
		if (i)
			disk_list_add(&items, i);
		else
			report_unsent(d, m, error ? error : "memory is short");
	}
	if (!items.first)
		return;
	loop_timer_lower(&d->timer, disk_items_deadline(items.first, INT64_MAX));
	pthread_mutex_lock(&d->lock);
	disk_list_move(&d->waiting, &items);
	pthread_cond_signal(&d->changed);
	pthread_mutex_unlock(&d->lock);
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
	loop_unwatch(d->loop, d->woken.fd);
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
