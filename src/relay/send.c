/* SPDX-License-Identifier: ISC */
/* From the queues to the drivers: what may go now is sent, in batches. */
#include <inttypes.h>

#include "conf/sink_type.h"
#include "core/clock.h"
#include "relay/message.h"
#include "relay/state.h"

enum {
	SEND_MOST = 64,       /* attempts of one look at the spool */
	DRAIN_MS = 50 * 1000, /* of --once: it ends before cron's next minute begins, if what is on the way takes no longer */
};

struct batch {
	struct sink_message *first, **last;
};

/* Adds the attempt to the batch, unless its relay was dropped or purged. False on an error of r->db: it can't go now. */
static bool add_to_batch(struct relay *r, struct spool_relay_key *key, struct attempt *a, struct batch *b)
{
	const struct sink *s = a->queue->sink;

	a->started = clock_now();
	if (key->pending && a->message.at_most_once && !spool_relay_sending(r->db, key, a->started))
		return false;
	if (!key->pending) {
		acks_tell(r->acks, (struct spool_ack_key){key->relay, key->event}, SPOOL_ACK_REFUSED); /* it was dropped, or purged */
		queue_drop_untried(a->queue, a);
	} else if (!message_make(a, s, r->conf, &r->event, clock_mono_us() + s->timeout * 1000)) {
		result_of(&a->message, &(struct sink_result){.verdict = SINK_RETRY, .unsent = true, .error = "memory is short"});
	} else {
		*b->last = &a->message;
		b->last = &a->message.next;
	}
	return true;
}

/* Sends a batch of those that may go. True when others may go too. */
static bool send_batch(struct relay *r, struct queue *q)
{
	size_t most = q->sink->type->batch_max < SEND_MOST ? q->sink->type->batch_max : SEND_MOST, n = 0, added = 0;
	struct spool_relay_key keys[SEND_MOST];
	struct attempt *attempts[SEND_MOST];
	struct batch batch = {NULL, &batch.first};
	bool more;

	while (n < most && (attempts[n] = queue_take(q))) {
		keys[n] = (struct spool_relay_key){attempts[n]->relay, attempts[n]->event.id, false};
		n++;
	}
	more = n == most;
	if (n && spool_relay_pending(r->db, keys, n))
		for (; added < n && add_to_batch(r, &keys[added], attempts[added], &batch); added++)
			more = more || !keys[added].pending;
	if (batch.first)
		sink_send(q->target, batch.first);
	if (added == n)
		return more;
	fetch_later(r, q);
	while (added < n)
		queue_drop_untried(q, attempts[added++]);
	return false;
}

int64_t send_time_left(const struct relay *r)
{
	return DRAIN_MS - (clock_mono_us() - r->began) / 1000;
}

bool send_is_held(const struct relay *r, const struct queue *q)
{
	return r->drain && q->held_ms > 0 && q->held_ms > send_time_left(r);
}

void send_queues(struct relay *r, int64_t now)
{
	r->first++;
	asked_look(r);
	for (size_t i = 0; i < r->n_queues; i++) {
		struct queue *q = &r->queues[(r->first + i) % r->n_queues];

		if (send_is_held(r, q))
			continue; /* also while others have something on the way: it would go on without end */
		do
			fetch_queue(r, q, now);
		while (send_batch(r, q));
		if (q->next_due > now)
			loop_timer_lower(&r->pass, clock_mono_us() + (q->next_due - now) * 1000);
	}
}
