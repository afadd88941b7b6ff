/* SPDX-License-Identifier: ISC */
/* conf/option and conf/kind: each kind of option is parsed, bounded, defaulted, copied and freed by its row. */
#include "unit.h"

#include <sys/types.h>

#include "conf/cidr.h"
#include "conf/kind.h"
#include "conf/reader.h"
#include "conf/secret.h"
#include "core/pattern.h"
#include "core/rate.h"
#include "core/strlist.h"
#include "sink/dir.h"
#include "sink/file.h"
#include "sink/type.h"

struct all {
	char *text, *path, *secret_path;
	bool flag;
	unsigned count, choice, choices;
	size_t size;
	int64_t time, age, keep;
	mode_t mode;
	struct strlist list;
	struct rate rate;
	struct pattern *pattern;
	struct cidrs ranges;
	struct secrets secrets;
};

#define AT(field) offsetof(struct all, field)

static const char *const colours[] = {"red", "green", "blue", NULL};

static const struct option_row rows[] = {
	{"text", &kind_text, "a text", AT(text), .help = "x", .free_text = true},
	{"path", &kind_path, "sub/file", AT(path), .help = "x"},
	{"secret-path", &kind_secret_path, NULL, AT(secret_path), .help = "x"},
	{"flag", &kind_bool, "true", AT(flag), .help = "x"},
	{"count", &kind_count, "7", AT(count), 2, 9, .help = "x"},
	{"size", &kind_size, "2k", AT(size), 1, 1 << 20, .help = "x"},
	{"time", &kind_time, "10s", AT(time), 1, KIND_MINUTE, .help = "x"},
	{"age", &kind_age, "2d", AT(age), 1, 3 * KIND_DAY, .help = "x"},
	{"keep", &kind_keep, "forever", AT(keep), 0, 3 * KIND_DAY, .help = "x"},
	{"mode", &kind_mode, "0640", AT(mode), .help = "x"},
	{"choice", &kind_choice, "green", AT(choice), .choices = colours, .help = "x"},
	{"choices", &kind_choices, "{red, blue}", AT(choices), .choices = colours, .help = "x"},
	{"list", &kind_list, "{a, b}", AT(list), .help = "x"},
	{"rate", &kind_rate, NULL, AT(rate), .help = "x"},
	{"burst", &kind_burst, NULL, AT(rate.burst), 1, 50, .help = "x"},
	{"pattern", &kind_pattern, NULL, AT(pattern), .help = "x"},
	{"ranges", &kind_ranges, NULL, AT(ranges), .help = "x"},
	{"secret-file", &secret_file_kind, NULL, AT(secrets), .help = "x"},
	{"secret-env", &secret_env_kind, NULL, AT(secrets), .help = "x"},
	{.name = NULL},
};

static const struct option_row no_rows[] = {{.name = NULL}};

static const struct option_row *top(size_t i)
{
	return i == 0 ? no_rows : NULL;
}

static const struct option_row *all_rows(size_t i)
{
	return i == 0 ? rows : NULL;
}

static bool check_all(cfg_t *sec)
{
	return option_check(rows, sec);
}

static const struct option_section sections[] = {{NULL, "x", top, NULL}, {"all", "x", all_rows, check_all}, {NULL, NULL, NULL, NULL}};

static char messages[1024];

static void note(void *ctx, enum log_level level, const char *message)
{
	(void)ctx;
	(void)level;
	snprintf(messages, sizeof messages, "%s", message);
}

/* The tree of a section with these options, which the caller gives to end(); NULL after an error, which is then in messages. */
static cfg_t *begin(const struct option_section *of, enum conf_secrets secrets, const char *options)
{
	struct reader_load load = {option_table(of), option_check_value, option_is_free_text, secrets, note, NULL};
	char text[1024];
	cfg_t *tree;

	messages[0] = '\0';
	snprintf(text, sizeof text, "all \"it\" {\n%s\n}\n", options);
	unit_file("option.conf", text, 0600);
	assert_non_null(load.options);
	tree = reader_parse("option.conf", &load);
	option_free_table(load.options);
	return tree;
}

static void end(cfg_t *tree)
{
	reader_end();
	cfg_free(tree);
}

/* Loads a section into *out. False where it is refused. */
static bool load_section(const char *options, struct all *out)
{
	cfg_t *tree = begin(sections, CONF_SECRETS_ALL, options);

	*out = (struct all){0};
	if (!tree)
		return false;
	assert_true(option_read(rows, cfg_getnsec(tree, "all", 0), out));
	end(tree); /* all is a copy */
	return true;
}

