/* SPDX-License-Identifier: ISC */
/* Metrics of the relay: deliveries to sinks, attempts, lags, the backlog and pauses. */
#include <stdlib.h>
#include <string.h>

#include "metrics/parts.h"
#include "spool/deliveries.h"
#include "spool/pause.h"

enum {
	COUNTED_NOW = 50 * 1000, /* pending deliveries that one reading of the metrics counts, which takes 5 ms; beyond it the relay's count is taken */
	SAMPLE_MS = 10 * 60 * 1000, /* the relay's count is not older */
};

#define NO_PLACE "(other)" /* the label of sinks that have no place in the file of measurements */

struct relayed {
	char *sink;
	int64_t n[SPOOL_RELAY_DEAD + 1]; /* by state */
	int64_t oldest; /* ms since the epoch; 0: nothing is pending */
	bool paused;
	const struct measure_sink *measured; /* NULL: no attempt was made */
};

struct relayed_sinks {
	struct relayed *item;
	size_t n;
};

static void free_sinks(struct relayed_sinks *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->item[i].sink);
	free(s->item);
}

/* The sink's place, made where it is not there. NULL when memory is short. */
static struct relayed *place_of_sink(struct relayed_sinks *s, const char *sink)
{
	struct relayed *more, new = {.sink = NULL};

	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->item[i].sink, sink) == 0)
			return &s->item[i];
	more = realloc(s->item, (s->n + 1) * sizeof *more);
	if (!more)
		return NULL;
	s->item = more;
	new.sink = strdup(sink);
	if (!new.sink)
		return NULL;
	s->item[s->n] = new;
	return &s->item[s->n++];
}

/* All sinks: those of the configuration, with deliveries, and with attempts. */
static bool read_names(struct metrics *m, struct relayed_sinks *s)
{
	struct spool_rows *rows = spool_deliveries_sinks(m->db);
	struct spool_delivery_count c;
	struct relayed *r;
	bool ok = true;

	for (size_t i = 0; ok && i < m->conf->n_sinks; i++)
		ok = place_of_sink(s, m->conf->sinks[i].name) != NULL;
	while (ok && spool_deliveries_next_count(rows, &c))
		ok = place_of_sink(s, c.sink) != NULL;
	for (unsigned i = 1; ok && m->measured && i < MEASURE_SINKS; i++) {
		const struct measure_sink *measured = &measure_now_of(m->measured)->sinks[i];

		r = *measured->name ? place_of_sink(s, measured->name) : NULL;
		ok = r || !*measured->name;
		if (r)
			r->measured = measured;
	}
	m->e.failed = m->e.failed || !ok;
	return spool_rows_end(rows);
}

/* What the relay counted for the sink when it last did so; 0 where that is too old. */
static int64_t counted_by_relay(const struct metrics *m, const struct measure_backlog *points, size_t n, const struct relayed *r)
{
	size_t place;

	if (!r->measured)
		return 0;
	place = (size_t)(r->measured - measure_now_of(m->measured)->sinks);
	for (size_t i = n; i-- > 0 && points[i].at > m->now - SAMPLE_MS;)
		if (points[i].known)
			return points[i].pending[place];
	return 0;
}

static bool count_backlog(struct metrics *m, struct relayed_sinks *s)
{
	struct measure_backlog *points = m->measured ? calloc(MEASURE_POINTS, sizeof *points) : NULL;
	size_t n = points ? measure_backlog_points(m->measured, MEASURE_HOUR, m->now, points) : 0;
	int64_t left = COUNTED_NOW, more;
	struct spool_pending p;
	bool ok = true;

	for (struct relayed *r = s->item; ok && r < s->item + s->n; r++) {
		ok = spool_deliveries_pending(m->db, r->sink, left, &p);
		left -= p.n;
		more = left > 0 ? 0 : counted_by_relay(m, points, n, r);
		r->n[SPOOL_RELAY_PENDING] = p.n > more ? p.n : more;
		r->oldest = p.since;
	}
	free(points);
	return ok;
}

