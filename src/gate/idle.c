/* SPDX-License-Identifier: ISC */
/* Idle connections: how long one may wait in `ready` for its next request, and which are closed when there are too many. */
#include "gate/idle.h"

#include <sys/resource.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "core/clock.h"
#include "gate/input.h"

enum {
	CLOSED_AT_ONCE = 32,
	YOUNG_US = 100 * 1000, /* a new connection's first request may still be on its way */
	MMAP_SIZE = 256 * 1024, /* malloc(3) maps larger blocks one by one, and free(3) returns them to the system */
	RESERVE = 64, /* descriptors for the spool, a reload, and requests whose body is still arriving */
};

void idle_add(struct server *s, struct conn *c)
{
	if (!s->idle_end)
		s->idle_end = &s->idle_conns;
	c->next = NULL;
	c->link = s->idle_end;
	*c->link = c;
	s->idle_end = &c->next;
}

void idle_remove(struct server *s, struct conn *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	else
		s->idle_end = c->link;
}

/* No input waits, and no request is being served. */
static bool is_idle(const struct conn *c)
{
	size_t size;

	return !c->busy && !c->since && !c->early.len && input_peek(c->fd, &size) == INPUT_EMPTY;
}

static unsigned drop_all(struct server *s, struct conn *const *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		worker_drop(s, c[i]);
	return n;
}

void idle_sweep(struct server *s, const struct conf *conf)
{
	struct conn *gone[CLOSED_AT_ONCE];
	int64_t now = clock_mono_us(), limit;
	unsigned n = 0;

	do {
		n = 0;
		pthread_mutex_lock(&s->mutex);
		for (struct conn *c = s->idle_conns; c && n < CLOSED_AT_ONCE; c = c->next) {
			limit = (c->served ? conf->idle_timeout : conf->params_timeout) * 1000;
			if (now - c->used_at > limit && is_idle(c))
				gone[n++] = c;
		}
		pthread_mutex_unlock(&s->mutex);
		drop_all(s, gone, n);
	} while (n == CLOSED_AT_ONCE);
}

unsigned idle_evict(struct server *s)
{
	struct conn *gone[CLOSED_AT_ONCE], *oldest = NULL;
	int64_t limit = clock_mono_us() - YOUNG_US;
	unsigned n = 0;
	bool young = false;

	pthread_mutex_lock(&s->mutex);
	for (struct conn *c = s->idle_conns; c && n < CLOSED_AT_ONCE; c = c->next) {
		if (!c->served && c->used_at > limit)
			young = true;
		else if (!c->served && is_idle(c))
			gone[n++] = c;
		else if (c->served && !c->busy && !c->since && (!oldest || c->used_at < oldest->used_at))
			oldest = c;
	}
	pthread_mutex_unlock(&s->mutex);
	if (n == 0 && !young && oldest && is_idle(oldest))
		gone[n++] = oldest;
	return drop_all(s, gone, n);
}

void idle_measure(struct server *s)
{
	struct rlimit limit;
	rlim_t most = 1024;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
		most = limit.rlim_cur;
	if (most > 1 << 20)
		most = 1 << 20;
	s->most_conns = (unsigned)(most > 2 * RESERVE ? most - RESERVE : most / 2);
}

void idle_memory_init(void)
{
#ifdef __GLIBC__
	mallopt(M_MMAP_THRESHOLD, MMAP_SIZE); /* which the first large body would raise otherwise: mallopt(3) */
#endif
}

void idle_memory_trim(struct server *s)
{
	if (!atomic_exchange(&s->shrunk, false))
		return;
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}