static void defaults_are_read(void **state)
{
	struct all a;

	(void)state;
	assert_true(load_section("", &a));
	assert_string_equal(a.text, "a text");
	assert_string_equal(a.path, "sub/file");
	assert_null(a.secret_path);
	assert_true(a.flag);
	assert_int_equal(a.count, 7);
	assert_int_equal(a.size, 2048);
	assert_int_equal(a.time, 10000);
	assert_int_equal(a.age, 2 * 86400000);
	assert_int_equal(a.keep, 0);
	assert_int_equal(a.mode, 0640);
	assert_int_equal(a.choice, 1);
	assert_int_equal(a.choices, 1 | 4);
	assert_true(a.list.n == 2 && strcmp(a.list.item[1], "b") == 0);
	assert_true(a.rate.n == 0 && !a.pattern && a.ranges.n == 0 && a.secrets.n == 0);
	option_free(rows, &a);
	assert_true(!a.text && !a.path && !a.list.item);
	option_free(rows, &a); /* what is freed is clear */
}

static void values_are_copied(void **state)
{
	struct all a;

	(void)state;
	unit_file("s1", "one\n", 0600);
	setenv("HS_OPTION_SECRET", "two", 1);
	assert_true(load_section("text = \"b\" path = \"/c\" secret-path = \"d\" flag = false count = 2 size = \"1m\" time = \"1ms\"\n"
		"age = \"3d\" keep = \"1h\" mode = \"0777\" choice = \"blue\" choices = {\"green\"} list = {} rate = \"60/m\" burst = 50\n"
		"pattern = \"^h.llo$\" ranges = {\"192.0.2.0/24\", \"2001:db8::/32\"}\nsecret-env = {\"HS_OPTION_SECRET\"} secret-file = {\"s1\"}", &a));
	assert_string_equal(a.text, "b");
	assert_string_equal(a.path, "/c");
	assert_string_equal(a.secret_path, "d");
	assert_false(a.flag);
	assert_true(a.count == 2 && a.size == 1 << 20 && a.time == 1 && a.age == 3 * KIND_DAY && a.keep == KIND_HOUR);
	assert_true(a.mode == 0777 && a.choice == 2 && a.choices == 2);
	assert_int_equal(a.list.n, 0);
	assert_true(a.rate.n == 60 && a.rate.per == 60000 && a.rate.burst == 50);
	assert_int_equal(pattern_find(a.pattern, "Hello"), PATTERN_FOUND);
	assert_int_equal(pattern_find(a.pattern, "hell"), PATTERN_NOT_FOUND);
	assert_true(a.ranges.n == 2 && cidr_match(&a.ranges, "192.0.2.9") && !cidr_match(&a.ranges, "192.0.3.9"));
	assert_int_equal(a.secrets.n, 2); /* in the rows' order, and not in the file's */
	assert_string_equal(a.secrets.item[0].source, "file s1");
	assert_string_equal(a.secrets.item[0].text, "one");
	assert_string_equal(a.secrets.item[1].source, "env HS_OPTION_SECRET");
	assert_string_equal(a.secrets.item[1].text, "two");
	option_free(rows, &a);
	assert_true(!a.secrets.item && !a.ranges.item && !a.pattern);
}

/* A relative path starts at the file that the section stands in. */
static void paths_start_at_the_file(void **state)
{
	struct reader_load load = {option_table(sections), option_check_value, option_is_free_text, CONF_SECRETS_ALL, note, NULL};
	struct all a = {0};
	cfg_t *tree;

	(void)state;
	assert_int_equal(system("mkdir -p below"), 0);
	unit_file("below/part.conf", "all \"it\" { secret-path = \"x\" }\n", 0600);
	tree = reader_parse("below/part.conf", &load);
	option_free_table(load.options);
	assert_non_null(tree);
	assert_true(option_read(rows, cfg_getnsec(tree, "all", 0), &a));
	assert_string_equal(a.path, "below/sub/file");
	assert_string_equal(a.secret_path, "below/x");
	option_free(rows, &a);
	end(tree);
}

