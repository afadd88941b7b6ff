/* SPDX-License-Identifier: ISC */
/*
 * What receivers wait for (acks.h): each such delivery is read from the spool by its key, and sent before all others of its sink.
 *
 *   in the spool            what the relay does                                   what the receiver is told
 *   -, read already         as the next line, without a look into the spool       its result
 *   pending, and read       moves it before the others; nothing if it is sent     its result, when it is recorded
 *   pending, not read       reads it, and puts it before the others               its result
 *   ...256 such are read    puts it off until half of them are sent, or its turn  its result
 *   the sink keeps order    reads the queue anew: it comes in its turn            its result
 *   the sink is unknown     nothing                                               unknown
 *   delivered, dead         nothing                                               delivered, refused
 *   gone                    nothing: the sink did not want it, or it was purged   delivered
 *   another machine has it  looks again, soon                                     its result
 *
 * A delivery that waits for its next attempt is tried at once: its sender has come again. A queue that pauses sends it after that.
 */
#include <string.h>

#include "core/clock.h"
#include "relay/state.h"

enum {
	LOOK_MOST = SPOOL_ACK_MOST, /* deliveries in one pass */
	FIRST_MS = 1000,            /* no sender has come again so soon */
	ELSEWHERE_US = 50 * 1000,   /* until another machine's relay is looked at again */
};

/* Has the queue read from the beginning, in the order that its sink needs: the delivery comes in its turn. */
static void look_in_order(struct queue *q)
{
	q->more = true;
	q->cursor = (struct spool_relay_cursor){0, 0};
	q->read_at = 0;
}

/* Its first attempt failed before the receiver asked for it. It is tried again at its time, as the sink would get each event twice. */
static bool has_just_failed(const struct spool_relay_row *row)
{
	int64_t now = clock_now();

	return row->attempts == 1 && row->due > now && now - row->since >= 0 && now - row->since < FIRST_MS;
}

static void put_off(struct relay *r, struct queue *q, const struct spool_relay_row *row)
{
	acks_put_off(r->acks, (struct spool_ack_key){row->id, row->event.id}, q);
	q->put_off = true;
}

/* False where the event cannot be judged now. */
static bool take_pending(struct relay *r, struct queue *q, const struct spool_relay_row *row)
{
	if (has_just_failed(row)) {
		return true;
	} else if (q->sink->ordered || (row->judge && q->sink->first_message)) {
		look_in_order(q);
	} else if (r->n_results >= RECORD_MOST) {
		return false;
	} else if (queue_is_full_of_asked(q)) {
		put_off(r, q, row);
	} else {
		return fetch_first(r, q, row);
	}
	return true;
}

/* False: it was not read. What was is not looked for in the spool. */
static bool hurry_read(struct relay *r, struct spool_ack_key key)
{
	bool found = false, ended = false;

	for (struct queue *q = r->queues; !found && q < r->queues + r->n_queues; q++)
		found = queue_hurry(q, key.relay, key.event, &ended);
	if (ended && !r->unwritten_since)
		r->record_at = 0; /* its result waits for others */
	return found;
}

static struct queue *queue_of(struct relay *r, struct slice sink)
{
	for (struct queue *q = r->queues; q < r->queues + r->n_queues; q++)
		if (strlen(q->sink->name) == sink.n && memcmp(q->sink->name, sink.p, sink.n) == 0)
			return q;
	return NULL;
}

/* False: the row is to be read again. */
static bool take_asked(struct relay *r, const struct spool_relay_row *row)
{
	const struct spool_ack_key key = {row->id, row->event.id};
	struct queue *q = queue_of(r, row->sink);

	if (row->elsewhere) {
		acks_put_back(r->acks, key);
		loop_timer_lower(&r->pass, clock_mono_us() + ELSEWHERE_US);
		return true;
	}
	if (row->state == SPOOL_RELAY_PENDING && q)
		return take_pending(r, q, row);
	if (row->state == SPOOL_RELAY_PENDING)
		acks_note(r->acks, key, SPOOL_ACK_UNKNOWN);
	else
		acks_note(r->acks, key, row->state == SPOOL_RELAY_DONE ? SPOOL_ACK_DELIVERED : SPOOL_ACK_REFUSED);
	return true;
}

/* Looks again at deliveries that were put off, where there is room. A queue that pauses has none. */
static void look_again(struct relay *r)
{
	for (struct queue *q = r->queues; q < r->queues + r->n_queues; q++)
		if (q->put_off && q->n_asked < QUEUE_READ / 2 && !queue_is_full_of_asked(q))
			q->put_off = acks_again(r->acks, q, QUEUE_READ / 2);
}

/* The key of the row, or the first of those behind it. */
static size_t find_key(const struct spool_relay_key *keys, size_t n, size_t from, const struct spool_relay_row *row)
{
	while (from < n && (keys[from].relay != row->id || keys[from].event != row->event.id))
		from++;
	return from;
}

static void tell_gone(struct relay *r, const struct spool_ack_key *asked, size_t n)
{
	for (size_t i = 0; i < n; i++)
		acks_note(r->acks, asked[i], SPOOL_ACK_DELIVERED);
}

/* Leaves those out that were read already. Returns the number of the others. */
static size_t leave_out_read(struct relay *r, struct spool_ack_key *asked, size_t n)
{
	size_t left = 0;

	for (size_t i = 0; i < n; i++)
		if (!hurry_read(r, asked[i]))
			asked[left++] = asked[i];
	return left;
}

/*
 * The rows come in the order of the keys. It ends where one cannot be judged now: the rest is read again in a later pass, and until
 * then these deliveries come in their turn, as all others. Returns how many were looked at.
 */
static size_t look_into_spool(struct relay *r, const struct spool_ack_key *asked, size_t n)
{
	struct spool_relay_key keys[LOOK_MOST];
	size_t done = 0, at;
	struct spool_relay_cursor cursor;
	struct spool_relay_row row;
	struct spool_relay_iter *it;
	bool room = true, more, ok;

	for (size_t i = 0; i < n; i++)
		keys[i] = (struct spool_relay_key){asked[i].relay, asked[i].event, false};
	spool_db_snapshot(r->db, true); /* each key would be a transaction of its own */
	r->version = spool_db_version(r->db);
	it = spool_relay_find(r->db, keys, n);
	while (room && spool_relay_next(it, &row)) {
		at = find_key(keys, n, done, &row);
		tell_gone(r, asked + done, at - done);
		room = take_asked(r, &row);
		done = room ? at + 1 : at;
	}
	ok = spool_relay_end(it, &cursor, &more);
	spool_db_snapshot(r->db, false);
	if (!ok || !room)
		return done;
	tell_gone(r, asked + done, n - done);
	return n;
}

/*
 * The ids of another spool name other deliveries: the relay ends, and its connections with it, and the receivers ask the next one.
 */
void asked_look(struct relay *r)
{
	struct spool_ack_key asked[LOOK_MOST];
	size_t taken, n, done;

	look_again(r);
	taken = acks_take(r->acks, asked, LOOK_MOST);
	if (!taken)
		return;
	if (spool_db_moved(r->db)) {
		r->looked_at = 0;
		loop_timer_lower(&r->pass, 0);
		return;
	}
	n = leave_out_read(r, asked, taken);
	done = n ? look_into_spool(r, asked, n) : 0;
	for (size_t i = done; i < n; i++)
		acks_put_back(r->acks, asked[i]);
	acks_send(r->acks);
	if (taken == LOOK_MOST && done == n)
		loop_timer_lower(&r->pass, 0);
}
