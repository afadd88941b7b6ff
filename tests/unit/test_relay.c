/* SPDX-License-Identifier: ISC */
/* What relays are made of: templates print what they should; attempts come when they should. */
#include "unit.h"

#include "sink/type.h"

#include "core/template.h"
#include "relay/schedule.h"

/* message.c itself, with a stored_request() that fails when it is told to. */
#define stored_request request_or_not
#include "relay/message.c"
#undef stored_request

static struct slice text(const char *s)
{
	return s ? (struct slice){s, strlen(s)} : (struct slice){0};
}

static const char body[] =
	"{\"event\":\"message.received\",\"data\":{\"sender\":{\"name\":\"Zo\\u00eb \\\"Z\\\" <b>&\",\"id\":null},"
	"\"body\":\"line 1\\nline 2 \\ud83d\\udc4b\",\"n\":-1.50,\"zero\":0.0e5,\"yes\":true,\"no\":false,\"list\":[\"a\",{\"b\":\"c\"}],\"empty\":\"\","
	"\"twice\":{\"a\":{\"b\":1},\"a\":2,\"c\":[1],\"c\":[2],\"d\":3}}}";

static void templates(void **state)
{
	static const struct {
		enum template_escape escape;
		const char *text, *want;
	} cases[] = {
		{TEMPLATE_PLAIN, "", ""},
		{TEMPLATE_PLAIN, "no values", "no values"},
		{TEMPLATE_PLAIN, "a {{event}} b", "a message.received b"},
		{TEMPLATE_PLAIN, "{{ data.sender.name }}", "Zoë \"Z\" <b>&"},
		{TEMPLATE_JSON, "{\"t\":\"{{data.sender.name}}\"}", "{\"t\":\"Zoë \\\"Z\\\" <b>&\"}"},
		{TEMPLATE_JSON, "{{data.body}}", "line 1\\nline 2 👋"},
		{TEMPLATE_JSON, "{{{data.body}}}", "line 1\nline 2 👋"},
		{TEMPLATE_URL, "text={{data.sender.name}}&x={{{data.n}}}", "text=Zo%C3%AB%20%22Z%22%20%3Cb%3E%26&x=-1.50"},
		{TEMPLATE_PLAIN, "{{data.n}}{{data.yes}}{{data.no}}{{data.zero}}", "-1.50truefalse0.0e5"},
		{TEMPLATE_PLAIN, "[{{data.sender.id}}{{data.none}}{{data.list}}{{data}}{{data.empty}}]", "[]"},
		{TEMPLATE_PLAIN, "{{data.list.0}}{{data.list.1.b}}", "ac"},
		{TEMPLATE_PLAIN, "{{data.none | default \"[x](https://a.b) <@1> *é* \\ 1\" | markdown}}", "\\[x\\]\\(https\\:\\/\\/a\\.b\\) \\<\\@1\\> \\*é\\* \\\\ 1"},
		{TEMPLATE_PLAIN, "{{data.twice.a}}{{data.twice.a.b}}{{#if data.twice.c}}1{{/if}}{{data.twice.d}}", "3"},
		{TEMPLATE_PLAIN, "{{data.none | default \"nobody\"}}, {{data.n|default \"x\"}}", "nobody, -1.50"},
		{TEMPLATE_JSON, "{{data.none | default \"a\tb\"}}", "a\\u0009b"},
		{TEMPLATE_PLAIN, "{{data.body | truncate 8}}|{{data.body | truncate 15}}|{{data.body | truncate 1}}",
			"line 1\n…|line 1\nline 2 👋|…"},
		{TEMPLATE_PLAIN, "{{data.sender.name | truncate 4}}", "Zoë…"},
		{TEMPLATE_PLAIN, "{{data.sender.name | html}}", "Zoë &quot;Z&quot; &lt;b&gt;&amp;"},
		{TEMPLATE_JSON, "{{data.sender.name | mrkdwn}}", "Zoë \\\"Z\\\" &lt;b&gt;&amp;"},
		{TEMPLATE_PLAIN, "{{data.sender.name | html | truncate 100 | html | truncate 14}}", "Zoë &amp;quot…"},
		{TEMPLATE_PLAIN, "{{data.none | default \"<\" | html}}", "&lt;"},
		{TEMPLATE_PLAIN, "{{data.sender.name | header}}|{{event | header}}", "=?UTF-8?B?Wm/DqyAiWiIgPGI+Jg==?=|message.received"},
		{TEMPLATE_PLAIN, "{{data.body | header}}", "=?UTF-8?B?bGluZSAxIGxpbmUgMiDwn5GL?="},
		{TEMPLATE_PLAIN, "{{data.none | default \"a\nBcc: b\" | header}}", "a Bcc: b"},
		{TEMPLATE_PLAIN, "{{data.none | default \"x=\" | header}}{{data.none | default \"=?x\" | header}}", "x==?UTF-8?B?PT94?="},
		{TEMPLATE_PLAIN, "{{data.none | default \"123456789012345678901234567890123456789012345\xC3\xA9 a\" | header}}",
			"=?UTF-8?B?MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1?=\n =?UTF-8?B?w6kgYQ==?="},
		{TEMPLATE_PLAIN, "{{data.none | default \"12345678901234567890123456789012345678901234\xC3\xA9 a\" | header}}",
			"=?UTF-8?B?MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ=?=\n =?UTF-8?B?w6kgYQ==?="},
		{TEMPLATE_PLAIN, "{{#if data.body}}yes{{/if}}{{#if data.none}}no{{/if}}", "yes"},
		{TEMPLATE_PLAIN, "{{#if data.yes}}1{{else}}2{{/if}}{{#if data.no}}3{{else}}4{{/if}}", "14"},
		{TEMPLATE_PLAIN, "{{#if data.zero}}1{{else}}2{{/if}}{{#if data.n}}3{{/if}}{{#if data.empty}}4{{/if}}", "23"},
		{TEMPLATE_PLAIN, "{{#if data.list}}1{{/if}}{{#if data.list.1}}2{{/if}}{{#if data.sender}}3{{/if}}{{#if data.sender.name.x}}4{{/if}}", "123"},
		{TEMPLATE_PLAIN, "{{#if data.yes}}a{{#if data.no}}b{{else}}c{{/if}}d{{else}}e{{/if}}f", "acdf"},
		{TEMPLATE_PLAIN, "{{#if data.no}}a{{#if data.yes}}b{{else}}c{{/if}}d{{else}}e{{/if}}f", "ef"},
		{TEMPLATE_PLAIN, "{{hookspool.id}} {{hookspool.text}}{{#if hookspool.account}}x{{/if}}", "42 "},
		{TEMPLATE_PLAIN, "{ } }} { {", "{ } }} { {"},
	};
	struct template_values values = {.body = text(body), .known = {[TEMPLATE_ID] = text("42")}};
	char why[200];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct template *t = template_new(cases[i].text, cases[i].escape, why, sizeof why);
		struct buf out = {0};

		if (!t)
			fail_msg("%s: %s", cases[i].text, why);
		assert_true(template_print(t, &values, &out));
		assert_string_equal(buf_str(&out), cases[i].want);
		buf_free(&out);
		template_free(t);
	}
}