static bool read_ended(struct metrics *m, struct relayed_sinks *s)
{
	struct spool_rows *rows = spool_deliveries_ended(m->db);
	struct spool_delivery_count c;
	struct relayed *r;

	while (spool_deliveries_next_count(rows, &c)) {
		r = place_of_sink(s, c.sink);
		m->e.failed = m->e.failed || !r;
		if (r && c.state <= SPOOL_RELAY_DEAD)
			r->n[c.state] = c.n;
	}
	return spool_rows_end(rows);
}

static bool mark_paused(struct metrics *m, struct relayed_sinks *s)
{
	struct spool_rows *rows = spool_pause_list(m->db, m->now);
	struct spool_pause p;
	struct relayed *r;

	while (spool_pause_next(rows, &p)) {
		r = place_of_sink(s, p.sink);
		m->e.failed = m->e.failed || !r;
		if (r)
			r->paused = true;
	}
	return spool_rows_end(rows);
}

/* ---- the families */

static void write_states(struct metrics *m, const struct relayed_sinks *s)
{
	const struct relayed *end = s->item + s->n;

	exposition_begin(&m->e, EXPOSITION_GAUGE, "hookspool_relay_deliveries", "Deliveries of stored events to sinks, by state.");
	for (const struct relayed *r = s->item; r < end; r++)
		for (unsigned state = 0; state <= SPOOL_RELAY_DEAD; state++)
			exposition_add(&m->e, EXPOSITION_LABELS({"sink", r->sink}, {"state", spool_deliveries_states[state]}), r->n[state], EXPOSITION_ONE);
	exposition_begin(&m->e, EXPOSITION_GAUGE, "hookspool_relay_oldest_pending_timestamp_seconds",
		"Since when the oldest pending delivery is tried.");
	for (const struct relayed *r = s->item; r < end; r++)
		if (r->oldest)
			exposition_add(&m->e, EXPOSITION_LABELS({"sink", r->sink}), r->oldest, EXPOSITION_MILLI);
	exposition_begin(&m->e, EXPOSITION_GAUGE, "hookspool_relay_paused", "1 while the sink's circuit breaker pauses it.");
	for (const struct relayed *r = s->item; r < end; r++)
		exposition_add(&m->e, EXPOSITION_LABELS({"sink", r->sink}), r->paused, EXPOSITION_ONE);
}

static void write_attempts(struct metrics *m, const struct relayed_sinks *s)
{
	static const struct measure_sink none;
	const struct relayed *end = s->item + s->n;

	exposition_begin(&m->e, EXPOSITION_COUNTER, "hookspool_relay_attempts", "Attempts of the relay by their result.");
	for (const struct relayed *r = s->item; r < end; r++)
		for (unsigned result = 0; result < MEASURE_RESULTS; result++)
			exposition_add(&m->e, EXPOSITION_LABELS({"sink", r->sink}, {"result", measure_results[result]}),
				(int64_t)(r->measured ? r->measured : &none)->results[result], EXPOSITION_ONE);
	exposition_begin(&m->e, EXPOSITION_HISTOGRAM, "hookspool_relay_attempt_duration_seconds", "How long attempts took.");
	for (const struct relayed *r = s->item; r < end; r++)
		parts_histogram(m, EXPOSITION_LABELS({"sink", r->sink}), &(r->measured ? r->measured : &none)->attempts, measure_attempts,
			EXPOSITION_MICRO);
	exposition_begin(&m->e, EXPOSITION_HISTOGRAM, "hookspool_relay_lag_seconds",
		"From when an event was stored or replayed until its sink had it; of one that was retried, from its first attempt.");
	for (const struct relayed *r = s->item; r < end; r++)
		parts_histogram(m, EXPOSITION_LABELS({"sink", r->sink}), &(r->measured ? r->measured : &none)->lags, measure_lags, EXPOSITION_MICRO);
}

bool parts_relaying(struct metrics *m)
{
	struct relayed_sinks s = {0};
	struct relayed *other;
	bool ok = read_names(m, &s) && read_ended(m, &s) && mark_paused(m, &s) && count_backlog(m, &s);

	write_states(m, &s);
	if (m->measured && measure_now_of(m->measured)->sinks[0].attempts.sum && (other = place_of_sink(&s, NO_PLACE)))
		other->measured = &measure_now_of(m->measured)->sinks[0];
	write_attempts(m, &s);
	free_sinks(&s);
	return ok;
}
