/* SPDX-License-Identifier: ISC */
/* metrics/exposition.h: the formats of Prometheus, escaping, exact numbers, and the choice by Accept. */
#include "unit.h"

#include "metrics/exposition.h"

static char *written(enum exposition_format format)
{
	static const uint64_t buckets[] = {1, 0, 2};
	static const int64_t bounds[] = {250, 1000000};
	struct buf out = {0};
	struct exposition e = {.format = format, .out = &out};

	exposition_begin(&e, EXPOSITION_INFO, "x_build", "Its version.");
	exposition_add(&e, EXPOSITION_LABELS({"version", "1.0"}), 1, EXPOSITION_ONE);
	exposition_begin(&e, EXPOSITION_GAUGE, "x_empty", "It has no sample, and so no head.");
	exposition_begin(&e, EXPOSITION_COUNTER, "x_events", "What came.");
	exposition_add(&e, EXPOSITION_LABELS({"endpoint", "/a\"b\\c\nd\xC3\xA4\xFF"}, {"outcome", ""}), 7, EXPOSITION_ONE);
	exposition_add(&e, EXPOSITION_LABELS({"endpoint", "/b"}, {"outcome", "stored"}), INT64_MAX, EXPOSITION_ONE);
	exposition_begin(&e, EXPOSITION_GAUGE, "x_last_seconds", "When.");
	exposition_add(&e, exposition_unlabelled, INT64_C(1790000000120), EXPOSITION_MILLI);
	exposition_add(&e, exposition_unlabelled, -5, EXPOSITION_MILLI);
	exposition_begin(&e, EXPOSITION_HISTOGRAM, "x_duration_seconds", "How long.");
	exposition_add_histogram(&e, exposition_unlabelled, &(struct exposition_histogram){buckets, bounds, 3, 3000100, EXPOSITION_MICRO});
	exposition_add_histogram(&e, EXPOSITION_LABELS({"sink", "s"}), &(struct exposition_histogram){buckets, bounds, 3, 0, EXPOSITION_ONE});
	assert_true(exposition_end(&e));
	assert_true(buf_str(&out) == out.data);
	return out.data;
}

#define SAMPLES_FROM_LAST \
	"x_last_seconds 1790000000.12\n" \
	"x_last_seconds -0.005\n" \
	"# HELP x_duration_seconds How long.\n" \
	"# TYPE x_duration_seconds histogram\n" \
	"x_duration_seconds_bucket{le=\"0.00025\"} 1\n" \
	"x_duration_seconds_bucket{le=\"1.0\"} 1\n" \
	"x_duration_seconds_bucket{le=\"+Inf\"} 3\n" \
	"x_duration_seconds_sum 3.0001\n" \
	"x_duration_seconds_count 3\n" \
	"x_duration_seconds_bucket{sink=\"s\",le=\"250.0\"} 1\n" \
	"x_duration_seconds_bucket{sink=\"s\",le=\"1000000.0\"} 1\n" \
	"x_duration_seconds_bucket{sink=\"s\",le=\"+Inf\"} 3\n" \
	"x_duration_seconds_sum{sink=\"s\"} 0\n" \
	"x_duration_seconds_count{sink=\"s\"} 3\n"

#define EVENTS \
	"x_events_total{endpoint=\"/a\\\"b\\\\c\\nd\xC3\xA4\xEF\xBF\xBD\",outcome=\"\"} 7\n" \
	"x_events_total{endpoint=\"/b\",outcome=\"stored\"} 9223372036854775807\n" \
	"# HELP x_last_seconds When.\n" \
	"# TYPE x_last_seconds gauge\n"

static void text_format(void **state)
{
	char *text = written(EXPOSITION_TEXT);

	(void)state;
	assert_string_equal(text,
		"# HELP x_build_info Its version.\n"
		"# TYPE x_build_info gauge\n"
		"x_build_info{version=\"1.0\"} 1\n"
		"# HELP x_events_total What came.\n"
		"# TYPE x_events_total counter\n"
		EVENTS SAMPLES_FROM_LAST);
	free(text);
}

static void open_metrics(void **state)
{
	char *text = written(EXPOSITION_OPEN);

	(void)state;
	assert_string_equal(text,
		"# HELP x_build Its version.\n"
		"# TYPE x_build info\n"
		"x_build_info{version=\"1.0\"} 1\n"
		"# HELP x_events What came.\n"
		"# TYPE x_events counter\n"
		EVENTS SAMPLES_FROM_LAST
		"# EOF\n");
	free(text);
}

static void format_is_chosen_by_accept(void **state)
{
	static const struct {
		const char *accept;
		enum exposition_format format;
	} cases[] = {
		{NULL, EXPOSITION_TEXT},
		{"", EXPOSITION_TEXT},
		{"*/*", EXPOSITION_TEXT},
		{"text/plain;version=0.0.4", EXPOSITION_TEXT},
		{"application/openmetrics-text", EXPOSITION_OPEN},
		{"application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
			EXPOSITION_OPEN},
		{"text/plain;q=0.9, application/openmetrics-text; q=0.3", EXPOSITION_TEXT},
		{"application/openmetrics-text; q=0", EXPOSITION_TEXT},
		{"application/openmetrics-textual", EXPOSITION_TEXT},
		{"application/openmetrics-text;q=nan, text/plain;q=9", EXPOSITION_TEXT},
		{"Application/OpenMetrics-Text ; Q=1", EXPOSITION_OPEN},
		{",,, ;q=1,", EXPOSITION_TEXT},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (exposition_accepted(cases[i].accept) != cases[i].format)
			fail_msg("%s", cases[i].accept);
	assert_non_null(strstr(exposition_media_type(EXPOSITION_TEXT), "version=0.0.4"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_format),
		cmocka_unit_test(open_metrics),
		cmocka_unit_test(format_is_chosen_by_accept),
	};

	return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
