/* SPDX-License-Identifier: ISC */
/*
 * A poller's way to the kernel by poll(2), which all POSIX systems have.
 *
 * The descriptors stand in one list, under a mutex. The thread that waits copies the list, gives the mutex back and calls poll(2). A
 * thread that adds one during poll(2) wakes it. A descriptor that was removed during poll(2) is not returned: its entry has another number.
 *
 * poll(2) knows no changes. A descriptor of POLLER_CHANGED that was returned is left out for 1 ms, then for 2, and so on up to
 * PAUSE_MOST_US: input that is not whole yet is looked at again, and costs little while it waits.
 */
#include <pthread.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/waker.h"
#include "gate/poller.h"

enum {
	PAUSE_US = 1000,
	PAUSE_MOST_US = 64 * 1000,
	SHORT_MS = 100, /* memory is short: until the next try */
};

struct entry {
	int fd;
	enum poller_when when;
	void *mark;
	uint64_t number;
	int64_t pause_us, again_at; /* clock_mono_us(); of POLLER_CHANGED */
};

struct list {
	pthread_mutex_t mutex; /* all below but `polled`, `numbers` and `polled_room`, which are the waiting thread's */
	struct entry *entries;
	size_t n, room;
	size_t *places; /* by descriptor: its place in the list, from 1; 0: it is not there */
	size_t n_places;
	uint64_t number; /* of the last entry */
	bool waiting;
	size_t next; /* where the last wait ended: all get their turn */
	struct waker waker;
	struct pollfd *polled; /* the first one is the waker */
	uint64_t *numbers;
	size_t polled_room;
};

static void *make_polled(void)
{
	struct list *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	if (!waker_open(&l->waker)) {
		free(l);
		return NULL;
	}
	pthread_mutex_init(&l->mutex, NULL);
	return l;
}

static void free_polled(void *state)
{
	struct list *l = state;

	waker_close(&l->waker);
	pthread_mutex_destroy(&l->mutex);
	free(l->entries);
	free(l->places);
	free(l->polled);
	free(l->numbers);
	free(l);
}

static bool make_entry_room(struct list *l)
{
	size_t room = l->room ? 2 * l->room : 16;
	struct entry *more;

	if (l->n < l->room)
		return true;
	more = realloc(l->entries, room * sizeof *more);
	if (!more)
		return false;
	l->entries = more;
	l->room = room;
	return true;
}

static bool make_fd_room(struct list *l, size_t n)
{
	size_t room = l->n_places ? l->n_places : 64;
	size_t *more;

	while (room < n)
		room *= 2;
	if (room == l->n_places)
		return true;
	more = realloc(l->places, room * sizeof *more);
	if (!more)
		return false;
	for (size_t i = l->n_places; i < room; i++)
		more[i] = 0;
	l->places = more;
	l->n_places = room;
	return true;
}

static struct entry *entry_of(const struct list *l, int fd)
{
	size_t at = (size_t)fd < l->n_places ? l->places[fd] : 0;

	return at ? &l->entries[at - 1] : NULL;
}

static bool add_to_list(void *state, int fd, enum poller_when when, void *mark)
{
	struct list *l = state;
	bool ok;

	pthread_mutex_lock(&l->mutex);
	ok = make_fd_room(l, (size_t)fd + 1) && make_entry_room(l);
	if (ok) {
		l->entries[l->n] = (struct entry){.fd = fd, .when = when, .mark = mark, .number = ++l->number, .pause_us = PAUSE_US};
		l->places[fd] = ++l->n;
		if (l->waiting)
			waker_wake(&l->waker);
	}
	pthread_mutex_unlock(&l->mutex);
	return ok;
}