static void wrong_values_are_refused(void **state)
{
	static const struct {
		const char *option, *says;
	} cases[] = {
		{"count = 1", "count = 1 is out of range; write 2 to 9"}, {"count = 10", "count = 10 is out of range; write 2 to 9"},
		{"size = \"0\"", "size = \"0\" is not a size; write \"512k\", \"1m\"; at most 1m"}, {"size = \"1025k\"", "at most 1m"},
		{"size = \"big\"", "is not a size"}, {"time = \"0s\"", "time = \"0s\" is not a time; write \"500ms\", \"10s\"; at most 1m"},
		{"time = \"61s\"", "at most 1m"}, {"time = \"-1s\"", "is not a time"}, {"age = \"73h\"", "age = \"73h\" is not an age; write \"12h\""},
		{"age = \"\"", "at most 3d"}, {"keep = \"1\"", "keep = \"1\" is not an age; write \"90d\", \"12h\", or \"forever\"; at most 3d"},
		{"keep = \"4d\"", "at most 3d"}, {"mode = \"0800\"", "mode = \"0800\" is not a file mode; write \"0660\""}, {"mode = \"01777\"", "file mode"},
		{"choice = \"pink\"", "choice = \"pink\" is unknown; write \"red\", \"green\" or \"blue\""},
		{"choices = {\"red\", \"pink\"}", "choices: \"pink\" is unknown; write \"red\""}, {"rate = \"60\"", "rate = \"60\": write it as \"60/m\""},
		{"burst = 5", "burst = 5: it goes with a rate, and is 1 to 50"}, {"rate = \"60/m\" burst = 51", "burst = 51: it goes with"},
		{"pattern = \"a(\"", "pattern = \"a(\": "}, {"ranges = {\"10.0.0.1/8\"}", "ranges: \"10.0.0.1/8\" is no address range"},
		{"secret-file = {\"nowhere\"}", "secret-file: nowhere: No such file"}, {"secret-env = {\"HS_OPTION_NONE\"}", "HS_OPTION_NONE"},
		{"secret-file = {\"\"}", "secret-file: an empty name"}, {"flag = maybe", "write true or false"}, {"count = many", "write a number"},
	};
	struct all a;

	(void)state;
	unsetenv("HS_OPTION_NONE");
	for (size_t i = 0; i < COUNT(cases); i++) {
		if (load_section(cases[i].option, &a) || strncmp(messages, "option.conf:2: ", 15) != 0 || !strstr(messages, cases[i].says))
			fail_msg("%s: %s", cases[i].option, messages);
	}
}

/* A program that must not read secrets reads none, and one that need not reads on without. */
static void secrets_are_read_as_asked(void **state)
{
	static const char options[] = "secret-file = {\"nowhere\", \"s1\"}";
	struct all a = {0};
	cfg_t *tree;

	(void)state;
	unit_file("s1", "one\n", 0600);
	assert_null(begin(sections, CONF_SECRETS_CHECK, options));
	tree = begin(sections, CONF_SECRETS_THERE, options);
	assert_non_null(tree);
	assert_true(option_read(rows, cfg_getnsec(tree, "all", 0), &a));
	assert_true(a.secrets.n == 2 && a.secrets.item[0].len == 0 && a.secrets.item[0].id == 0 && a.secrets.item[1].len == 3);
	option_free(rows, &a);
	end(tree);
	tree = begin(sections, CONF_SECRETS_NONE, options);
	assert_non_null(tree);
	a = (struct all){0};
	assert_true(option_read(rows, cfg_getnsec(tree, "all", 0), &a));
	assert_int_equal(a.secrets.n, 0);
	option_free(rows, &a);
	end(tree);
}

/* A row says whether people read its values. */
static void invisible_characters_are_for_free_text(void **state)
{
	struct all a;

	(void)state;
	assert_true(load_section("text = \"a\xC2\xA0z\"", &a));
	assert_string_equal(a.text, "a\xC2\xA0z");
	option_free(rows, &a);
	assert_false(load_section("path = \"a\xC2\xA0z\"", &a));
	assert_non_null(strstr(messages, "option.conf:2: "));
	assert_non_null(strstr(messages, "which can't be seen"));
}

static void times_are_printed_as_the_file_has_them(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {{1, "1ms"}, {1500, "1500ms"}, {10000, "10s"}, {90000, "90s"}, {KIND_MINUTE, "1m"}, {KIND_HOUR, "1h"}, {KIND_YEARS, "3650d"}};
	struct buf b = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		b.len = 0;
		kind_print_time(&b, cases[i].ms);
		assert_string_equal(buf_str(&b), cases[i].text);
	}
	buf_free(&b);
}

