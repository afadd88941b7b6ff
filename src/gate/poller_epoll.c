/* SPDX-License-Identifier: ISC */
/* A poller's way to the kernel by epoll(7). */
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "gate/poller.h"

static void *make_epoll(void)
{
	int *fd = malloc(sizeof *fd);

	if (!fd)
		return NULL;
	*fd = epoll_create1(EPOLL_CLOEXEC);
	if (*fd >= 0)
		return fd;
	free(fd);
	return NULL;
}

static void free_epoll(void *state)
{
	close(*(int *)state);
	free(state);
}

static bool add_to_epoll(void *state, int fd, enum poller_when when, void *mark)
{
	static const uint32_t events[] = {
		[POLLER_READABLE] = EPOLLIN, [POLLER_EITHER] = EPOLLIN | EPOLLOUT, [POLLER_CHANGED] = EPOLLIN | EPOLLRDHUP | EPOLLET};
	struct epoll_event ev = {.events = events[when], .data.ptr = mark};

	return epoll_ctl(*(int *)state, EPOLL_CTL_ADD, fd, &ev) == 0;
}

static void remove_from_epoll(void *state, int fd)
{
	epoll_ctl(*(int *)state, EPOLL_CTL_DEL, fd, NULL);
}

static int wait_for_epoll(void *state, int ms, void *marks[POLLER_MOST])
{
	struct epoll_event ev[POLLER_MOST];
	int n = epoll_wait(*(int *)state, ev, POLLER_MOST, ms);

	for (int i = 0; i < n; i++)
		marks[i] = ev[i].data.ptr;
	return n;
}

const struct poller_way poller_epoll = {make_epoll, free_epoll, add_to_epoll, remove_from_epoll, NULL, wait_for_epoll};
