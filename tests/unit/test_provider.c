/* SPDX-License-Identifier: ISC */
/* The built-in schemes: read from their texts, and the one that is data of the program. */
#include "unit.h"

#include "conf/provider.h"

static void say(void *ctx, enum log_level level, const char *message)
{
	(void)ctx;
	if (level == LOG_LEVEL_ERROR)
		fail_msg("%s", message);
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void sources_are_equal(const struct scheme *a, const struct scheme *b)
{
	for (int f = 0; f < FIELD_COUNT; f++) {
		for (int i = 0; i < SCHEME_SOURCES; i++) {
			const struct source *x = &a->source[f][i], *y = &b->source[f][i];

			assert_int_equal(x->kind, y->kind);
			assert_true(is_same(x->name, y->name));
			assert_int_equal(x->event.n, y->event.n);
			assert_int_equal(x->thing, y->thing);
			assert_int_equal(x->more, y->more);
		}
	}
}

static void connectsafelys_file_says_what_the_program_has(void **state)
{
	const struct provider *p = provider_find("connectsafely");
	const struct scheme *c = &provider_connectsafely;
	struct conf *conf;
	struct scheme s;

	(void)state;
	assert_non_null(p);
	unit_file("conf", p->text, 0600);
	conf = conf_load("conf", say, NULL);
	assert_non_null(conf);
	assert_true(conf_scheme(conf, "connectsafely", &s));
	assert_ptr_equal(scheme_find("connectsafely"), c);
	assert_string_equal(s.name, c->name);
	assert_int_equal(s.algorithm, c->algorithm);
	assert_true(is_same(s.header, c->header) && is_same(s.prefix, c->prefix) && is_same(s.signs, c->signs));
	assert_true(is_same(s.timestamp_header, c->timestamp_header) && is_same(s.id_header, c->id_header));
	assert_int_equal(s.separator, c->separator);
	assert_int_equal(s.encoding, c->encoding);
	assert_int_equal(s.key_text, c->key_text);
	assert_int_equal(s.tolerance, c->tolerance);
	assert_int_equal(s.bodies, c->bodies);
	sources_are_equal(&s, c);
	conf_free(conf);
}

static void each_scheme_is_read_once(void **state)
{
	const struct scheme *s;
	size_t n = 0;

	(void)state;
	for (; scheme_name_at(n); n++) {
		s = scheme_at(n);
		if (!s)
			fail_msg("%s can't be read", scheme_name_at(n));
		assert_string_equal(s->name, scheme_name_at(n));
		assert_ptr_equal(scheme_find(s->name), s);
		assert_true(n == 0 || strcmp(scheme_name_at(n - 1), s->name) < 0);
	}
	assert_true(n >= 110);
	assert_null(scheme_at(n));
	assert_null(scheme_find(""));
	assert_null(scheme_find("calendl"));
	assert_null(scheme_find("zzz"));
}

/* libconfuse reads a built-in scheme while it is in the middle of the configuration. */
static void schemes_are_read_within_a_configuration(void **state)
{
	static const char text[] =
		"scheme \"one\" { like = \"webflow\" tolerance = \"60s\" # a comment\n}\n"
		"endpoint \"/a\" { scheme = \"one\" secret-env = {\"HS_TEST\"} name = \"a \\\"name\\\"\" }\n"
		"endpoint \"/b\" { scheme = \"zendesk\" secret-env = {\"HS_TEST\"} events = {\"x\", \"y\"} }\n";
	struct conf *conf;

	(void)state;
	setenv("HS_TEST", "secret", 1);
	unit_file("conf", text, 0600);
	for (int i = 0; i < 2; i++) {
		conf = conf_load("conf", say, NULL);
		assert_non_null(conf);
		assert_string_equal(conf->endpoints[0].scheme.header, "x-webflow-signature");
		assert_int_equal(conf->endpoints[0].scheme.tolerance, 60000);
		assert_string_equal(conf->endpoints[0].name, "a \"name\"");
		assert_string_equal(conf->endpoints[1].scheme.header, "X-Zendesk-Webhook-Signature");
		assert_string_equal(conf->endpoints[1].events.item[1], "y");
		conf_free(conf);
	}
}

static void note_is(const char *text, enum provider_note note, const char *want)
{
	struct provider p = {"x", text};
	struct buf b = {0};

	assert_true(provider_add_note(&p, note, &b));
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

static void notes_are_read(void **state)
{
	static const char text[] = "# SPDX\n# title: A\n# enter: one\n#   two\n#   three\n# id: i\n\n# note: behind\nscheme \"x\" {\n}\n";
	struct provider p = {"x", text};

	(void)state;
	note_is(text, PROVIDER_TITLE, "A");
	note_is(text, PROVIDER_ENTER, "one two three");
	note_is(text, PROVIDER_ID, "i");
	note_is(text, PROVIDER_NOTE, "");
	note_is("# title: only", PROVIDER_TITLE, "only");
	note_is("", PROVIDER_TITLE, "");
	assert_string_equal(provider_block(&p), "scheme \"x\" {\n}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connectsafelys_file_says_what_the_program_has),
		cmocka_unit_test(each_scheme_is_read_once),
		cmocka_unit_test(schemes_are_read_within_a_configuration),
		cmocka_unit_test(notes_are_read),
	};

	return cmocka_run_group_tests(tests, unit_enter, unit_leave);
}
