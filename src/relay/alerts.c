/* SPDX-License-Identifier: ISC */
/* The alerts of a running relay: looks for trouble every few seconds, and stores the events that tell of it. */
#include "relay/alerts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "relay/state.h"
#include "spool/alert.h"

enum { LOOK_MOST_MS = 10 * 1000, LOOK_LEAST_MS = 200, LOOKS = 4 /* in alert-after */ };

struct alert_item {
	enum alert_kind kind;
	char *subject;
	struct alert_state state;
	bool seen; /* in this look_now */
};

/* ---- the items */

static struct alert_item *find_item(struct alerts *a, enum alert_kind kind, const char *subject)
{
	for (size_t i = 0; i < a->n_items; i++)
		if (a->items[i].kind == kind && strcmp(a->items[i].subject, subject) == 0)
			return &a->items[i];
	return NULL;
}

static bool add_item(struct alerts *a, enum alert_kind kind, const char *subject, struct alert_state state)
{
	struct alert_item *items = realloc(a->items, (a->n_items + 1) * sizeof *items);

	if (!items)
		return false;
	a->items = items;
	items[a->n_items] = (struct alert_item){kind, strdup(subject), state, true};
	if (!items[a->n_items].subject)
		return false;
	a->n_items++;
	return true;
}

static void remove_item(struct alerts *a, struct alert_item *item)
{
	free(item->subject);
	*item = a->items[--a->n_items];
}

static void forget_items(struct alerts *a)
{
	while (a->n_items)
		remove_item(a, &a->items[a->n_items - 1]);
}

static bool read_items(struct relay *r)
{
	struct spool_rows *rows = spool_alert_list(r->db);
	struct spool_alert row;
	bool ok = true;

	forget_items(&r->alerts);
	while (ok && spool_alert_next(rows, &row))
		for (int kind = 0; kind < ALERT_KINDS; kind++)
			if (strcmp(row.name, alert_names[kind]) == 0)
				ok = add_item(&r->alerts, (enum alert_kind)kind, row.subject, (struct alert_state){row.since, row.over, row.raised_at});
	return spool_rows_end(rows) && ok;
}

/* ---- telling */

static bool write_told(struct relay *r, const struct alert_sight *s, const struct spool_alert *row, const struct alert_state *before,
	bool resolved, int64_t now)
{
	struct alert_event made;
	struct spool_alert_event event;
	int64_t id = 0;
	bool ok = alert_event_make(&made, s, before, resolved, now);

	event = (struct spool_alert_event){made.name, buf_str(&made.text), {made.body.data, made.body.len}, now, r->conf->alert, r->conf->n_alert};
	ok = ok && spool_alert_write(r->db, row, &event, &id);
	if (ok)
		log_message(resolved ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "%s: %s; event %" PRId64, made.name, event.text, id);
	alert_event_free(&made);
	for (struct queue *q = r->queues; ok && q < r->queues + r->n_queues; q++)
		q->more = true;
	if (ok)
		loop_timer_lower(&r->pass, 0);
	return ok;
}

static bool write_step(struct relay *r, const struct alert_sight *s, enum alert_step step, const struct alert_state *before,
	const struct alert_state *after, int64_t now)
{
	const struct spool_alert row = {alert_names[s->kind], s->subject, after->since, after->over, after->raised_at};
	int64_t id;

	if (step == ALERT_CHANGED)
		return spool_alert_write(r->db, &row, NULL, &id);
	return write_told(r, s, &row, step == ALERT_RAISED ? after : before, step == ALERT_RESOLVED, now);
}

bool alerts_take(struct relay *r, const struct alert_sight *s, int64_t now)
{
	struct alerts *a = &r->alerts;
	struct alert_item *item = find_item(a, s->kind, s->subject);
	struct alert_state before = item ? item->state : (struct alert_state){0}, after = before;
	enum alert_step step = alert_step(&after, s->seen, s->patience, now);

	if (item)
		item->seen = true;
	if (step == ALERT_SAME)
		return true;
	if (!write_step(r, s, step, &before, &after, now))
		return false;
	if (!item) {
		a->read = add_item(a, s->kind, s->subject, after); /* otherwise the next look reads it again */
		return a->read;
	}
	item->state = after;
	if (!after.since && !after.raised_at)
		remove_item(a, item);
	return true;
}

/* What the configuration has no more is over at once. */
static bool end_unseen(struct relay *r, int64_t now)
{
	struct alerts *a = &r->alerts;
	bool ok = true;

	for (size_t i = a->n_items; ok && i-- > 0;) {
		char *subject = a->items[i].seen ? NULL : strdup(a->items[i].subject);

		if (subject)
			ok = alerts_take(r, &(struct alert_sight){.kind = a->items[i].kind, .subject = subject, .seen = ALERT_FINE, .gone = true}, now);
		free(subject);
	}
	return ok;
}

/* ---- looking */

static void look_now(struct relay *r)
{
	struct alerts *a = &r->alerts;
	int64_t now = clock_now();
	bool ok = a->read || read_items(r);

	a->read = ok;
	for (size_t i = 0; i < a->n_items; i++)
		a->items[i].seen = false;
	ok = ok && alert_look(r, now) && end_unseen(r, now);
	if (!ok && !a->failed)
		log_message(LOG_LEVEL_ERROR, "alerts can't be looked for: %s", spool_db_error(r->db));
	a->failed = !ok;
}

static void on_look(void *ctx)
{
	struct relay *r = ctx;

	if (!r->end_at && !r->moved)
		look_now(r);
	loop_timer_set(&r->alerts.timer, clock_mono_us() + 1000 * r->alerts.look_ms);
}

void alerts_start(struct relay *r)
{
	struct alerts *a = &r->alerts;

	if (!r->conf->n_alert)
		return;
	a->look_ms = r->conf->alert_after / LOOKS;
	a->look_ms = a->look_ms < LOOK_LEAST_MS ? LOOK_LEAST_MS : a->look_ms > LOOK_MOST_MS ? LOOK_MOST_MS : a->look_ms;
	loop_timer_init(&a->timer, r->loop, on_look, r);
	look_now(r);
	if (!r->drain)
		loop_timer_set(&a->timer, clock_mono_us() + 1000 * a->look_ms);
}

void alerts_end(struct relay *r)
{
	if (r->drain && r->conf->n_alert)
		look_now(r);
}

void alerts_free(struct alerts *a)
{
	loop_timer_stop(&a->timer);
	forget_items(a);
	free(a->items);
	*a = (struct alerts){0};
}
