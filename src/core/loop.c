/* SPDX-License-Identifier: ISC */
/*
 * A loop of one thread, on epoll(7) and signalfd(2).
 *
 * Timers are one list, the earliest first. Most are set to a time behind all others, and are inserted from the end. Before their
 * functions are called, those that are due move to a list of their own: one that is set again waits for the next loop_wait().
 *
 * The kernel is told of a watch's end only when an event comes after it. Most descriptors of a client that keeps its connections are
 * watched again before that, or closed.
 *
 * An event of epoll carries the descriptor and the number of its watch. It is dropped when that watch has ended since: the number
 * of a descriptor that was closed may be another file's already.
 */
#include "core/loop.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/clock.h"

enum { EVENTS_MAX = 64 /* of one loop_wait() */ };

struct watch {
	loop_on_fd *call; /* NULL: the descriptor is not watched */
	void *ctx;
	unsigned events;
	uint32_t number;
	bool known; /* to the kernel, unless the descriptor was closed since */
};

struct loop {
	int epoll;
	struct watch *watches; /* by descriptor */
	size_t n_watches;
	uint32_t number; /* of the last watch */
	struct loop_timer timers, due; /* heads of rings */
	struct loop_signal signals;    /* the same */
	sigset_t taken;
	int signal_fd; /* -1: no signal is watched */
};

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->timers.before = l->timers.after = &l->timers;
	l->due.before = l->due.after = &l->due;
	l->signals.before = l->signals.after = &l->signals;
	sigemptyset(&l->taken);
	l->signal_fd = -1;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll >= 0)
		return l;
	free(l);
	return NULL;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->signal_fd >= 0)
		close(l->signal_fd);
	close(l->epoll);
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

/* The kernel forgets a descriptor that is closed, and its number may be another's now: the other call is tried where one fails. */
static bool tell_kernel(struct loop *l, int fd, const struct watch *w)
{
	struct epoll_event e = {.events = (w->events & LOOP_READ ? EPOLLIN : 0U) | (w->events & LOOP_WRITE ? EPOLLOUT : 0U)};
	int rc;

	e.data.u64 = (uint64_t)w->number << 32 | (uint32_t)fd;
	rc = epoll_ctl(l->epoll, w->known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e);
	if (rc != 0 && (errno == ENOENT || errno == EEXIST))
		rc = epoll_ctl(l->epoll, w->known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &e);
	return rc == 0;
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
	w->known = tell_kernel(l, fd, w);
	if (w->known)
		return true;
	*w = (struct watch){0};
	return false;
}

void loop_unwatch(struct loop *l, int fd)
{
	if (fd >= 0 && (size_t)fd < l->n_watches)
		l->watches[fd] = (struct watch){.known = l->watches[fd].known};
}

static void call_watch(struct loop *l, const struct epoll_event *e)
{
	int fd = (int)(uint32_t)e->data.u64;
	struct watch w = l->watches[fd];
	unsigned events = 0;

	if (!w.call) {
		epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
		l->watches[fd].known = false;
	}
	if (!w.call || w.number != (uint32_t)(e->data.u64 >> 32))
		return;
	if (e->events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		events |= LOOP_READ;
	if (e->events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
		events |= LOOP_WRITE;
	w.call(w.ctx, fd, events & w.events);
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

/* For epoll_wait(): ms, -1 without end. Rounded up, so that the timer is due when the wait ends. */
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
	struct signalfd_siginfo info;
	struct loop_signal *s, *after;

	(void)events;
	while (read(fd, &info, sizeof info) == sizeof info) {
		for (s = l->signals.after; s != &l->signals; s = after) {
			after = s->after;
			if (s->number == (int)info.ssi_signo)
				s->call(s->ctx, s->number);
		}
	}
}

bool loop_signal_start(struct loop *l, struct loop_signal *s, int number, loop_on_signal *call, void *ctx)
{
	int fd;

	sigaddset(&l->taken, number);
	if (sigprocmask(SIG_BLOCK, &l->taken, NULL) != 0)
		return false;
	fd = signalfd(l->signal_fd, &l->taken, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return false;
	if (l->signal_fd < 0 && !loop_watch(l, fd, LOOP_READ, on_signals, l)) {
		close(fd);
		return false;
	}
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
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(l->epoll, events, EVENTS_MAX, wait_ms(l));

	for (int i = 0; i < n; i++)
		call_watch(l, &events[i]);
	call_timers(l);
}
