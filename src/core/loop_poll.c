/* SPDX-License-Identifier: ISC */
/*
 * A loop's way to the kernel by poll(2) and a pipe, which all POSIX systems have.
 *
 * The descriptors that are watched stand in one list, which poll(2) reads whole. The last one takes the place of one that ends.
 *
 * A signal's handler notes its number and writes a byte to the pipe. Handlers and notes are the process's: one loop at a time takes
 * signals.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/loop.h"
#include "core/loop_backend.h"

enum { SIGNALS = 64 };

static volatile sig_atomic_t noted[SIGNALS], wake_fd = -1;

struct polled {
	struct pollfd *fds;
	uint32_t *numbers; /* of their watches */
	size_t n, room;
	size_t *places;    /* by descriptor: its place in the list, from 1; 0: it is not there */
	size_t n_places;
	size_t next;       /* where the last wait ended: all get their turn */
	sigset_t taken;
	int pipe[2];       /* -1: no signal is taken */
};

static void *poll_make(void)
{
	struct polled *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->pipe[0] = p->pipe[1] = -1;
	sigemptyset(&p->taken);
	return p;
}

static void poll_free(void *state)
{
	struct polled *p = state;

	if (p->pipe[0] >= 0) {
		sigprocmask(SIG_BLOCK, &p->taken, NULL); /* as with the other backend */
		wake_fd = -1;
		close(p->pipe[0]);
		close(p->pipe[1]);
	}
	free(p->fds);
	free(p->numbers);
	free(p->places);
	free(p);
}

static bool make_list_room(struct polled *p)
{
	size_t room = p->room ? 2 * p->room : 16;
	struct pollfd *fds;
	uint32_t *numbers;

	if (p->n < p->room)
		return true;
	fds = realloc(p->fds, room * sizeof *fds);
	if (!fds)
		return false;
	p->fds = fds;
	numbers = realloc(p->numbers, room * sizeof *numbers);
	if (!numbers)
		return false;
	p->numbers = numbers;
	p->room = room;
	return true;
}

static bool make_place_room(struct polled *p, size_t n)
{
	size_t room = p->n_places ? p->n_places : 16;
	size_t *places;

	while (room < n)
		room *= 2;
	if (room == p->n_places)
		return true;
	places = realloc(p->places, room * sizeof *places);
	if (!places)
		return false;
	for (size_t i = p->n_places; i < room; i++)
		places[i] = 0;
	p->places = places;
	p->n_places = room;
	return true;
}

static bool poll_watch(void *state, int fd, unsigned events, uint32_t number, bool *known)
{
	struct polled *p = state;
	size_t at;

	if (fcntl(fd, F_GETFD) < 0 || !make_place_room(p, (size_t)fd + 1))
		return false;
	at = p->places[fd];
	if (at == 0) {
		if (!make_list_room(p))
			return false;
		at = p->places[fd] = ++p->n;
	}
	p->fds[at - 1] = (struct pollfd){.fd = fd, .events = (short)((events & LOOP_READ ? POLLIN : 0) | (events & LOOP_WRITE ? POLLOUT : 0))};
	p->numbers[at - 1] = number;
	*known = true;
	return true;
}

static void poll_unwatch(void *state, int fd)
{
	struct polled *p = state;
	size_t at = (size_t)fd < p->n_places ? p->places[fd] : 0;

	if (at == 0)
		return;
	p->n--;
	p->fds[at - 1] = p->fds[p->n];
	p->numbers[at - 1] = p->numbers[p->n];
	p->places[p->fds[at - 1].fd] = at;
	p->places[fd] = 0;
}

static void poll_stale(void *state, int fd, bool *known)
{
	(void)state;
	(void)fd;
	(void)known;
}

/* As the other backend does, it forgets a descriptor that was closed while it was watched. */
static void drop_closed(struct polled *p)
{
	for (size_t at = p->n; at-- > 0;)
		if (p->fds[at].revents & POLLNVAL)
			poll_unwatch(p, p->fds[at].fd);
}

static int poll_wait(void *state, int ms, struct loop_ready ready[LOOP_READY])
{
	struct polled *p = state;
	int n = poll(p->fds, (nfds_t)p->n, ms), found = 0;
	size_t at = p->next;

	if (n > 0)
		drop_closed(p);
	for (size_t i = 0; n > 0 && i < p->n && found < LOOP_READY; i++, at++) {
		at = at < p->n ? at : 0;
		if (!p->fds[at].revents)
			continue;
		ready[found] = (struct loop_ready){p->fds[at].fd, p->numbers[at], 0};
		if (p->fds[at].revents & (POLLIN | POLLERR | POLLHUP))
			ready[found].events |= LOOP_READ;
		if (p->fds[at].revents & (POLLOUT | POLLERR | POLLHUP))
			ready[found].events |= LOOP_WRITE;
		found++;
	}
	p->next = at;
	return found;
}

/* ---- signals */

static void note_signal(int number)
{
	int error = errno;

	noted[number] = 1;
	if (wake_fd >= 0)
		(void)!write(wake_fd, "", 1); /* full: the loop wakes anyway */
	errno = error;
}

static bool open_pipe(struct polled *p)
{
	if (p->pipe[0] >= 0)
		return true;
	if (pipe(p->pipe) != 0)
		return false;
	for (int i = 0; i < 2; i++) {
		if (fcntl(p->pipe[i], F_SETFD, FD_CLOEXEC) != 0 || fcntl(p->pipe[i], F_SETFL, O_NONBLOCK) != 0) {
			close(p->pipe[0]);
			close(p->pipe[1]);
			p->pipe[0] = p->pipe[1] = -1;
			return false;
		}
	}
	wake_fd = p->pipe[1];
	return true;
}

static int poll_take_signal(void *state, int number)
{
	struct sigaction action = {.sa_handler = note_signal, .sa_flags = SA_RESTART};
	struct polled *p = state;

	if (number >= SIGNALS) {
		errno = EINVAL;
		return -1;
	}
	sigfillset(&action.sa_mask);
	sigaddset(&p->taken, number);
	if (!open_pipe(p) || sigaction(number, &action, NULL) != 0 || sigprocmask(SIG_UNBLOCK, &p->taken, NULL) != 0)
		return -1;
	return p->pipe[0];
}

static int poll_next_signal(void *state)
{
	char bytes[64];

	while (read(((struct polled *)state)->pipe[0], bytes, sizeof bytes) > 0)
		;
	for (int number = 1; number < SIGNALS; number++) {
		if (noted[number]) {
			noted[number] = 0;
			return number;
		}
	}
	return 0;
}

const struct loop_backend loop_poll = {poll_make, poll_free, poll_watch, poll_unwatch, poll_stale, poll_wait, poll_take_signal, poll_next_signal};