/* The rows of a type are read to the type's own struct. */

static const struct option_row *file_section(size_t i)
{
	return i == 0 ? type_file.rows : NULL;
}

static const struct option_row *dir_section(size_t i)
{
	return i == 0 ? type_dir.rows : NULL;
}

static bool check_of_file(cfg_t *sec)
{
	return type_file.check(sec) && option_check(type_file.rows, sec);
}

static bool check_of_dir(cfg_t *sec)
{
	return type_dir.check(sec) && option_check(type_dir.rows, sec);
}

static void files_and_directories(void **state)
{
	static const struct option_section file[] = {{NULL, "x", top, NULL}, {"all", "x", file_section, check_of_file}, {NULL, NULL, NULL, NULL}};
	static const struct option_section dir[] = {{NULL, "x", top, NULL}, {"all", "x", dir_section, check_of_dir}, {NULL, NULL, NULL, NULL}};
	struct file_options f = {0};
	struct dir_options d = {0};
	cfg_t *tree = begin(file, CONF_SECRETS_NONE, "path = \"e.jsonl\" rotate-size = \"10m\" rotate-every = \"1d\" rotate-keep = 3 mode = \"0600\"");

	(void)state;
	assert_non_null(tree);
	assert_true(option_read(type_file.rows, cfg_getnsec(tree, "all", 0), &f));
	end(tree);
	assert_string_equal(f.path, "e.jsonl");
	assert_true(f.rotate_size == 10 << 20 && f.rotate_every == KIND_DAY && f.rotate_keep == 3 && f.mode == 0600);
	option_free(type_file.rows, &f);
	tree = begin(file, CONF_SECRETS_NONE, "path = \"/x\"");
	assert_non_null(tree);
	f = (struct file_options){0};
	assert_true(option_read(type_file.rows, cfg_getnsec(tree, "all", 0), &f));
	end(tree);
	assert_true(f.rotate_size == 0 && f.rotate_every == 0 && f.rotate_keep == 0 && f.mode == 0640);
	option_free(type_file.rows, &f);
	assert_null(begin(file, CONF_SECRETS_NONE, "rotate-keep = 3"));
	assert_non_null(strstr(messages, "needs a path"));
	assert_null(begin(file, CONF_SECRETS_NONE, "path = \"x\"\n rotate-keep = 0"));
	assert_non_null(strstr(messages, "option.conf:3: all \"it\": rotate-keep = 0 is out of range"));
	tree = begin(dir, CONF_SECRETS_NONE, "path = \"/d\"");
	assert_non_null(tree);
	assert_true(option_read(type_dir.rows, cfg_getnsec(tree, "all", 0), &d));
	end(tree);
	assert_string_equal(d.path, "/d");
	option_free(type_dir.rows, &d);
	assert_null(begin(dir, CONF_SECRETS_NONE, "path = \"\""));
	assert_non_null(strstr(messages, "needs a path"));
}

/* As libconfuse leaves a section when memory is short: it goes on, and an option has no value. */
static void a_default_that_is_missing_is_short_memory(void **state)
{
	static const char *const missing[] = {"path", "count", "flag", "list"};
	struct all all = {0};

	(void)state;
	for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
		cfg_t *tree = begin(sections, CONF_SECRETS_ALL, ""), *sec;
		unsigned values;

		assert_non_null(tree);
		sec = cfg_getnsec(tree, "all", 0);
		values = cfg_getopt(sec, missing[i])->nvalues;
		cfg_getopt(sec, missing[i])->nvalues = 0;
		assert_false(option_read(rows, sec, &all));
		cfg_getopt(sec, missing[i])->nvalues = values;
		option_free(rows, &all);
		end(tree);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_read),
		cmocka_unit_test(a_default_that_is_missing_is_short_memory),
		cmocka_unit_test(values_are_copied),
		cmocka_unit_test(paths_start_at_the_file),
		cmocka_unit_test(wrong_values_are_refused),
		cmocka_unit_test(secrets_are_read_as_asked),
		cmocka_unit_test(invisible_characters_are_for_free_text),
		cmocka_unit_test(times_are_printed_as_the_file_has_them),
		cmocka_unit_test(files_and_directories),
	};

	return cmocka_run_group_tests_name("option", tests, unit_enter, unit_leave);
}
