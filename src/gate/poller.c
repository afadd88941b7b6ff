/* SPDX-License-Identifier: ISC */
/* The descriptors that one thread of the server waits for, in the way of this build. */
#include "config.h"

#include "gate/poller.h"

#include <stddef.h>

bool poller_open(struct poller *p)
{
#ifdef LOOP_EPOLL
	p->way = &poller_epoll;
#else
	p->way = &poller_poll;
#endif
	p->state = p->way->make();
	return p->state != NULL;
}

void poller_close(struct poller *p)
{
	if (p->state)
		p->way->free(p->state);
	p->state = NULL;
}

bool poller_add(const struct poller *p, int fd, enum poller_when when, void *mark)
{
	return p->way->add(p->state, fd, when, mark);
}

void poller_remove(const struct poller *p, int fd)
{
	p->way->remove(p->state, fd);
}

void poller_forget(const struct poller *p, int fd)
{
	if (p->way->forget)
		p->way->forget(p->state, fd);
}

int poller_wait(const struct poller *p, int ms, void *marks[POLLER_MOST])
{
	return p->way->wait(p->state, ms, marks);
}
