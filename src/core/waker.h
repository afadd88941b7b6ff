/* SPDX-License-Identifier: ISC */
/* A descriptor that one thread makes readable for another: an eventfd(2), or a pipe where the system has none. */
#ifndef WAKER_H
#define WAKER_H

#include <stdbool.h>

/* With an eventfd(2) both are the same descriptor. */
struct waker {
	int fd; /* to wait for */
	int write_fd;
};

#define WAKER_NONE (struct waker){-1, -1}

/* False with errno set; *w is WAKER_NONE then. Neither end blocks. */
bool waker_open(struct waker *w);
void waker_close(struct waker *w);

/* Makes it readable until waker_clear(). From any thread, any number of times. */
void waker_wake(const struct waker *w);

/* True when it was readable. */
bool waker_clear(const struct waker *w);

#endif