static void raw_is_the_body(void **state)
{
	static const char odd[] = "\xff not \"JSON\"\n";
	struct template_values values = {.body = text(odd)};
	struct template *raw = template_new("{{{raw}}}", TEMPLATE_JSON, NULL, 0);
	struct template *escaped = template_new("{\"body\":\"{{raw}}\",\"x\":\"{{event}}\"}", TEMPLATE_JSON, NULL, 0);
	struct buf out = {0};

	(void)state;
	assert_true(template_print(raw, &values, &out));
	assert_string_equal(buf_str(&out), odd);
	out.len = 0;
	assert_true(template_print(escaped, &values, &out));
	assert_string_equal(buf_str(&out), "{\"body\":\"\xEF\xBF\xBD not \\\"JSON\\\"\\n\",\"x\":\"\"}");
	buf_free(&out);
	template_free(raw);
	template_free(escaped);
}

static void wrong_templates(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"{{", "line 1, column 3: the name of a value is missing"}, {"{{}}", "column 3: the name"},
		{"a\nb {{x", "line 2, column 6: }} is missing"}, {"{{x}", "}} is missing"}, {"{{{x}}", "}}} is missing"},
		{"{{x y}}", "}} is missing"}, {"{{a..b}}", "no path"}, {"{{.a}}", "no path"}, {"{{a.!b}}", "no path"},
		{"{{hookspool.nothing}}", "no such hookspool. value"}, {"{{x | upper}}", "no such filter"}, {"{{x | }}", "no such filter"},
		{"{{x | default}}", "default needs a text"}, {"{{x | default \"a}}", "no second quote"}, {"{{x | truncate}}", "truncate needs"},
		{"{{x | truncate 0}}", "truncate needs"}, {"{{x | truncate -1}}", "truncate needs"}, {"{{x | truncate 9999999999}}", "truncate needs"},
		{"{{x|html|html|html|html|html}}", "more than 4 filters"}, {"{{#if x}}", "{{/if}} is missing"}, {"{{/if}}", "without {{#if"},
		{"{{else}}", "without {{#if"}, {"{{#if x}}{{else}}{{else}}{{/if}}", "a second {{else}}"}, {"{{#if}}", "name of a value"},
		{"{{#if x | html}}{{/if}}", "}} is missing"},
		{"{{^x}}a{{/x}}", "no such tag"}, {"{{#x}}a{{/x}}", "no such tag"}, {"{{#each x}}a{{/each}}", "no such tag"}, {"a{{/x}}", "no such tag"},
		{"{{! x}}", "no such tag"}, {"{{> x}}", "no such tag"}, {"{{&x}}", "no such tag"}, {"{{#if ^x}}a{{/if}}", "no such tag"},
	};
	struct buf deep = {0}, many = {0};
	char why[200];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct template *t = template_new(cases[i].text, TEMPLATE_JSON, why, sizeof why);

		if (t || !strstr(why, cases[i].why))
			fail_msg("%s: %s", cases[i].text, t ? "taken" : why);
	}
	for (int i = 0; i < 17; i++)
		buf_printf(&deep, "{{#if x}}");
	assert_null(template_new(buf_str(&deep), TEMPLATE_JSON, why, sizeof why));
	assert_non_null(strstr(why, "deeper than 16"));
	for (int i = 0; i < 41; i++)
		buf_printf(&many, "{{x%d}}{{x0}}", i);
	assert_null(template_new(buf_str(&many), TEMPLATE_JSON, why, sizeof why));
	assert_non_null(strstr(why, "more than 40"));
	buf_free(&deep);
	buf_free(&many);
}

