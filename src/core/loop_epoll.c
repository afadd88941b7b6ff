/* SPDX-License-Identifier: ISC */
/*
 * A loop's way to the kernel by epoll(7) and signalfd(2).
 *
 * The kernel is told of a watch's end only when an event comes after it. Most descriptors of a client that keeps its connections are
 * watched again before that, or closed.
 *
 * An event of epoll carries the descriptor and the number of its watch. The loop drops it when that watch has ended since: the number
 * of a descriptor that was closed may be another file's already.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "core/loop.h"
#include "core/loop_backend.h"

struct epoll {
	int fd;
	sigset_t taken;
	int signal_fd; /* -1: no signal is taken */
};

static void *epoll_make(void)
{
	struct epoll *e = calloc(1, sizeof *e);

	if (!e)
		return NULL;
	sigemptyset(&e->taken);
	e->signal_fd = -1;
	e->fd = epoll_create1(EPOLL_CLOEXEC);
	if (e->fd >= 0)
		return e;
	free(e);
	return NULL;
}

static void epoll_free(void *state)
{
	struct epoll *e = state;

	if (e->signal_fd >= 0)
		close(e->signal_fd);
	close(e->fd);
	free(e);
}

/* The kernel forgets a descriptor that is closed, and its number may be another's now: the other call is tried where one fails. */
static bool epoll_watch(void *state, int fd, unsigned events, uint32_t number, bool *known)
{
	struct epoll_event e = {.events = (events & LOOP_READ ? EPOLLIN : 0U) | (events & LOOP_WRITE ? EPOLLOUT : 0U)};
	int at = ((struct epoll *)state)->fd, rc;

	e.data.u64 = (uint64_t)number << 32 | (uint32_t)fd;
	rc = epoll_ctl(at, *known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e);
	if (rc != 0 && (errno == ENOENT || errno == EEXIST))
		rc = epoll_ctl(at, *known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &e);
	*known = rc == 0;
	return *known;
}

static void epoll_unwatch(void *state, int fd)
{
	(void)state;
	(void)fd;
}

static void epoll_stale(void *state, int fd, bool *known)
{
	epoll_ctl(((struct epoll *)state)->fd, EPOLL_CTL_DEL, fd, NULL);
	*known = false;
}

static int epoll_wait_ready(void *state, int ms, struct loop_ready ready[LOOP_READY])
{
	struct epoll_event events[LOOP_READY];
	int n = epoll_wait(((struct epoll *)state)->fd, events, LOOP_READY, ms);

	for (int i = 0; i < n; i++) {
		ready[i] = (struct loop_ready){(int)(uint32_t)events[i].data.u64, (uint32_t)(events[i].data.u64 >> 32), 0};
		if (events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
			ready[i].events |= LOOP_READ;
		if (events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
			ready[i].events |= LOOP_WRITE;
	}
	return n;
}

static int epoll_take_signal(void *state, int number)
{
	struct epoll *e = state;
	int fd;

	sigaddset(&e->taken, number);
	if (sigprocmask(SIG_BLOCK, &e->taken, NULL) != 0)
		return -1;
	fd = signalfd(e->signal_fd, &e->taken, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd >= 0)
		e->signal_fd = fd;
	return fd;
}

static int epoll_next_signal(void *state)
{
	struct signalfd_siginfo info;

	return read(((struct epoll *)state)->signal_fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

const struct loop_backend loop_epoll = {epoll_make, epoll_free, epoll_watch, epoll_unwatch, epoll_stale, epoll_wait_ready, epoll_take_signal,
	epoll_next_signal};
