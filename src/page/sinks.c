/* SPDX-License-Identifier: ISC */
/* The state of each sink: what is pending and how old it is, what is dead, its pause. */
#include "page/sinks.h"

#include <stdlib.h>
#include <string.h>

#include "conf/sink_type.h"
#include "core/clock.h"
#include "spool/pause.h"

enum { PENDING_MOST = 100 * 1000 }; /* of one sink that are counted, in some 10 ms */

/* The sink's state, which is made when it is new. NULL: memory is short. */
static struct sink_state *state_of(struct sinks *s, const char *name)
{
	struct sink_state *more;

	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->sink[i].name, name) == 0)
			return &s->sink[i];
	more = realloc(s->sink, (s->n + 1) * sizeof *more);
	if (more) {
		s->sink = more;
		more[s->n] = (struct sink_state){.name = strdup(name)};
	}
	s->no_memory |= !more || !more[s->n].name;
	return s->no_memory ? NULL : &more[s->n++];
}

static bool read_ages(struct sinks *s, struct spool_db *db, int64_t now)
{
	struct spool_rows *rows = spool_deliveries_shape(db, now);
	struct spool_delivery_count count;
	struct sink_state *state;

	while (spool_deliveries_next_count(rows, &count)) {
		state = state_of(s, count.sink);
		if (!state)
			continue;
		state->age[count.age] = count.n;
	}
	return spool_rows_end(rows);
}

/* The sinks of the spool that the configuration has no more. */
static bool read_sink_names(struct sinks *s, struct spool_db *db)
{
	struct spool_rows *rows = spool_deliveries_sinks(db);
	struct spool_delivery_count count;

	while (spool_deliveries_next_count(rows, &count))
		state_of(s, count.sink);
	return spool_rows_end(rows);
}

/* The number of the pending ones, up to a bound, and the time of the oldest. */
static bool read_oldest(struct sinks *s, struct spool_db *db)
{
	struct spool_pending p;
	bool ok = true;

	for (size_t i = 0; ok && i < s->n; i++) {
		ok = spool_deliveries_pending(db, s->sink[i].name, PENDING_MOST, &p);
		if (!ok)
			break;
		s->sink[i].oldest = p.since;
		s->sink[i].pending = p.n;
		s->whole = s->whole && p.n < PENDING_MOST;
	}
	return ok;
}

static bool read_dead(struct sinks *s, struct spool_db *db)
{
	struct spool_rows *rows = spool_deliveries_ended(db);
	struct spool_delivery_count count;
	struct sink_state *state;

	while (spool_deliveries_next_count(rows, &count))
		if (count.state == SPOOL_RELAY_DEAD && count.n && (state = state_of(s, count.sink)))
			state->dead = count.n;
	return spool_rows_end(rows);
}

static bool read_pauses(struct sinks *s, struct spool_db *db, int64_t now)
{
	struct spool_rows *rows = spool_pause_list(db, now);
	struct sink_state *state;
	struct spool_pause p;

	while (spool_pause_next(rows, &p)) {
		state = state_of(s, p.sink);
		if (!state)
			continue;
		state->paused_until = p.until;
		state->failures = p.failures;
	}
	return spool_rows_end(rows);
}

bool sinks_read(struct sinks *s, const struct conf *conf, struct spool_db *db, bool ages)
{
	int64_t now = clock_now();
	const struct sink *sink;
	bool ok = true;

	s->whole = true;
	for (size_t i = 0; i < conf->n_sinks; i++)
		state_of(s, conf->sinks[i].name);
	ok = read_pauses(s, db, now) && read_sink_names(s, db) && read_dead(s, db) && read_oldest(s, db) && (!ages || read_ages(s, db, now));
	for (size_t i = 0; i < s->n; i++) {
		sink = conf_sink(conf, s->sink[i].name);
		s->sink[i].type = sink ? sink->type->name : NULL;
	}
	return ok && s->whole && !s->no_memory;
}

void sinks_free(struct sinks *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->sink[i].name);
	free(s->sink);
	*s = (struct sinks){0};
}

static void write_time_or_null(struct json *j, const char *name, int64_t ms)
{
	if (ms)
		json_time(j, name, ms);
	else
		json_text(j, name, (struct slice){0});
}

void sinks_write(struct json *j, const struct sink_state *s, const char *dead)
{
	json_string(j, "name", s->name);
	json_text(j, "type", s->type ? slice_text(s->type) : (struct slice){0});
	json_number(j, "pending", s->pending);
	write_time_or_null(j, "oldest", s->oldest);
	json_number(j, dead, s->dead);
	write_time_or_null(j, "paused_until", s->paused_until);
	json_number(j, "failures", s->failures);
}
