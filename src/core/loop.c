/* SPDX-License-Identifier: ISC */
/*
 * A loop of one thread. core/loop_backend.h has the kernel's part.
 *
 * Timers are one list, the earliest first. Most are set to a time behind all others, and are inserted from the end. Before their
 * functions are called, those that are due move to a list of their own: one that is set again waits for the next loop_wait().
 *
 * A watch has a number. What is ready under another number than the descriptor's watch has now is dropped: that watch has ended since,
 * and the number of a descriptor that was closed may be another file's already.
 */
#include "config.h"

#include "core/loop.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/loop_backend.h"

struct watch {
	loop_on_fd *call; /* NULL: the descriptor is not watched */
	void *ctx;
	unsigned events;
	uint32_t number;
	bool known; /* the backend's */
};

struct loop {
	const struct loop_backend *backend;
	void *state;
	struct watch *watches; /* by descriptor */
	size_t n_watches;
	uint32_t number; /* of the last watch */
	struct loop_timer timers, due; /* heads of rings */
	struct loop_signal signals;    /* the same */
	int signal_fd; /* -1: no signal is watched */
};

struct loop *loop_new_with(const struct loop_backend *backend)
{
	struct loop *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->timers.before = l->timers.after = &l->timers;
	l->due.before = l->due.after = &l->due;
	l->signals.before = l->signals.after = &l->signals;
	l->signal_fd = -1;
	l->backend = backend;
	l->state = backend->make();
	if (l->state)
		return l;
	free(l);
	return NULL;
}

struct loop *loop_new(void)
{
#ifdef LOOP_EPOLL
	return loop_new_with(&loop_epoll);
#else
	return loop_new_with(&loop_poll);
#endif
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	l->backend->free(l->state);
	free(l->watches);
	free(l);
}

/* ---- descriptors */

static bool make_watch_room(struct loop *l, size_t n)
{
	size_t room = l->n_watches ? l->n_watches : 16;
	struct watch *more;

	while (room < n)
		room *= 2;
	if (room == l->n_watches)
		return true;
	more = realloc(l->watches, room * sizeof *more);
	if (!more)
		return false;
	for (size_t i = l->n_watches; i < room; i++)
		more[i] = (struct watch){0};
	l->watches = more;
	l->n_watches = room;
	return true;
}

bool loop_watch(struct loop *l, int fd, unsigned events, loop_on_fd *call, void *ctx)
{
	struct watch *w;

	if (fd < 0) {
		errno = EBADF;
		return false;
	}
	if (!make_watch_room(l, (size_t)fd + 1))
		return false;
	w = &l->watches[fd];
	*w = (struct watch){call, ctx, events, ++l->number, w->known};
	if (l->backend->watch(l->state, fd, events, w->number, &w->known))
		return true;
	*w = (struct watch){0};
	return false;
}

void loop_unwatch(struct loop *l, int fd)
{
	if (fd < 0 || (size_t)fd >= l->n_watches || !l->watches[fd].call)
		return;
	l->watches[fd] = (struct watch){.known = l->watches[fd].known};
	l->backend->unwatch(l->state, fd);
}

static void call_watch(struct loop *l, const struct loop_ready *r)
{
	struct watch w = l->watches[r->fd];

	if (!w.call)
		l->backend->stale(l->state, r->fd, &l->watches[r->fd].known);
	else if (w.number == r->number)
		w.call(w.ctx, r->fd, r->events & w.events);
}

/* ---- timers */

void loop_timer_init(struct loop_timer *t, struct loop *l, loop_on_timer *call, void *ctx)
{
	*t = (struct loop_timer){.loop = l, .call = call, .ctx = ctx};
}

void loop_timer_stop(struct loop_timer *t)
{
	if (!t->before)
		return;
	t->before->after = t->after;
	t->after->before = t->before;
	t->before = t->after = NULL;
}

static void insert_timer(struct loop_timer *t, struct loop_timer *before)
{
	t->before = before;
	t->after = before->after;
	t->after->before = t;
	before->after = t;
}

void loop_timer_set(struct loop_timer *t, int64_t at)
{
	struct loop_timer *head = &t->loop->timers, *before;

	loop_timer_stop(t);
	t->at = at;
	for (before = head->before; before != head && before->at > at; before = before->before)
		;
	insert_timer(t, before);
}

void loop_timer_lower(struct loop_timer *t, int64_t at)
{
	if (!t->before || at < t->at)
		loop_timer_set(t, at);
}

static void call_timers(struct loop *l)
{
	int64_t now = clock_mono_us();
	struct loop_timer *t;

	while ((t = l->timers.after) != &l->timers && t->at <= now) {
		loop_timer_stop(t);
		insert_timer(t, l->due.before);
	}
	while ((t = l->due.after) != &l->due) {
		loop_timer_stop(t);
		t->call(t->ctx);
	}
}

/* For the backend: ms, -1 without end. Rounded up, so that the timer is due when the wait ends. */
static int wait_ms(const struct loop *l)
{
	enum { WAIT_MAX_MS = 3600 * 1000 };
	const struct loop_timer *first = l->timers.after;
	int64_t ms;

	if (first == &l->timers)
		return -1;
	ms = (first->at - clock_mono_us() + 999) / 1000;
	return ms < 0 ? 0 : ms > WAIT_MAX_MS ? WAIT_MAX_MS : (int)ms;
}

/* ---- signals */

static void on_signals(void *ctx, int fd, unsigned events)
{
	struct loop *l = ctx;
	struct loop_signal *s, *after;
	int number;

	(void)fd;
	(void)events;
	while ((number = l->backend->next_signal(l->state)) != 0) {
		for (s = l->signals.after; s != &l->signals; s = after) {
			after = s->after;
			if (s->number == number)
				s->call(s->ctx, s->number);
		}
	}
}

bool loop_signal_start(struct loop *l, struct loop_signal *s, int number, loop_on_signal *call, void *ctx)
{
	int fd = l->backend->take_signal(l->state, number);

	if (fd < 0 || (l->signal_fd < 0 && !loop_watch(l, fd, LOOP_READ, on_signals, l)))
		return false;
	l->signal_fd = fd;
	*s = (struct loop_signal){l->signals.before, &l->signals, number, call, ctx};
	s->before->after = s->after->before = s;
	return true;
}

void loop_signal_stop(struct loop_signal *s)
{
	if (!s->before)
		return;
	s->before->after = s->after;
	s->after->before = s->before;
	s->before = s->after = NULL;
}

/* ---- */

void loop_wait(struct loop *l)
{
	struct loop_ready ready[LOOP_READY];
	int n = l->backend->wait(l->state, wait_ms(l), ready);

	for (int i = 0; i < n; i++)
		call_watch(l, &ready[i]);
	call_timers(l);
}
