/* SPDX-License-Identifier: ISC */
/* The receivers that wait for deliveries of this relay (spool/ack.h): what they ask for, and what they are told. */
#include "relay/acks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"

enum {
	PACKETS = 4,  /* of one receiver that are read before others have their turn */
	FORGET = 256, /* keys at a time, where there are ACKS_KEYS */
	AGAIN_US = 100 * 1000, /* until connections are accepted again, where that failed: descriptors or memory are short */
};

struct connection {
	struct acks *acks;
	struct connection *next;
	int fd; /* -1: to be freed */
};

/* A key that a receiver waits for. */
struct wait {
	struct connection *connection;
	struct spool_ack_key key;
	bool given; /* by acks_take() */
	bool told; /* by acks_note() */
	enum spool_ack_state state; /* what */
	const struct queue *later; /* given out again when this queue has room; NULL: it was not put off */
};

struct acks {
	struct loop *loop;
	struct loop_timer *on_keys;
	int fd; /* listens */
	struct loop_timer again;
	struct connection *first;
	unsigned n_connections;
	size_t n_told; /* waits whose state was noted and not sent */
	struct wait *waits; /* ACKS_KEYS of room; the oldest first */
	size_t n_waits;
};

static bool same_key(struct spool_ack_key a, struct spool_ack_key b)
{
	return a.relay == b.relay && a.event == b.event;
}

/* Forgets the waits of connections that are closed, then those connections. */
static void forget_closed(struct acks *a)
{
	struct connection **at = &a->first, *c;
	size_t n = 0;

	for (size_t i = 0; i < a->n_waits; i++)
		if (a->waits[i].connection->fd >= 0)
			a->waits[n++] = a->waits[i];
	a->n_waits = n;
	while ((c = *at)) {
		if (c->fd >= 0) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		a->n_connections--;
		free(c);
	}
}

/* forget_closed() follows. */
static void close_connection(struct connection *c)
{
	if (c->fd < 0)
		return;
	loop_unwatch(c->acks->loop, c->fd);
	close(c->fd);
	c->fd = -1;
}

static struct wait *find_wait(struct acks *a, const struct connection *c, struct spool_ack_key key)
{
	for (struct wait *w = a->waits; w < a->waits + a->n_waits; w++)
		if (w->connection == c && same_key(w->key, key))
			return w;
	return NULL;
}

static void forget_waits(struct acks *a, struct wait *first, size_t n)
{
	const struct wait *end = a->waits + a->n_waits;

	memmove(first, first + n, (size_t)(end - (first + n)) * sizeof *first);
	a->n_waits -= n;
}

/*
 * A key that is asked for again is looked at again, and is the newest. Receivers do not say when they stop waiting. So where there
 * are too many keys, the oldest go: most of their requests are answered already, as those for a sink that has been down for hours.
 */
static void add_key(struct acks *a, struct connection *c, struct spool_ack_key key)
{
	struct wait *w = find_wait(a, c, key);

	if (w)
		forget_waits(a, w, 1);
	else if (a->n_waits == ACKS_KEYS)
		forget_waits(a, a->waits, FORGET);
	a->waits[a->n_waits++] = (struct wait){.connection = c, .key = key};
}

static void on_asked(void *ctx, int fd, unsigned events)
{
	struct spool_ack_key keys[SPOOL_ACK_MOST];
	struct connection *c = ctx;
	int n = 0;

	(void)events;
	for (int i = 0; i < PACKETS && (n = spool_ack_asked(fd, keys)) > 0; i++)
		for (int k = 0; k < n; k++)
			add_key(c->acks, c, keys[k]);
	loop_timer_lower(c->acks->on_keys, 0);
	if (n != SPOOL_ACK_GONE)
		return;
	close_connection(c);
	forget_closed(c->acks);
}

static void on_connection(void *ctx, int listening, unsigned events);

static void listen_again(void *ctx)
{
	struct acks *a = ctx;

	if (!loop_watch(a->loop, a->fd, LOOP_READ, on_connection, a))
		loop_timer_set(&a->again, clock_mono_us() + AGAIN_US);
}

/* A connection that cannot be accepted stays, and would call this without a pause. */
static void on_connection(void *ctx, int listening, unsigned events)
{
	struct acks *a = ctx;
	struct connection *c;
	int fd;

	(void)events;
	while ((fd = spool_ack_accept(listening)) >= 0) {
		c = a->n_connections < ACKS_CONNECTIONS ? calloc(1, sizeof *c) : NULL;
		if (!c || !loop_watch(a->loop, fd, LOOP_READ, on_asked, c)) {
			close(fd);
			free(c);
			continue;
		}
		*c = (struct connection){a, a->first, fd};
		a->first = c;
		a->n_connections++;
	}
	if (errno == EAGAIN)
		return;
	loop_unwatch(a->loop, listening);
	loop_timer_set(&a->again, clock_mono_us() + AGAIN_US);
}

