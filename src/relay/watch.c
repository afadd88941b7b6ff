/* SPDX-License-Identifier: ISC */
/* Changes around a running relay: the clock is set, or the administrator ends the pauses of sinks. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "relay/state.h"
#include "spool/deliveries.h"
#include "spool/measure.h"
#include "spool/pause.h"

enum {
	JUMP_MS = 5000, /* a larger difference between wall clock and monotonic clock means that the wall clock was set */
	COUNTED_MOST = 1000 * 1000, /* pending deliveries that are counted each minute, which takes 0.1 s */
};

/* ---- pauses */

/* Finds out which queues pause by what the spool says. */
static bool find_paused(struct relay *r)
{
	struct spool_rows *rows = spool_pause_list(r->db, 0);
	struct spool_pause pause;

	for (struct queue *q = r->queues; q < r->queues + r->n_queues; q++)
		q->still = false;
	while (spool_pause_next(rows, &pause))
		for (struct queue *q = r->queues; q < r->queues + r->n_queues; q++)
			q->still = q->still || strcmp(q->sink->name, pause.sink) == 0;
	return spool_rows_end(rows);
}

void watch_pauses(struct relay *r)
{
	result_record(r); /* so that the spool has the pauses that just began */
	if (r->results || !find_paused(r))
		return;
	for (struct queue *q = r->queues; q < r->queues + r->n_queues; q++) {
		if (!q->published || q->still)
			continue;
		q->published = false;
		q->paused_until = 0;
	}
}

/* ---- the clock */

static bool begin(struct relay *r, int64_t now, int64_t back, int64_t *last_attempt)
{
	int64_t changed = 0;

	if (!spool_relay_begin(r->db, now, back, last_attempt, &changed))
		return false;
	if (changed)
		log_message(LOG_LEVEL_WARNING, "%" PRId64 " deliver%s due later than any pause lasts, as a clock was wrong: due now",
			changed, changed == 1 ? "y was" : "ies were");
	return true;
}

/* Pauses last by the monotonic clock. Their ends in the spool are wall-clock times, so they are written again. */
static bool note_pauses(struct relay *r, int64_t now)
{
	int64_t left;
	bool ok = true;

	for (struct queue *q = r->queues; ok && q < r->queues + r->n_queues; q++) {
		left = q->published ? q->paused_until - clock_mono_us() : 0;
		if (left > 0)
			ok = spool_pause_note(r->db, q->sink->name, now + left / 1000, (int)q->failures);
	}
	return ok;
}

void watch_clock(struct relay *r, int64_t now)
{
	int64_t ahead = now - clock_mono_us() / 1000, jump = ahead - r->clock_ahead, last;

	if (jump < JUMP_MS && jump > -JUMP_MS)
		return;
	r->clock_ahead = ahead;
	r->gap = (struct schedule_gap){now - (jump > 0 ? jump : 0), now};
	log_message(LOG_LEVEL_WARNING, "the clock was set by %" PRId64 " s", jump / 1000);
	result_record(r); /* their times are from before the clock was set */
	if (!begin(r, now, jump < 0 ? -jump : 0, &last) || !note_pauses(r, now))
		log_message(LOG_LEVEL_ERROR, "%s", spool_db_error(r->db));
}

bool watch_begin(struct relay *r)
{
	r->gap.to = clock_now();
	r->clock_ahead = r->gap.to - clock_mono_us() / 1000;
	return begin(r, r->gap.to, 0, &r->gap.from);
}

/* ---- what is pending */

static bool count_pending(struct relay *r, const char **sinks, int64_t *pending)
{
	int64_t left = COUNTED_MOST;
	struct spool_pending p;

	for (size_t i = 0; i < r->n_queues; i++) {
		if (!spool_deliveries_pending(r->db, r->queues[i].sink->name, left, &p))
			return false;
		sinks[i] = r->queues[i].sink->name;
		pending[i] = p.n;
		left -= p.n;
	}
	return true;
}

void watch_backlog(struct relay *r)
{
	int64_t now = clock_now(), *pending;
	const char **sinks;

	if (!measure_look(r->conf->dir, MEASURE_RELAY) || !measure_backlog_due(now))
		return;
	pending = calloc(r->n_queues + 1, sizeof *pending);
	sinks = calloc(r->n_queues + 1, sizeof *sinks);
	if (pending && sinks && count_pending(r, sinks, pending))
		measure_backlog_note(now, sinks, pending, r->n_queues);
	free(pending);
	free(sinks);
}