/* Doubles up to the most, at random below that and never at once; ends in time; and the same seed gives the same. */
static void schedules(void **state)
{
	const struct retry r = {.first = 10000, .most = 3600000, .within = 3 * INT64_C(86400000)};
	int64_t limit = r.first, sum = 0, now = 1000000000000;

	(void)state;
	for (int attempt = 1; attempt <= 20; attempt++) {
		for (uint64_t seed = 0; seed < 200; seed++) {
			int64_t delay = schedule_next(&r, attempt, now, now, seed) - now;

			assert_true(delay >= limit / 10 && delay <= limit);
			assert_int_equal(delay, schedule_next(&r, attempt, now, now, seed) - now);
			sum += attempt == 1 ? delay : 0;
		}
		limit = limit * 2 < r.most ? limit * 2 : r.most;
	}
	assert_in_range(sum / 200, 5000, 6000); /* the middle of 1 s and 10 s */
	assert_int_equal(schedule_next(&r, 5, now - r.within, now, 1), 0);
	assert_int_not_equal(schedule_next(&r, 1, now - r.within + r.first, now, 1), 0);
	assert_int_not_equal(schedule_next(&(struct retry){1, 1, 100}, INT32_MAX, now, now, 1), 0);
	assert_in_range(schedule_next(&(struct retry){5000, 1000, 10000}, 3, now, now, 1), now + 100, now + 1000);
}

