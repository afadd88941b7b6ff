/* SPDX-License-Identifier: ISC */
/* Accepts connections, and makes room when there is no descriptor for one. */
#include "gate/accept.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/descriptor.h"
#include "gate/idle.h"

static struct conn *new_conn(struct server *s, int fd)
{
	struct conn *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->fd = fd;
	c->used_at = clock_mono_us();
	pthread_mutex_lock(&s->mutex);
	c->older = s->conns;
	c->newer = &s->conns;
	if (c->older)
		c->older->newer = &c->older;
	s->conns = c;
	pthread_mutex_unlock(&s->mutex);
	atomic_fetch_add(&s->connections, 1);
	return c;
}

/* Logs at most once a minute: a process of the socket's group can make accept(2) fail ten times a second. */
static void tell_accept_failed(struct server *s, int error)
{
	int64_t now = clock_mono_us();

	if (s->told_at && now - s->told_at < 60 * 1000 * 1000)
		return;
	s->told_at = now;
	log_message(LOG_LEVEL_ERROR, "accept: %s", strerror(error));
}

/* accept(2) needs a descriptor first. Without one it fails even when no connection waits. */
static bool lacks_descriptor(const struct server *s, int error)
{
	struct pollfd p = {.fd = s->listen_fd, .events = POLLIN};

	return (error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM) && poll(&p, 1, 0) == 1;
}

struct conn *accept_conn(struct server *s)
{
	int fd = descriptor_accept(s->listen_fd);
	int error = errno;
	struct conn *c;

	if (fd < 0 && lacks_descriptor(s, error) && idle_evict(s)) {
		fd = descriptor_accept(s->listen_fd);
		error = errno;
	}
	if (fd < 0 && lacks_descriptor(s, error)) {
		tell_accept_failed(s, error);
		poller_remove(&s->ready, s->listen_fd); /* out of descriptors: the main thread tries again */
		atomic_store(&s->resting, true);
	}
	if (fd < 0)
		return NULL;
	if (atomic_load(&s->connections) >= s->most_conns)
		idle_evict(s);
	c = new_conn(s, fd);
	if (!c)
		close(fd);
	return c;
}