/* The last one takes the place of one that goes. */
static void remove_from_list(void *state, int fd)
{
	struct list *l = state;
	struct entry *e;

	pthread_mutex_lock(&l->mutex);
	e = entry_of(l, fd);
	if (e) {
		*e = l->entries[--l->n];
		l->places[e->fd] = (size_t)(e - l->entries) + 1;
		l->places[fd] = 0;
	}
	pthread_mutex_unlock(&l->mutex);
}

static bool make_polled_room(struct list *l)
{
	size_t room = l->n + 1;
	struct pollfd *fds;
	uint64_t *numbers;

	if (room <= l->polled_room)
		return true;
	room *= 2;
	fds = realloc(l->polled, room * sizeof *fds);
	if (!fds)
		return false;
	l->polled = fds;
	numbers = realloc(l->numbers, room * sizeof *numbers);
	if (!numbers)
		return false;
	l->numbers = numbers;
	l->polled_room = room;
	return true;
}

/* Copies what is to be polled. Returns how many, and shortens *ms to the end of the first pause. Where memory is short, those that fit. */
static size_t copy_list(struct list *l, int *ms)
{
	int64_t now = clock_mono_us(), left;
	size_t n = 1;

	if (!make_polled_room(l) && l->polled_room == 0)
		return 0;
	l->polled[0] = (struct pollfd){.fd = l->waker.fd, .events = POLLIN};
	for (size_t i = 0; i < l->n && n < l->polled_room; i++) {
		const struct entry *e = &l->entries[(l->next + i) % l->n];

		left = e->again_at - now;
		if (left <= 0) {
			l->polled[n] = (struct pollfd){.fd = e->fd, .events = e->when == POLLER_EITHER ? POLLIN | POLLOUT : POLLIN};
			l->numbers[n++] = e->number;
		} else if (*ms < 0 || (left + 999) / 1000 < *ms) {
			*ms = (int)((left + 999) / 1000);
		}
	}
	return n;
}

static void pause_entry(struct entry *e)
{
	if (e->when != POLLER_CHANGED)
		return;
	e->again_at = clock_mono_us() + e->pause_us;
	if (e->pause_us < PAUSE_MOST_US)
		e->pause_us *= 2;
}

static int take_marks(struct list *l, size_t n, void *marks[POLLER_MOST])
{
	struct entry *e;
	int found = 0;

	if (l->polled[0].revents)
		waker_clear(&l->waker);
	for (size_t i = 1; i < n && found < POLLER_MOST; i++) {
		e = l->polled[i].revents ? entry_of(l, l->polled[i].fd) : NULL;
		if (!e || e->number != l->numbers[i])
			continue;
		marks[found++] = e->mark;
		pause_entry(e);
		l->next = (size_t)(e - l->entries) + 1;
	}
	return found;
}

/* Waits once: until a descriptor is ready, the end of a pause, or another thread has added one. */
static int poll_once(struct list *l, int ms, void *marks[POLLER_MOST])
{
	int found = 0;
	size_t n;

	pthread_mutex_lock(&l->mutex);
	n = copy_list(l, &ms);
	l->waiting = true;
	pthread_mutex_unlock(&l->mutex);
	if (n == 0)
		poll(NULL, 0, SHORT_MS);
	else if (poll(l->polled, (nfds_t)n, ms) <= 0)
		n = 0;
	pthread_mutex_lock(&l->mutex);
	l->waiting = false;
	if (n)
		found = take_marks(l, n, marks);
	pthread_mutex_unlock(&l->mutex);
	return found;
}

static int wait_for_list(void *state, int ms, void *marks[POLLER_MOST])
{
	int64_t end = clock_mono_us() + ms * INT64_C(1000), left = 0;
	int found;

	do
		found = poll_once(state, ms < 0 ? -1 : (int)(left > 0 ? (left + 999) / 1000 : ms), marks);
	while (found == 0 && (ms < 0 || (left = end - clock_mono_us()) > 0));
	return found;
}

const struct poller_way poller_poll = {make_polled, free_polled, add_to_list, remove_from_list, remove_from_list, wait_for_list};