static void the_time_counts_from_the_first_attempt(void **state)
{
	static const struct {
		struct schedule_times t; /* attempt, since, due, started, now */
		struct schedule_gap gap;
		int64_t want;
	} cases[] = {
		{{1, 100, 100, 900, 910}, {0}, 900},           /* whenever it was stored */
		{{2, 100, 200, 210, 220}, {0}, 100},
		{{2, 100, 200, 900, 910}, {150, 900}, 800},    /* no relay ran since before it was due: it counts 100 so far, and 10 */
		{{2, 100, 200, 900, 910}, {500, 900}, 500},    /* it waited for 300 while a relay ran */
		{{2, 100, 200, 900, 910}, {50, 150}, 100},     /* the gap was before it waited */
		{{2, 100, 200, 900, 910}, {880, 2000}, 100},   /* a gap that isn't over is none */
		{{1, 100, 100, 900, 5900}, {910, 5900}, 5890}, /* the clock was set during the attempt */
		{{2, 9000, 9000, 200, 210}, {0}, 200},         /* the clock was ahead when it was stored, */
		{{1, 100, 100, 900, 210}, {210, 210}, 210},    /* or goes back during the attempt */
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (schedule_since(&cases[i].t, &cases[i].gap) != cases[i].want)
			fail_msg("case %zu: %lld", i, (long long)schedule_since(&cases[i].t, &cases[i].gap));
}

static bool memory_is_short;

bool stored_request(struct slice headers, struct slice body_of_it, struct stored *out);

bool request_or_not(struct slice headers, struct slice body_of_it, struct stored *out)
{
	return !memory_is_short && stored_request(headers, body_of_it, out);
}

/* The type is in the kept headers: where they can't be read, no other type is sent, and the attempt is made again. */
static void no_message_without_its_type(void **state)
{
	const struct sink sink = {.type = sink_type_find("http")};
	const struct spool_relay_row row = {.event = {.endpoint = text("/e"), .headers = text("Content-Type: application/json\n"), .body = text("{}")}};
	struct attempt *a = attempt_new(&row, "test");

	(void)state;
	assert_true(message_make(a, &sink, NULL, NULL, 0));
	assert_string_equal(a->message.type, "application/json");
	assert_int_equal(a->message.body.n, 2);
	memory_is_short = true;
	assert_false(message_make(a, &sink, NULL, NULL, 0));
	memory_is_short = false;
	attempt_free(a);
}

/* An event's text is in its body, in "text" of the endpoint's scheme; what was stored with the event counts more. */
static void stored_text_is_sent_without_a_look_at_the_body(void **state)
{
	static const char stored[] = "stored", other[] = "{\"event\":\"message.received\",\"data\":{\"body\":\"in the body\"}}";
	const struct spool_row known[] = {{.text = text(stored), .text_known = true}, {.text_known = true}, {0}};
	static const char *const want[] = {stored, NULL, "in the body"};
	struct conf conf = {0};
	struct event ev = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(known); i++) {
		struct spool_relay_row row = {.event = known[i]};
		struct attempt *a;

		row.event.endpoint = text("/e");
		row.event.headers = text("Content-Type: application/json\n");
		row.event.body = text(other);
		a = attempt_new(&row, "test");
		assert_true(attempt_read_text(a, &conf, &ev));
		assert_int_equal(a->values.known[TEMPLATE_TEXT].p != NULL, want[i] != NULL);
		assert_int_equal(a->values.known[TEMPLATE_TEXT].n, want[i] ? strlen(want[i]) : 0);
		assert_memory_equal(a->values.known[TEMPLATE_TEXT].p ? a->values.known[TEMPLATE_TEXT].p : "", want[i] ? want[i] : "",
			want[i] ? strlen(want[i]) : 0);
		attempt_free(a);
	}
	event_free(&ev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates),
		cmocka_unit_test(raw_is_the_body),
		cmocka_unit_test(wrong_templates),
		cmocka_unit_test(schedules),
		cmocka_unit_test(the_time_counts_from_the_first_attempt),
		cmocka_unit_test(no_message_without_its_type),
		cmocka_unit_test(stored_text_is_sent_without_a_look_at_the_body),
	};

	return cmocka_run_group_tests_name("relay", tests, NULL, NULL);
}
