/* SPDX-License-Identifier: ISC */
/* /chart.json: deliveries, refusals, answer times and backlogs over an hour, a day or a week. */
#include "page/chart.h"

#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "core/utf8.h"
#include "spool/measure.h"

/* The points of one chart. */
struct chart {
	const struct measure_copy *copy; /* NULL: nothing was measured yet */
	enum measure_span span;
	int64_t now;
	size_t n;
	struct measure_traffic traffic[MEASURE_POINTS];
};

static void begin_series(struct json *j, struct slice name)
{
	json_item(j);
	json_text(j, "name", name);
	json_list(j, "values");
}

static void end_series(struct json *j)
{
	json_list_end(j);
	json_item_end(j);
}

static void write_point_times(struct json *j, const int64_t *at, size_t stride, size_t n)
{
	json_list(j, "times");
	for (size_t i = 0; i < n; i++, at = (const int64_t *)(const void *)((const char *)at + stride))
		json_element_number(j, *at / 1000);
	json_list_end(j);
}

/* ---- deliveries by group of outcomes */

static bool group_is_used(const struct chart *c, int group)
{
	for (size_t i = 0; i < c->n; i++)
		if (c->traffic[i].answers[group])
			return true;
	return false;
}

static void write_groups(const struct chart *c, struct json *j, int first, int last)
{
	for (int group = first; group <= last; group++) {
		if (!group_is_used(c, group))
			continue;
		begin_series(j, slice_text(measure_groups[group]));
		for (size_t i = 0; i < c->n; i++)
			json_element_number(j, (int64_t)c->traffic[i].answers[group]);
		end_series(j);
	}
}

static void write_rate(const struct chart *c, struct json *j)
{
	write_groups(c, j, MEASURE_STORED, MEASURE_FAILED);
}

static void write_refused_groups(const struct chart *c, struct json *j)
{
	write_groups(c, j, MEASURE_REFUSED, MEASURE_FAILED);
}

/* ---- answer times */

/* The time below which that part of the answers is, in ms: within a bucket, in proportion. -1: there was no answer. */
static double quantile(const struct measure_traffic *t, double part)
{
	double sum = 0, below = 0, low, high;

	for (int i = 0; i < MEASURE_BUCKETS; i++)
		sum += (double)t->durations[i];
	if (sum == 0)
		return -1;
	for (int i = 0; i < MEASURE_BUCKETS - 1; i++) {
		low = i ? (double)measure_durations[i - 1] : 0;
		high = (double)measure_durations[i];
		if (t->durations[i] && below + (double)t->durations[i] >= part * sum)
			return (low + (high - low) * (part * sum - below) / (double)t->durations[i]) / 1000;
		below += (double)t->durations[i];
	}
	return (double)measure_durations[MEASURE_BUCKETS - 2] / 1000; /* or more */
}

static void write_latency(const struct chart *c, struct json *j)
{
	static const struct {
		const char *name;
		double part;
	} parts[] = {{"median", 0.5}, {"95 %", 0.95}, {"99 %", 0.99}};

	for (size_t k = 0; k < sizeof parts / sizeof *parts; k++) {
		begin_series(j, slice_text(parts[k].name));
		for (size_t i = 0; i < c->n; i++) {
			double ms = quantile(&c->traffic[i], parts[k].part);

			ms < 0 ? json_element_null(j) : json_element_decimal(j, ms);
		}
		end_series(j);
	}
}

/* ---- backlog: its points have other times */

static bool sink_is_used(const struct measure_backlog *points, size_t n, size_t sink)
{
	for (size_t i = 0; i < n; i++)
		if (points[i].known && points[i].pending[sink])
			return true;
	return false;
}

static void write_backlog(const struct chart *c, struct json *j)
{
	static _Thread_local struct measure_backlog points[MEASURE_POINTS];
	size_t n = c->copy ? measure_backlog_points(c->copy, c->span, c->now, points) : 0;
	const struct measure_now *now = c->copy ? measure_now_of(c->copy) : NULL;

	write_point_times(j, &points[0].at, sizeof points[0], n);
	json_list(j, "series");
	for (size_t sink = 0; now && sink < MEASURE_SINKS; sink++) {
		if (!sink_is_used(points, n, sink))
			continue;
		begin_series(j, *now->sinks[sink].name ? slice_text(now->sinks[sink].name) : slice_text("others"));
		for (size_t i = 0; i < n; i++)
			points[i].known ? json_element_number(j, points[i].pending[sink]) : json_element_null(j);
		end_series(j);
	}
	json_list_end(j);
}

/* ---- all of them */

static const struct {
	const char *name;
	void (*write)(const struct chart *c, struct json *j); /* NULL: the backlog */
} kinds_of_chart[] = {{"rate", write_rate}, {"outcomes", write_refused_groups}, {"latency", write_latency}, {"backlog", NULL}};

static const char *const spans[MEASURE_SPANS] = {[MEASURE_HOUR] = "hour", [MEASURE_DAY] = "day", [MEASURE_WEEK] = "week"};

static bool is_parameter(const struct page_call *c, const char *name, const char *value)
{
	struct slice given = page_parameter(c, name);

	return given.n == strlen(value) && memcmp(given.p, value, given.n) == 0;
}

static void write_chart(const struct chart *chart, struct json *j, void (*write)(const struct chart *, struct json *))
{
	json_number(j, "step", measure_step(chart->span) / 1000);
	if (!write) {
		write_backlog(chart, j);
		return;
	}
	write_point_times(j, &chart->traffic[0].at, sizeof chart->traffic[0], chart->n);
	json_list(j, "series");
	write(chart, j);
	json_list_end(j);
}

void chart_answer(struct page_call *c)
{
	static _Thread_local struct chart chart;
	struct measure_copy *copy;
	size_t kind = 0, span = 0;
	struct json j;

	while (kind < sizeof kinds_of_chart / sizeof *kinds_of_chart && !is_parameter(c, "of", kinds_of_chart[kind].name))
		kind++;
	while (span < MEASURE_SPANS && !is_parameter(c, "span", spans[span]))
		span++;
	if (kind == sizeof kinds_of_chart / sizeof *kinds_of_chart || span == MEASURE_SPANS) {
		page_error(c, 400, "of is rate, outcomes, latency or backlog, and span is hour, day or week");
		return;
	}
	copy = measure_read(c->conf->dir);
	chart = (struct chart){.copy = copy, .span = (enum measure_span)span, .now = clock_now()};
	if (copy)
		chart.n = measure_traffic_points(copy, chart.span, chart.now, chart.traffic);
	json_begin(&j);
	json_string(&j, "of", kinds_of_chart[kind].name);
	json_string(&j, "span", spans[span]);
	write_chart(&chart, &j, kinds_of_chart[kind].write);
	page_answer_json(c, &j);
	measure_free(copy);
}
