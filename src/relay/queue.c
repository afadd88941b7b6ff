/* SPDX-License-Identifier: ISC */
/* A sink's queue: the attempts that were read from the spool and wait, those that were taken, and when the next may go. */
#include "relay/queue.h"

#include "core/clock.h"

enum {
	FAILURES_MAX = 5, /* in a row, before the breaker opens */
	PAUSE_FIRST_MS = 1000,
	PAUSE_MOST_MS = 60 * 1000,
};

void queue_init(struct queue *q, struct relay *r, const struct sink *sink, struct loop_timer *pass)
{
	*q = (struct queue){.relay = r, .sink = sink, .pass = pass, .more = true};
	q->last_ready = &q->ready;
}

static void free_list(struct attempt *a)
{
	struct attempt *next;

	for (; a; a = next) {
		next = a->next;
		attempt_free(a);
	}
}

void queue_free(struct queue *q)
{
	free_list(q->ready);
	free_list(q->taken);
}

/* ---- the table of all attempts. Relays have consecutive numbers */

static size_t bucket_of(int64_t relay)
{
	return (uint64_t)relay & (QUEUE_BUCKETS - 1);
}

static void know_attempt(struct queue *q, struct attempt *a)
{
	struct attempt **bucket = &q->known[bucket_of(a->relay)];

	a->queue = q;
	a->next_known = *bucket;
	*bucket = a;
}

static void forget_attempt(struct queue *q, struct attempt *a)
{
	struct attempt **at = &q->known[bucket_of(a->relay)];

	while (*at != a)
		at = &(*at)->next_known;
	*at = a->next_known;
}

static struct attempt *find_attempt(const struct queue *q, int64_t relay, int64_t event)
{
	struct attempt *a = q->known[bucket_of(relay)];

	while (a && (a->relay != relay || a->event.id != event))
		a = a->next_known;
	return a;
}

bool queue_has(const struct queue *q, int64_t relay, int64_t event)
{
	return find_attempt(q, relay, event) != NULL;
}

bool queue_knows(const void *ctx, int64_t relay)
{
	const struct queue *q = ctx;
	const struct attempt *a = q->known[bucket_of(relay)];

	while (a && a->relay != relay)
		a = a->next_known;
	return a != NULL;
}

/* ---- the lists */

bool queue_is_full(const struct queue *q)
{
	return q->n_ready >= QUEUE_READ / 2 || q->ready_bytes >= QUEUE_READ_BYTES;
}

static void link_attempt(struct attempt **at, struct attempt *a)
{
	a->at = at;
	a->next = *at;
	if (a->next)
		a->next->at = &a->next;
	*at = a;
}

static void unlink_attempt(struct attempt *a)
{
	*a->at = a->next;
	if (a->next)
		a->next->at = a->at;
}

static void put_taken(struct queue *q, struct attempt *a)
{
	link_attempt(&q->taken, a);
	a->taken = true;
	q->taken_bytes += a->event.body.n;
}

void queue_add_ended(struct queue *q, struct attempt *a)
{
	know_attempt(q, a);
	put_taken(q, a);
}

static void put_ready(struct queue *q, struct attempt **at, struct attempt *a)
{
	link_attempt(at, a);
	if (!a->next)
		q->last_ready = &a->next;
	q->n_ready++;
	q->ready_bytes += a->event.body.n;
}

void queue_add(struct queue *q, struct attempt *a)
{
	know_attempt(q, a);
	put_ready(q, q->last_ready, a);
}

static void remove_ready(struct queue *q, struct attempt *a)
{
	if (!a->next)
		q->last_ready = a->at;
	unlink_attempt(a);
	q->n_ready--;
	q->ready_bytes -= a->event.body.n;
	if (a->asked) {
		q->n_asked--;
		q->asked_bytes -= a->event.body.n;
	}
}

static void put_first(struct queue *q, struct attempt *a)
{
	struct attempt **at = &q->ready;

	while (*at && (*at)->asked)
		at = &(*at)->next;
	a->asked = true;
	put_ready(q, at, a);
	q->n_asked++;
	q->asked_bytes += a->event.body.n;
}

void queue_add_first(struct queue *q, struct attempt *a)
{
	know_attempt(q, a);
	put_first(q, a);
}

bool queue_hurry(struct queue *q, int64_t relay, int64_t event, bool *ended)
{
	struct attempt *a = find_attempt(q, relay, event);

	*ended = a && a->ended;
	if (!a || a->asked)
		return a != NULL;
	if (a->taken) {
		a->asked = true; /* it is on its way */
		return true;
	}
	remove_ready(q, a);
	put_first(q, a);
	return true;
}

bool queue_is_full_of_asked(const struct queue *q)
{
	return q->n_asked >= QUEUE_READ || q->asked_bytes >= QUEUE_READ_BYTES;
}

/* Bodies bound what is on the way, beside the number of attempts. */
static bool has_room_on_way(const struct queue *q)
{
	unsigned most = q->failures < FAILURES_MAX ? q->sink->max_in_flight : 1;

	return q->n_in_flight < most && (q->n_in_flight < QUEUE_TAKEN_FEW || q->taken_bytes < QUEUE_TAKEN_BYTES);
}

struct attempt *queue_take(struct queue *q)
{
	int64_t now = clock_mono_us();
	struct attempt *a = q->ready;

	if (!a || !has_room_on_way(q))
		return NULL;
	if (q->paused_until > now) {
		loop_timer_lower(q->pass, q->paused_until);
		return NULL;
	}
	q->held_ms = rate_pass(&q->sink->rate, &q->rate_due, now);
	if (q->held_ms) {
		loop_timer_lower(q->pass, now + q->held_ms * 1000);
		return NULL;
	}
	remove_ready(q, a);
	put_taken(q, a);
	q->n_in_flight++;
	return a;
}

int64_t queue_note(struct queue *q, bool failed, int64_t retry_after)
{
	int64_t now = clock_mono_us();
	bool paused = q->paused_until > now;
	int64_t pause = PAUSE_FIRST_MS;

	q->n_in_flight--;
	q->works = !failed;
	if (!failed) {
		q->failures = 0;
		return 0;
	}
	/* those that were on the way when the pause began say nothing new */
	if (!paused || q->failures < FAILURES_MAX)
		q->failures++;
	for (unsigned i = FAILURES_MAX; i < q->failures && pause < PAUSE_MOST_MS; i++)
		pause *= 2;
	if (q->failures >= FAILURES_MAX && !paused)
		q->paused_until = now + (pause < PAUSE_MOST_MS ? pause : PAUSE_MOST_MS) * 1000;
	if (retry_after && now + retry_after * 1000 > q->paused_until)
		q->paused_until = now + retry_after * 1000;
	return !paused && q->paused_until > now ? (q->paused_until - now) / 1000 : 0;
}

void queue_note_unsent(struct queue *q)
{
	q->n_in_flight--;
	rate_give_back(&q->sink->rate, &q->rate_due);
}

void queue_drop(struct queue *q, struct attempt *a)
{
	unlink_attempt(a);
	forget_attempt(q, a);
	q->taken_bytes -= a->event.body.n;
	attempt_free(a);
}

void queue_drop_untried(struct queue *q, struct attempt *a)
{
	queue_note_unsent(q);
	queue_drop(q, a);
}
