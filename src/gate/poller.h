/* SPDX-License-Identifier: ISC */
/*
 * The descriptors that one thread of the server waits for, each with a mark that the wait returns.
 *
 * poller_epoll is epoll(7), of Linux. poller_poll is poll(2), which all POSIX systems have. A build has one or both, and
 * tests/unit/test_poller.c tests each that it has. Other threads may add and remove descriptors during the wait.
 */
#ifndef POLLER_H
#define POLLER_H

#include <stdbool.h>

enum { POLLER_MOST = 64 /* marks of one wait */ };

enum poller_when {
	POLLER_READABLE, /* as long as there is input, or the peer has closed */
	POLLER_EITHER,   /* the same, or as long as output would not wait */
	POLLER_CHANGED,  /* when input has come, or the peer has closed; it may be told again without that */
};

struct poller_way {
	/* Its state, or NULL with errno set. */
	void *(*make)(void);
	void (*free)(void *state);

	/* Waits for the descriptor from now on. False with errno set. */
	bool (*add)(void *state, int fd, enum poller_when when, void *mark);

	/* A thread that waits may still return the mark, once; one that does not wait won't. */
	void (*remove)(void *state, int fd);

	/* The same, for a descriptor that its caller closes next. NULL: the kernel does that. */
	void (*forget)(void *state, int fd);

	/* Waits for ms, -1 without end; a signal may end it. Returns how many are ready, with their marks; 0 or -1: none. */
	int (*wait)(void *state, int ms, void *marks[POLLER_MOST]);
};

extern const struct poller_way poller_epoll, poller_poll;

/* The functions above, in the way of this build. */
struct poller {
	const struct poller_way *way;
	void *state; /* NULL: not made */
};

bool poller_open(struct poller *p);
void poller_close(struct poller *p);
bool poller_add(const struct poller *p, int fd, enum poller_when when, void *mark);
void poller_remove(const struct poller *p, int fd);
void poller_forget(const struct poller *p, int fd);
int poller_wait(const struct poller *p, int ms, void *marks[POLLER_MOST]);

#endif
