/* SPDX-License-Identifier: ISC */
/* A delivery whose answer waits for sinks (`store`): what it waits for, and what the answer becomes. */
#include "hook/acknowledge.h"

#include <poll.h>
#include <unistd.h>

#include "core/clock.h"

enum { AGAIN_MS = 10 }; /* until a relay that reads nothing is asked again */

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
	if (d->stored.store_dead)
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

void acknowledge_wait(struct delivery *d, const char *dir)
{
	struct spool_ack_key keys[ENDPOINT_STORES];
	struct pollfd p = {.fd = -1, .events = POLLIN};
	enum spool_ack_asked asked = SPOOL_ACK_LATER;
	int64_t left;

	if (d->store != STORE_WAITING)
		return;
	p.fd = spool_ack_connect(dir);
	while (p.fd >= 0 && d->store == STORE_WAITING) {
		if (asked == SPOOL_ACK_LATER)
			asked = spool_ack_ask(p.fd, keys, acknowledge_keys(d, keys));
		left = (d->store_by - clock_mono_us() + 999) / 1000;
		if (left <= 0)
			acknowledge_end(d, STORE_PENDING);
		else if (asked == SPOOL_ACK_LOST || (poll(&p, 1, asked == SPOOL_ACK_LATER ? AGAIN_MS : (int)left) > 0 && !read_all(d, p.fd)))
			break;
	}
	acknowledge_end(d, STORE_NO_RELAY); /* there is none, or it is gone */
	if (p.fd >= 0)
		close(p.fd);
}
