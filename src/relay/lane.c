/* SPDX-License-Identifier: ISC */
/* A sink's lane: the jobs that were read and wait, those that are on the way, and when the next may go. */
#include "relay/lane.h"

#include "core/clock.h"

enum {
	FAILURES_MAX = 5, /* in a row, before the breaker opens */
	PAUSE_FIRST_MS = 1000,
	PAUSE_MOST_MS = 60 * 1000,
};

void lane_init(struct lane *l, struct relay *r, const struct sink *sink)
{
	*l = (struct lane){.relay = r, .sink = sink, .more = true};
	l->last_ready = &l->ready;
}

static void free_jobs(struct job *j)
{
	struct job *next;

	for (; j; j = next) {
		next = j->next;
		job_free(j);
	}
}

void lane_free(struct lane *l)
{
	free_jobs(l->ready);
	free_jobs(l->taken);
	target_free(&l->target);
}

static bool listed(const struct job *j, int64_t relay, int64_t event)
{
	while (j && (j->relay != relay || j->event != event))
		j = j->next;
	return j != NULL;
}

bool lane_has(const struct lane *l, int64_t relay, int64_t event)
{
	return listed(l->taken, relay, event) || listed(l->ready, relay, event);
}

bool lane_is_full(const struct lane *l)
{
	return l->n_ready >= LANE_READ / 2 || l->ready_bytes >= LANE_READ_BYTES;
}

static void put_taken(struct lane *l, struct job *j)
{
	j->next = l->taken;
	l->taken = j;
}

void lane_add_ended(struct lane *l, struct job *j)
{
	j->lane = l;
	put_taken(l, j);
}

void lane_add(struct lane *l, struct job *j)
{
	j->lane = l;
	j->next = NULL;
	*l->last_ready = j;
	l->last_ready = &j->next;
	l->n_ready++;
	l->ready_bytes += j->body.len;
}

struct job *lane_take(struct lane *l, int64_t *wait)
{
	unsigned most = l->failures < FAILURES_MAX ? l->sink->max_in_flight : 1;
	int64_t now = clock_mono_us();
	struct job *j = l->ready;

	if (!j || l->n_flying >= most)
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
	l->n_flying++;
	return j;
}

int64_t lane_note(struct lane *l, bool failed, int64_t retry_after)
{
	int64_t now = clock_mono_us();
	bool paused = l->paused_until > now;
	int64_t pause = PAUSE_FIRST_MS;

	l->n_flying--;
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

void lane_note_unsent(struct lane *l)
{
	l->n_flying--;
	rate_give_back(&l->sink->rate, &l->rate_due);
}

void lane_drop(struct lane *l, struct job *j)
{
	struct job **at = &l->taken;

	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	job_free(j);
}

void lane_drop_untried(struct lane *l, struct job *j)
{
	lane_note_unsent(l);
	lane_drop(l, j);
}
