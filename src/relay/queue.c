/* SPDX-License-Identifier: ISC */
/* A sink's queue: the attempts that were read and wait, those that are on the way, and when the next may go. */
#include "relay/queue.h"

#include "core/clock.h"

enum {
	FAILURES_MAX = 5, /* in a row, before the breaker opens */
	PAUSE_FIRST_MS = 1000,
	PAUSE_MOST_MS = 60 * 1000,
};

void queue_init(struct queue *l, struct relay *r, const struct sink *sink)
{
	*l = (struct queue){.relay = r, .sink = sink, .more = true};
	l->last_ready = &l->ready;
}

static void free_jobs(struct attempt *j)
{
	struct attempt *next;

	for (; j; j = next) {
		next = j->next;
		attempt_free(j);
	}
}

void queue_free(struct queue *l)
{
	free_jobs(l->ready);
	free_jobs(l->taken);
	target_free(&l->target);
}

static bool listed(const struct attempt *j, int64_t relay, int64_t event)
{
	while (j && (j->relay != relay || j->event != event))
		j = j->next;
	return j != NULL;
}

bool queue_has(const struct queue *l, int64_t relay, int64_t event)
{
	return listed(l->taken, relay, event) || listed(l->ready, relay, event);
}

bool queue_is_full(const struct queue *l)
{
	return l->n_ready >= QUEUE_READ / 2 || l->ready_bytes >= QUEUE_READ_BYTES;
}

static void put_taken(struct queue *l, struct attempt *j)
{
	j->next = l->taken;
	l->taken = j;
}

void queue_add_ended(struct queue *l, struct attempt *j)
{
	j->queue = l;
	put_taken(l, j);
}

void queue_add(struct queue *l, struct attempt *j)
{
	j->queue = l;
	j->next = NULL;
	*l->last_ready = j;
	l->last_ready = &j->next;
	l->n_ready++;
	l->ready_bytes += j->body.len;
}

struct attempt *queue_take(struct queue *l, int64_t *wait)
{
	unsigned most = l->failures < FAILURES_MAX ? l->sink->max_in_flight : 1;
	int64_t now = clock_mono_us();
	struct attempt *j = l->ready;

	if (!j || l->n_in_flight >= most)
		return NULL;
	if (l->paused_until > now) {
		clock_lower(wait, (l->paused_until - now) / 1000 + 1);
		return NULL;
	}
	l->held_ms = rate_pass(&l->sink->rate, &l->rate_due, now);
	if (l->held_ms) {
		clock_lower(wait, l->held_ms);
		return NULL;
	}
	l->ready = j->next;
	if (!l->ready)
		l->last_ready = &l->ready;
	l->n_ready--;
	l->ready_bytes -= j->body.len;
	put_taken(l, j);
	l->n_in_flight++;
	return j;
}

int64_t queue_note(struct queue *l, bool failed, int64_t retry_after)
{
	int64_t now = clock_mono_us();
	bool paused = l->paused_until > now;
	int64_t pause = PAUSE_FIRST_MS;

	l->n_in_flight--;
	if (!failed) {
		l->failures = 0;
		return 0;
	}
	/* those that were on the way when the pause began say nothing new */
	if (!paused || l->failures < FAILURES_MAX)
		l->failures++;
	for (unsigned i = FAILURES_MAX; i < l->failures && pause < PAUSE_MOST_MS; i++)
		pause *= 2;
	if (l->failures >= FAILURES_MAX && !paused)
		l->paused_until = now + (pause < PAUSE_MOST_MS ? pause : PAUSE_MOST_MS) * 1000;
	if (now + retry_after * 1000 > l->paused_until)
		l->paused_until = now + retry_after * 1000;
	return !paused && l->paused_until > now ? (l->paused_until - now) / 1000 : 0;
}

void queue_note_unsent(struct queue *l)
{
	l->n_in_flight--;
	rate_give_back(&l->sink->rate, &l->rate_due);
}

void queue_drop(struct queue *l, struct attempt *j)
{
	struct attempt **at = &l->taken;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	attempt_free(j);
}

void queue_drop_untried(struct queue *l, struct attempt *j)
{
	queue_note_unsent(l);
	queue_drop(l, j);
}
