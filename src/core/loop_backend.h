/* SPDX-License-Identifier: ISC */
/*
 * What a loop asks of the kernel: to wait for descriptors, and to turn signals into a descriptor.
 *
 * loop_epoll is epoll(7) and signalfd(2), of Linux. loop_poll is poll(2) and a pipe, which all POSIX systems have. A build has one or
 * both, and tests/unit/test_loop.c tests each that it has.
 */
#ifndef LOOP_BACKEND_H
#define LOOP_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

enum { LOOP_READY = 64 /* of one wait */ };

/* A descriptor that is ready. */
struct loop_ready {
	int fd;
	uint32_t number; /* of its watch */
	unsigned events; /* LOOP_READ, LOOP_WRITE; both after an error or a hang-up */
};

struct loop_backend {
	/* Its state, or NULL with errno set. */
	void *(*make)(void);
	void (*free)(void *state);

	/*
	 * Watches the descriptor from now on, in place of an earlier watch. *known is true from a watch on until stale(); the descriptor may
	 * have been closed since, and be another file. False with errno set.
	 */
	bool (*watch)(void *state, int fd, unsigned events, uint32_t number, bool *known);

	/* Ends the watch. A backend may leave it to the kernel until stale(), so that the next watch costs less. */
	void (*unwatch)(void *state, int fd);

	/* The descriptor was ready, and is not watched. */
	void (*stale)(void *state, int fd, bool *known);

	/* Waits for ms, -1 without end; a signal may end it. Returns how many descriptors are ready. */
	int (*wait)(void *state, int ms, struct loop_ready ready[LOOP_READY]);

	/* Takes that signal from now on, besides those before. Returns the descriptor that tells of them, or -1 with errno set. */
	int (*take_signal)(void *state, int number);

	/* The number of a signal that has come; 0: there is none now. */
	int (*next_signal)(void *state);
};

extern const struct loop_backend loop_epoll, loop_poll;

/* A loop with that backend, for tests; loop_new() takes the one of this build. */
struct loop *loop_new_with(const struct loop_backend *backend);

#endif