struct acks *acks_new(struct loop *l, struct loop_timer *on_keys, const char *dir)
{
	struct acks *a = calloc(1, sizeof *a);
	int error;

	if (!a)
		return NULL;
	*a = (struct acks){.loop = l, .on_keys = on_keys, .fd = -1, .waits = calloc(ACKS_KEYS, sizeof *a->waits)};
	loop_timer_init(&a->again, l, listen_again, a);
	a->fd = a->waits ? spool_ack_listen(dir) : -1;
	if (a->fd >= 0 && loop_watch(l, a->fd, LOOP_READ, on_connection, a))
		return a;
	error = errno;
	acks_free(a);
	errno = error;
	return NULL;
}

void acks_free(struct acks *a)
{
	if (!a)
		return;
	for (struct connection *c = a->first; c; c = c->next)
		close_connection(c);
	forget_closed(a);
	loop_timer_stop(&a->again);
	if (a->fd >= 0) {
		loop_unwatch(a->loop, a->fd);
		close(a->fd);
	}
	free(a->waits);
	free(a);
}

size_t acks_take(struct acks *a, struct spool_ack_key *out, size_t most)
{
	size_t n = 0;

	for (size_t i = 0; a && n < most && i < a->n_waits; i++) {
		if (a->waits[i].given)
			continue;
		a->waits[i].given = true;
		out[n++] = a->waits[i].key;
	}
	return n;
}

void acks_put_back(struct acks *a, struct spool_ack_key key)
{
	for (size_t i = 0; a && i < a->n_waits; i++)
		if (same_key(a->waits[i].key, key))
			a->waits[i].given = false;
}

void acks_put_off(struct acks *a, struct spool_ack_key key, const struct queue *q)
{
	for (size_t i = 0; a && i < a->n_waits; i++)
		if (same_key(a->waits[i].key, key))
			a->waits[i].later = q;
}

bool acks_again(struct acks *a, const struct queue *q, size_t most)
{
	for (size_t i = a ? a->n_waits : 0; most && i-- > 0;) {
		if (a->waits[i].later != q)
			continue;
		a->waits[i].later = NULL;
		a->waits[i].given = false;
		most--;
	}
	return !most;
}

bool acks_any(const struct acks *a)
{
	for (size_t i = a ? a->n_waits : 0; i-- > 0;)
		if (!a->waits[i].given)
			return true;
	return false;
}

bool acks_has(const struct acks *a, struct spool_ack_key key)
{
	for (size_t i = 0; a && i < a->n_waits; i++)
		if (same_key(a->waits[i].key, key))
			return true;
	return false;
}

bool acks_note(struct acks *a, struct spool_ack_key key, enum spool_ack_state state)
{
	bool any = false;

	for (size_t i = 0; a && i < a->n_waits; i++) {
		struct wait *w = &a->waits[i];

		if (w->told || !same_key(w->key, key))
			continue;
		w->told = true;
		w->state = state;
		a->n_told++;
		any = true;
	}
	return any;
}

static void send_acks(struct connection *c, const struct spool_ack *acks, size_t n)
{
	if (n && c->fd >= 0 && !spool_ack_answer(c->fd, acks, n))
		close_connection(c);
}

static void send_told_to(struct connection *c)
{
	const struct acks *a = c->acks;
	struct spool_ack packet[SPOOL_ACK_MOST];
	size_t n = 0;

	for (const struct wait *w = a->waits; w < a->waits + a->n_waits; w++) {
		if (!w->told || w->connection != c)
			continue;
		packet[n++] = (struct spool_ack){w->key, w->state};
		if (n == SPOOL_ACK_MOST) {
			send_acks(c, packet, n);
			n = 0;
		}
	}
	send_acks(c, packet, n);
}

void acks_send(struct acks *a)
{
	size_t n = 0;

	if (!a || !a->n_told)
		return;
	for (struct connection *c = a->first; c; c = c->next)
		send_told_to(c);
	for (size_t i = 0; i < a->n_waits; i++)
		if (!a->waits[i].told)
			a->waits[n++] = a->waits[i];
	a->n_waits = n;
	a->n_told = 0;
	forget_closed(a);
}

void acks_tell(struct acks *a, struct spool_ack_key key, enum spool_ack_state state)
{
	acks_note(a, key, state);
	acks_send(a);
}
