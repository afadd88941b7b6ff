/* A worker: takes a connection with a request on it, serves the request, gives the connection back. */
#define _GNU_SOURCE /* accept4 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "gate/server.h"

enum { STACK_SIZE = 512 * 1024, IO_TIMEOUT_S = 10, ACCEPT_PAUSE_NS = 50 * 1000 * 1000 };

struct shared_conf *worker_conf_get(struct server *s)
{
	struct shared_conf *c;

	pthread_mutex_lock(&s->mutex);
	c = s->conf;
	c->users++;
	pthread_mutex_unlock(&s->mutex);
	return c;
}

void worker_conf_put(struct server *s, struct shared_conf *c)
{
	unsigned users;

	pthread_mutex_lock(&s->mutex);
	users = --c->users;
	pthread_mutex_unlock(&s->mutex);
	if (users == 0) {
		conf_free(c->conf);
		free(c);
	}
}

bool worker_crowded(struct server *s)
{
	struct shared_conf *c = worker_conf_get(s);
	bool crowded = atomic_load(&s->arriving) >= c->conf->max_in_flight;

	worker_conf_put(s, c);
	return crowded;
}

void worker_drop(struct server *s, struct conn *c)
{
	pthread_mutex_lock(&s->mutex);
	*c->newer = c->older;
	if (c->older)
		c->older->newer = c->newer;
	pthread_mutex_unlock(&s->mutex);
	if (c->fd >= 0)
		close(c->fd);
	pthread_mutex_destroy(&c->hand);
	free(c);
	atomic_fetch_sub(&s->connections, 1);
}

void worker_take(struct conn *c)
{
	pthread_mutex_lock(&c->hand);
	pthread_mutex_unlock(&c->hand);
}

void worker_arm(struct server *s, struct conn *c)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT, .data.ptr = c};
	bool ok;

	pthread_mutex_lock(&c->hand);
	ok = epoll_ctl(s->ready, c->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, c->fd, &ev) == 0;
	if (ok)
		c->armed = true;
	pthread_mutex_unlock(&c->hand);
	if (!ok)
		worker_drop(s, c);
}

/* Hands the connection to the main thread, to wait for the rest of a request or of a peer. */
static void hand_over(struct server *s, struct conn *c, enum conn_state state)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = c};
	bool ok;

	c->state = state;
	c->since = clock_mono_us();
	pthread_mutex_lock(&s->mutex);
	ok = epoll_ctl(s->watch, EPOLL_CTL_ADD, c->fd, &ev) == 0;
	if (ok) {
		c->next = s->handed;
		s->handed = c;
	}
	pthread_mutex_unlock(&s->mutex);
	if (!ok)
		worker_drop(s, c);
}

static struct conn *new_conn(struct server *s, int fd)
{
	struct conn *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->fd = fd;
	pthread_mutex_init(&c->hand, NULL);
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

/* Takes one connection, and lets another worker take the next. NULL when there is none. */
static struct conn *accept_one(struct server *s)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = &s->listen_fd};
	struct timeval wait = {IO_TIMEOUT_S, 0};
	struct timespec pause = {0, ACCEPT_PAUSE_NS};
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	struct conn *c;

	if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
		log_message(LOG_LEVEL_ERROR, "accept: %s", strerror(errno));
		nanosleep(&pause, NULL); /* out of descriptors: the connection stays in the queue until there are some */
	}
	epoll_ctl(s->ready, EPOLL_CTL_MOD, s->listen_fd, &ev);
	if (fd < 0)
		return NULL;
	/* not inherited from a listening AF_UNIX socket; a backstop, requests have their own deadlines */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
	c = new_conn(s, fd);
	if (!c)
		close(fd);
	return c;
}

static enum fcgi_next run(struct server *s, struct fcgi *f, struct conn *c, bool complete)
{
	struct shared_conf *shared = worker_conf_get(s);
	struct fcgi_service how = {.conf = shared->conf, .spool = s->spool, .complete = complete};
	enum fcgi_next next;

	atomic_fetch_add(&s->serving, 1);
	if (!complete)
		how.refuse = atomic_fetch_add(&s->arriving, 1) >= shared->conf->max_in_flight;
	next = fcgi_serve(f, c->fd, &how);
	if (!complete)
		atomic_fetch_sub(&s->arriving, 1);
	atomic_fetch_sub(&s->serving, 1);
	worker_conf_put(s, shared);
	return next;
}

/* Serves the request on the connection if it has come, and passes the connection on. */
static void attend(struct server *s, struct fcgi *f, struct conn *c)
{
	enum fcgi_ready ready = fcgi_peek(f, c->fd);

	if (ready == FCGI_READY_FULL && worker_crowded(s))
		ready = FCGI_READY_PARAMS;
	if (c->slow && ready == FCGI_READY_PARAMS)
		ready = FCGI_READY_FULL;
	switch (ready) {
	case FCGI_READY_EMPTY:
		worker_arm(s, c);
		return;
	case FCGI_READY_PARTIAL:
	case FCGI_READY_PARAMS:
		hand_over(s, c, CONN_PARKED);
		return;
	case FCGI_READY_CLOSED:
		worker_drop(s, c);
		return;
	case FCGI_READY_FULL:
	case FCGI_READY_COMPLETE:
		break;
	}
	switch (run(s, f, c, ready == FCGI_READY_COMPLETE)) {
	case FCGI_NEXT_KEEP:
		c->slow = false;
		if (atomic_load(&s->stopping))
			worker_drop(s, c);
		else
			worker_arm(s, c);
		break;
	case FCGI_NEXT_LINGER:
		shutdown(c->fd, SHUT_WR);
		hand_over(s, c, CONN_LINGERING);
		break;
	case FCGI_NEXT_CLOSED:
		c->fd = -1;
		worker_drop(s, c);
		break;
	}
}

static void do_chore(struct server *s)
{
	uint64_t times;

	if (read(s->chore, &times, sizeof times) == sizeof times) /* else another worker was faster */
		spool_flush(s->spool);
}

static void *work(void *arg)
{
	struct server *s = arg;
	struct fcgi *f = fcgi_new();
	struct epoll_event ev;
	struct conn *c;
	int n;

	while (f) {
		atomic_fetch_add(&s->idle, 1);
		n = epoll_wait(s->ready, &ev, 1, -1);
		if (atomic_fetch_sub(&s->idle, 1) == 1)
			worker_add(s); /* nobody else is left to wait */
		if (n != 1)
			continue;
		if (ev.data.ptr == &s->stop)
			break;
		if (ev.data.ptr == &s->chore) {
			do_chore(s);
			continue;
		}
		if (ev.data.ptr == &s->listen_fd) {
			c = accept_one(s);
		} else {
			c = ev.data.ptr;
			worker_take(c);
		}
		if (c)
			attend(s, f, c);
	}
	fcgi_free(f);
	return NULL;
}

bool worker_add(struct server *s)
{
	pthread_attr_t attr;
	bool some;

	pthread_mutex_lock(&s->mutex);
	if (s->n_threads < s->max_threads && !atomic_load(&s->stopping)) {
		pthread_attr_init(&attr);
		pthread_attr_setstacksize(&attr, STACK_SIZE);
		if (pthread_create(&s->threads[s->n_threads], &attr, work, s) == 0)
			s->n_threads++;
		pthread_attr_destroy(&attr);
	}
	some = s->n_threads > 0;
	pthread_mutex_unlock(&s->mutex);
	return some;
}
