/* SPDX-License-Identifier: ISC */
/* core/template: what templates print, and which are refused. */
#include "unit.h"

#include "core/template.h"

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates),
		cmocka_unit_test(raw_is_the_body),
		cmocka_unit_test(wrong_templates),
	};

	return cmocka_run_group_tests_name("template", tests, NULL, NULL);
}
