/* SPDX-License-Identifier: ISC */
/* A descriptor that one thread makes readable for another: an eventfd(2), or a pipe where the system has none. */
#include "config.h"

#include "core/waker.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>
#ifdef USE_EVENTFD
#include <sys/eventfd.h>
#else
#include "core/descriptor.h"
#endif

bool waker_open(struct waker *w)
{
#ifdef USE_EVENTFD
	w->fd = w->write_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return w->fd >= 0;
#else
	int ends[2], error;

	*w = WAKER_NONE;
	if (!descriptor_pipe(ends))
		return false;
	*w = (struct waker){ends[0], ends[1]};
	if (descriptor_unblock(w->fd) && descriptor_unblock(w->write_fd))
		return true;
	error = errno;
	waker_close(w);
	errno = error;
	return false;
#endif
}

void waker_close(struct waker *w)
{
	if (w->write_fd != w->fd)
		close(w->write_fd);
	if (w->fd >= 0)
		close(w->fd);
	*w = WAKER_NONE;
}

/* An eventfd(2) takes 8 bytes, and the same do for a pipe. One that is full is readable already. */
void waker_wake(const struct waker *w)
{
	const uint64_t one = 1;

	(void)!write(w->write_fd, &one, sizeof one);
}

bool waker_clear(const struct waker *w)
{
	uint64_t count[64]; /* an eventfd(2) gives one number; a pipe what was written */
	bool was = false;

	while (read(w->fd, count, sizeof count) > 0) {
		was = true;
		if (w->write_fd == w->fd)
			break;
	}
	return was;
}
