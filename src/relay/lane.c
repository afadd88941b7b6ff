/* A sink's lane: the relays that were read and wait, those that are on the way, and when the next may go. */
#include "relay/lane.h"

#include <stdlib.h>

enum {
	FAILURES_MAX = 5, /* in a row, before the breaker opens */
	PAUSE_FIRST_MS = 1000,
	PAUSE_MOST_MS = 60 * 1000,
};

void lane_init(struct lane *l, const struct sink *sink)
{
	*l = (struct lane){.sink = sink, .more = true};
	l->last_ready = &l->ready;
}

static void free_job(struct job *j)
{
	buf_free(&j->endpoint);
	buf_free(&j->headers);
	buf_free(&j->body);
	buf_free(&j->message);
	buf_free(&j->known);
	free(j);
}

static void free_jobs(struct job *j)
{
	struct job *next;

	for (; j; j = next) {
		next = j->next;
		free_job(j);
	}
}

void lane_free(struct lane *l)
{
	free_jobs(l->ready);
	free_jobs(l->flying);
	target_free(&l->target);
}

static bool listed(const struct job *j, int64_t relay)
{
	while (j && j->relay != relay)
		j = j->next;
	return j != NULL;
}

bool lane_has(const struct lane *l, int64_t relay)
{
	return listed(l->flying, relay) || listed(l->ready, relay);
}

void lane_add(struct lane *l, struct job *j)
{
	j->lane = l;
	j->next = NULL;
	*l->last_ready = j;
	l->last_ready = &j->next;
	l->n_ready++;
}

static void lower(int64_t *wait, int64_t ms)
{
	if (ms < *wait)
		*wait = ms > 0 ? ms : 0;
}

/* The rate's place for one attempt; false with *wait lowered when there is none yet. */
static bool take_rate(struct lane *l, int64_t now, int64_t *wait)
{
	const struct rate *r = &l->sink->rate;
	int64_t each, early;

	if (!r->n)
		return true;
	each = r->per / r->n > 0 ? r->per / r->n : 1;
	early = (r->burst - 1) * each;
	if (l->full_at - early > now) {
		lower(wait, l->full_at - early - now);
		return false;
	}
	l->full_at = (l->full_at > now ? l->full_at : now) + each;
	return true;
}

struct job *lane_take(struct lane *l, int64_t now, int64_t *wait)
{
	unsigned most = l->failures < FAILURES_MAX ? l->sink->max_in_flight : 1;
	struct job *j = l->ready;

	if (!j || l->n_flying >= most)
		return NULL;
	if (l->paused_until > now) {
		lower(wait, l->paused_until - now);
		return NULL;
	}
	if (!take_rate(l, now, wait))
		return NULL;
	l->ready = j->next;
	if (!l->ready)
		l->last_ready = &l->ready;
	l->n_ready--;
	j->next = l->flying;
	l->flying = j;
	l->n_flying++;
	return j;
}

void lane_note(struct lane *l, bool failed, int64_t retry_after, int64_t now)
{
	int64_t pause = PAUSE_FIRST_MS;

	l->n_flying--;
	l->failures = failed ? l->failures + 1 : 0;
	for (unsigned i = FAILURES_MAX; i < l->failures && pause < PAUSE_MOST_MS; i++)
		pause *= 2;
	if (l->failures >= FAILURES_MAX)
		l->paused_until = now + (pause < PAUSE_MOST_MS ? pause : PAUSE_MOST_MS);
	if (failed && now + retry_after > l->paused_until)
		l->paused_until = now + retry_after;
}

void lane_drop(struct lane *l, struct job *j)
{
	struct job **at = &l->flying;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	free_job(j);
}
