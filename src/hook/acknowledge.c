/* SPDX-License-Identifier: ISC */
/* A delivery whose answer waits for sinks (`store`): what it waits for, and what the answer becomes. */
#include "hook/acknowledge.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "core/clock.h"

enum {
	AGAIN_MS = 50,            /* until a relay that takes no questions now is asked again */
	RESTART_US = 1000 * 1000, /* a relay that reloads its configuration is back by then */
};

static const struct {
	const char *word, *reason; /* why the answer is 503 */
} states[] = {
	[STORE_NOT_ASKED] = {NULL, NULL},
	[STORE_WAITING] = {"waiting", NULL},
	[STORE_DONE] = {"done", NULL},
	[STORE_REFUSED] = {"refused", "a sink of store refused the event; hookspool deliveries --state dead shows it"},
	[STORE_NO_RELAY] = {"none", "no relay runs that sends to the sinks of store"},
	[STORE_PENDING] = {"pending", "no acknowledgement from the sinks of store in time"},
};

const char *acknowledge_word(enum store_state state)
{
	return states[state].word;
}

void acknowledge_end(struct delivery *d, enum store_state state)
{
	if (d->store != STORE_WAITING)
		return;
	d->store = state;
	d->store_us = clock_mono_us() - d->store_since;
	if (state == STORE_DONE || !d->endpoint->store_required)
		return;
	d->outcome = OUTCOME_UNACKNOWLEDGED;
	d->reason = states[state].reason;
}

void acknowledge_begin(struct delivery *d)
{
	if (!d->stored.n_store || (d->outcome != OUTCOME_STORED && d->outcome != OUTCOME_DUPLICATE))
		return;
	d->store = STORE_WAITING;
	d->store_since = clock_mono_us();
	d->store_by = d->store_since + d->endpoint->store_wait * 1000;
	if (d->answer_by && d->store_by > d->answer_by)
		d->store_by = d->answer_by;
	if (d->stored.overflowed)
		acknowledge_end(d, STORE_PENDING);
	else if (d->stored.store_dead)
		acknowledge_end(d, STORE_REFUSED);
	else if (!d->stored.n_waits)
		acknowledge_end(d, STORE_DONE);
}

size_t acknowledge_keys(const struct delivery *d, struct spool_ack_key out[ENDPOINT_STORES])
{
	for (size_t i = 0; i < d->stored.n_waits; i++)
		out[i] = (struct spool_ack_key){d->stored.waits[i], d->id};
	return d->stored.n_waits;
}

void acknowledge_take(struct delivery *d, const struct spool_ack *ack)
{
	struct spool_event *ev = &d->stored;

	if (d->store != STORE_WAITING || ack->key.event != d->id)
		return;
	for (size_t i = 0; i < ev->n_waits; i++) {
		if (ev->waits[i] != ack->key.relay)
			continue;
		ev->waits[i] = ev->waits[--ev->n_waits];
		if (ack->state != SPOOL_ACK_DELIVERED)
			acknowledge_end(d, ack->state == SPOOL_ACK_REFUSED ? STORE_REFUSED : STORE_NO_RELAY);
		else if (!ev->n_waits)
			acknowledge_end(d, STORE_DONE);
		return;
	}
}

/* Reads what has come. False when the relay is gone. */
static bool read_all(struct delivery *d, int fd)
{
	static struct spool_ack acks[SPOOL_ACK_MOST];
	int n;

	while ((n = spool_ack_read(fd, acks)) > 0)
		for (int i = 0; i < n; i++)
			acknowledge_take(d, &acks[i]);
	return n == 0;
}

/* The connection of a CGI program to the relay. */
struct link {
	int fd; /* -1: there is none */
	enum spool_ack_asked asked;
	int64_t lost_at; /* clock_mono_us() when it broke last; 0: it did not */
};

/* Connects where there is no connection. False when no relay runs, or it is not back soon after its connection broke. */
static bool reach_relay(struct link *l, const char *dir)
{
	if (l->fd >= 0)
		return true;
	l->asked = SPOOL_ACK_LATER;
	l->fd = spool_ack_connect(dir);
	return l->fd >= 0 || errno == EAGAIN || (l->lost_at && clock_mono_us() - l->lost_at < RESTART_US);
}

/* Asks where that was not done, and waits for answers, `left_ms` at most. */
static void ask_and_read(struct link *l, struct delivery *d, int64_t left_ms)
{
	struct spool_ack_key keys[ENDPOINT_STORES];
	struct pollfd p = {.fd = l->fd, .events = POLLIN};

	if (l->fd >= 0 && l->asked == SPOOL_ACK_LATER)
		l->asked = spool_ack_ask(l->fd, keys, acknowledge_keys(d, keys));
	if (l->asked == SPOOL_ACK_LATER && left_ms > AGAIN_MS)
		left_ms = AGAIN_MS;
	if (l->asked != SPOOL_ACK_LOST && (poll(&p, 1, (int)left_ms) <= 0 || read_all(d, l->fd)))
		return;
	close(l->fd);
	l->fd = -1;
	l->lost_at = clock_mono_us();
	poll(NULL, 0, d->store == STORE_WAITING ? AGAIN_MS : 0);
}

void acknowledge_wait(struct delivery *d, const char *dir)
{
	struct link l = {.fd = -1};
	int64_t left;

	while (d->store == STORE_WAITING) {
		left = (d->store_by - clock_mono_us() + 999) / 1000;
		if (left <= 0)
			acknowledge_end(d, STORE_PENDING);
		else if (reach_relay(&l, dir))
			ask_and_read(&l, d, left);
		else
			acknowledge_end(d, STORE_NO_RELAY);
	}
	if (l.fd >= 0)
		close(l.fd);
}
