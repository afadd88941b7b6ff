/* SPDX-License-Identifier: ISC */
/* From the queues to the drivers: what may go now is sent, in batches. */
#include <inttypes.h>

#include "conf/sink_type.h"
#include "core/clock.h"
#include "relay/message.h"
#include "relay/state.h"

enum {
	SEND_MOST = 128,      /* attempts of one look at the spool */
	SEND_PASS = 256,      /* attempts of a queue in one pass: then the drivers have their turn, and the other queues */
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

/* What no other process has changed since it was read is pending still. False on an error of r->db. */
static bool find_pending(struct relay *r, struct attempt *const *attempts, struct spool_relay_key *keys, size_t n)
{
	int64_t version = spool_db_version(r->db);
	bool known = version != 0;

	for (size_t i = 0; i < n; i++) {
		known = known && attempts[i]->version == version;
		keys[i] = (struct spool_relay_key){attempts[i]->relay, attempts[i]->event.id, true};
	}
	return known || spool_relay_pending(r->db, keys, n);
}

/* Sends a batch of those that may go; asked: that receivers wait for. Returns how many there were; 0 also on an error of r->db. */
static size_t send_batch(struct relay *r, struct queue *q, bool asked)
{
	size_t most = q->sink->type->batch_max < SEND_MOST ? q->sink->type->batch_max : SEND_MOST, n = 0, added = 0;
	struct spool_relay_key keys[SEND_MOST];
	struct attempt *attempts[SEND_MOST];
	struct batch batch = {NULL, &batch.first};

	while (n < most && (!asked || q->n_asked) && (attempts[n] = queue_take(q)))
		n++;
	if (n && find_pending(r, attempts, keys, n))
		while (added < n && add_to_batch(r, &keys[added], attempts[added], &batch))
			added++;
	if (batch.first)
		sink_send(q->target, batch.first);
	if (added == n)
		return n;
	fetch_later(r, q);
	while (added < n)
		queue_drop_untried(q, attempts[added++]);
	return 0;
}

/* True while more events may come for the batch of the sink's batch-wait. What an answer waits for goes at once, and takes others along. */
static bool waits_for_batch(struct relay *r, struct queue *q)
{
	const struct sink *s = q->sink;
	unsigned enough = s->batch ? s->batch : s->type->batch_max;
	int64_t now = clock_mono_us();

	if (q->batch_at == 0)
		q->batch_at = now + s->batch_wait * 1000;
	if (!s->batch_wait || q->n_ready == 0 || q->n_asked || q->n_ready >= enough || queue_is_full(q) || now >= q->batch_at) {
		q->batch_at = 0;
		return false;
	}
	loop_timer_lower(&r->pass, q->batch_at);
	return true;
}

/* Reads and sends in turn, as long as there is something. */
static void send_queue(struct relay *r, struct queue *q, int64_t now)
{
	size_t sent = 0, n;

	do {
		fetch_queue(r, q, now);
		n = waits_for_batch(r, q) ? 0 : send_batch(r, q, false);
		sent += n;
	} while (n && sent < SEND_PASS);
	if (n)
		loop_timer_lower(&r->pass, 0);
	if (q->next_due > now)
		loop_timer_lower(&r->pass, clock_mono_us() + (q->next_due - now) * 1000);
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
	for (struct queue *q = r->queues; acks_any(r->acks) && q < r->queues + r->n_queues; q++)
		fetch_queue(r, q, now); /* one reading for all that has come, in place of one for each that is asked for */
	asked_look(r);
	for (size_t i = 0; i < r->n_queues; i++) {
		struct queue *q = &r->queues[(r->first + i) % r->n_queues];

		if (!send_is_held(r, q)) /* also while others have something on the way: it would go on without end */
			send_queue(r, q, now);
	}
}

void send_asked(struct relay *r)
{
	asked_look(r);
	for (struct queue *q = r->queues; q < r->queues + r->n_queues; q++)
		while (send_batch(r, q, true))
			;
}
