/* SPDX-License-Identifier: ISC */
/*
 * Sinks of the type null: they send nothing, and end each attempt as their options say.
 *
 * The smallest driver, so also the example of one. Messages that wait for their end are in a list, in the order that they came:
 * with one delay for all, the first one ends first.
 */
#include "sink/null.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"

/* A message that waits. */
struct waiting {
	struct waiting *next;
	struct sink_message *message;
	int64_t began, ends; /* clock_mono_us() */
	int64_t number;      /* from 1 */
	bool late;           /* the delay is longer than the attempt may take */
};

struct null {
	struct sink_target base;
	struct null_options options;
	sink_done *done;
	struct loop_timer timer; /* the end of the first that waits */
	struct waiting *first, **last;
	int64_t sent; /* messages so far */
};

static enum null_outcome outcome_of(const struct null_options *o, const struct waiting *w)
{
	if (w->late)
		return NULL_DOUBT;
	return o->every && w->number % o->every == 0 ? o->outcome : NULL_DELIVERED;
}

static void report_end(const struct null *t, const struct waiting *w)
{
	static const struct sink_result results[] = {
		[NULL_DELIVERED] = {.verdict = SINK_DELIVERED},
		[NULL_RETRY] = {.verdict = SINK_RETRY, .error = "the null sink fails, as it is told to"},
		[NULL_REFUSED] = {.verdict = SINK_REFUSED, .error = "the null sink refuses, as it is told to"},
		[NULL_DOUBT] = {.verdict = SINK_RETRY, .in_doubt = true, .target_failed = true,
			.error = "the null sink doesn't answer, as it is told to"},
		[NULL_DOWN] = {.verdict = SINK_RETRY, .target_failed = true, .error = "the null sink is down, as it is told to"},
	};
	struct sink_result r = results[outcome_of(&t->options, w)];
	char place[32];

	r.ms = (clock_mono_us() - w->began) / 1000;
	snprintf(place, sizeof place, "message %" PRId64, w->number);
	if (r.verdict == SINK_DELIVERED)
		r.place = place;
	t->done(w->message, &r);
}

static void on_first_end(void *ctx)
{
	struct null *t = ctx;
	int64_t now = clock_mono_us();
	struct waiting *w;

	while ((w = t->first) && w->ends <= now) {
		t->first = w->next;
		if (!t->first)
			t->last = &t->first;
		report_end(t, w);
		free(w);
	}
	if (t->first)
		loop_timer_set(&t->timer, t->first->ends);
}

static struct sink_target *null_open(const struct sink *s, struct loop *l, sink_done *done, char *why, size_t n)
{
	struct null *t = calloc(1, sizeof *t);

	if (!t) {
		snprintf(why, n, "memory is short");
		return NULL;
	}
	if (s->options)
		t->options = *(const struct null_options *)s->options;
	t->done = done;
	t->last = &t->first;
	loop_timer_init(&t->timer, l, on_first_end, t);
	return &t->base;
}

static void hold_message(struct null *t, struct sink_message *m)
{
	struct waiting *w = calloc(1, sizeof *w);

	if (!w) {
		t->done(m, &(struct sink_result){.verdict = SINK_RETRY, .unsent = true, .error = "memory is short"});
		return;
	}
	*w = (struct waiting){.message = m, .began = clock_mono_us(), .number = ++t->sent};
	w->ends = w->began + t->options.delay * 1000;
	w->late = w->ends > m->deadline;
	if (w->late)
		w->ends = m->deadline;
	*t->last = w;
	t->last = &w->next;
}

static void null_send(struct sink_target *base, struct sink_message *batch)
{
	struct null *t = (struct null *)(void *)base;
	struct sink_message *next;

	for (struct sink_message *m = batch; m; m = next) {
		next = m->next;
		hold_message(t, m);
	}
	if (t->first)
		loop_timer_set(&t->timer, t->first->ends);
}

static void null_close(struct sink_target *base)
{
	struct null *t = (struct null *)(void *)base;
	struct waiting *w;

	while ((w = t->first)) {
		t->first = w->next;
		free(w);
	}
	loop_timer_stop(&t->timer);
	free(t);
}

const struct sink_driver null_driver = {
	.type = "null",
	.open = null_open,
	.send = null_send,
	.close = null_close,
};
