/* SPDX-License-Identifier: ISC */
/* core/condition.c: conditions on the fields of a JSON body. */
#include "unit.h"

#include "core/condition.h"

static enum condition_result check_text(const char *text, const char *body)
{
	struct condition c;
	struct conditions all = {&c, 1};
	enum condition_result result;
	char why[512];

	if (!condition_read(text, &c, why, sizeof why))
		fail_msg("%s: %s", text, why);
	result = conditions_check(&all, slice_text(body));
	condition_clear(&c);
	return result;
}

static void test_values_are_compared_as_text(void **state)
{
	static const struct {
		const char *text, *body;
		bool holds;
	} cases[] = {
		{"json:data.type = x", "{\"data\":{\"type\":\"x\"}}", true},
		{"json:data.type = x", "{\"data\":{\"type\":\"xy\"}}", false},
		{"json:data.type = xy", "{\"data\":{\"type\":\"x\"}}", false},
		{"json:data.type = x", "{\"data\":{\"type\":\"X\"}}", false},
		{"json:data.type = x", "{\"type\":\"x\"}", false},
		{"json:data.type != x", "{\"data\":{\"type\":\"x\"}}", false},
		{"json:data.type != x", "{\"data\":{\"type\":\"y\"}}", true},
		{"json:n = 10", "{\"n\":10}", true},
		{"json:n = 10", "{\"n\":\"10\"}", true},
		{"json:n = 10", "{\"n\":1e1}", false},
		{"json:n = true", "{\"n\":true}", true},
		{"json:n != false", "{\"n\":false}", false},
		/* no value: missing, null, empty, a list, an object, several */
		{"json:a = x", "{}", false},
		{"json:a != x", "{}", true},
		{"json:a != x", "{\"a\":null}", true},
		{"json:a = null", "{\"a\":null}", false},
		{"json:a ~ .", "{\"a\":\"\"}", false},
		{"json:a ~ .", "{\"a\":[\"x\"]}", false},
		{"json:a != x", "{\"a\":{\"x\":\"x\"}}", true},
		{"json:a.*.b = x", "{\"a\":[{\"b\":\"x\"},{\"b\":\"x\"}]}", true},
		{"json:a.*.b = x", "{\"a\":[{\"b\":\"x\"},{\"b\":\"y\"}]}", false},
		{"json:a.= = x", "{\"a\":[\"x\"]}", true},
		{"json:a.0.b = x", "{\"a\":[{\"b\":\"x\"}]}", true},
		{"json:a.b = x", "{\"a\":{\"b\":\"x\",\"b\":\"x\"}}", false},
		/* the regular expression */
		{"json:a ~ ^(hi|ho)", "{\"a\":\"Ho there\"}", true},
		{"json:a ~ ^(hi|ho)", "{\"a\":\"oh hi\"}", false},
		{"json:a ~ b.c$", "{\"a\":\"b\\u0000c\"}", true},
		{"json:n ~ ^[0-9]+$", "{\"n\":125}", true},
		/* spaces, and operators within the parts */
		{"  json:my key   =  two  words ", "{\"my key\":\"two  words\"}", true},
		{"json:a=b != c != d", "{\"a=b\":\"c != d\"}", false},
		{"json:a = = b", "{\"a\":\"= b\"}", true},
		{"json:a = \xC3\xBC", "{\"a\":\"\\u00fc\"}", true},
		{"json:a = x", "{\"a\":\"x\\u0000\"}", false},
		/* not JSON: no condition is met */
		{"json:a != x", "a=y", false},
		{"json:a != x", "", false},
		{"json:a != x", "{\"a\":\"y\"", false},
		{"json:a != x", "{\"a\":\"y\",\"b\":1,\"b\":1}", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (check_text(cases[i].text, cases[i].body) != (cases[i].holds ? CONDITIONS_HOLD : CONDITIONS_FAIL))
			fail_msg("case %zu: %s on %s", i, cases[i].text, cases[i].body);
}

static void test_all_conditions_must_hold(void **state)
{
	struct condition item[3];
	struct conditions all = {item, 3};
	char why[512];

	(void)state;
	assert_true(condition_read("json:a = 1", &item[0], why, sizeof why));
	assert_true(condition_read("json:b != 2", &item[1], why, sizeof why));
	assert_true(condition_read("json:a ~ 1", &item[2], why, sizeof why));
	assert_int_equal(conditions_check(&all, slice_text("{\"a\":1}")), CONDITIONS_HOLD);
	assert_int_equal(conditions_check(&all, slice_text("{\"a\":1,\"b\":2}")), CONDITIONS_FAIL);
	assert_int_equal(conditions_check(&all, slice_text("{\"a\":2,\"b\":3}")), CONDITIONS_FAIL);
	assert_int_equal(conditions_check(&all, slice_text("{\"b\":3}")), CONDITIONS_FAIL);
	for (size_t i = 0; i < COUNT(item); i++)
		condition_clear(&item[i]);
}

/* A search takes the square of a text's length: what stands behind 8 KiB is not searched, but it is compared. */
static void test_long_values_are_searched_in_part(void **state)
{
	struct buf body = {0}, text = {0};

	(void)state;
	buf_printf(&body, "{\"a\":\"%08191dxyz\"}", 0);
	assert_int_equal(check_text("json:a ~ x$", buf_str(&body)), CONDITIONS_HOLD);
	assert_int_equal(check_text("json:a ~ y", buf_str(&body)), CONDITIONS_FAIL);
	body.len = 0;
	buf_printf(&body, "{\"a\":\"%0990d\"}", 0);
	buf_printf(&text, "json:a = %0990d", 0);
	assert_int_equal(check_text(buf_str(&text), buf_str(&body)), CONDITIONS_HOLD);
	buf_free(&body);
	buf_free(&text);
}

static void test_malformed_conditions_are_refused(void **state)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{"", "no =, != or ~"}, {"json:a", "no =, != or ~"}, {"json:a=x", "spaces around it; write \"json:PATH = TEXT\""}, {"json:a == x", "no =, != or ~"},
		{"json:a =", "text behind the = is missing"}, {"json:a !=  ", "text behind the != is missing"}, {"json:a ~ ", "text behind the ~ is missing"},
		{"= x", "\"\" is no source"}, {"data.type = x", "\"data.type\" is no source; write"}, {"header:X-Type = x", "is no source"},
		{"json: = x", "is no source"}, {"json:a..b = x", "is no source"}, {"json:a.!b = x", "is no source"},
		{"json:a = \"x\"", "without quotation marks"}, {"json:a != 'x'", "without quotation marks"},
		{"json:a ~ (", "write an extended regular expression"}, {"json:a ~ (a)\\1", "must not refer to a group"},
	};
	struct condition c;
	struct buf large = {0};
	char why[512];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		bool taken = condition_read(cases[i].text, &c, why, sizeof why);

		if (taken || !strstr(why, cases[i].why))
			fail_msg("%s: %s", cases[i].text, taken ? "taken" : why);
	}
	buf_printf(&large, "json:a = %0992d", 0);
	assert_false(condition_read(buf_str(&large), &c, why, sizeof why));
	assert_non_null(strstr(why, "longer than 1000 bytes"));
	buf_free(&large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values_are_compared_as_text),
		cmocka_unit_test(test_all_conditions_must_hold),
		cmocka_unit_test(test_long_values_are_searched_in_part),
		cmocka_unit_test(test_malformed_conditions_are_refused),
	};

	return cmocka_run_group_tests_name("condition", tests, NULL, NULL);
}
