/* SPDX-License-Identifier: ISC */
/* Modules: one is loaded and sends; one that is missing, is of another version, or that others may change is refused. */
#include "unit.h"

#include <errno.h>

#include "sink/module.h"

static int delivered;

static void on_done(struct sink_message *m, const struct sink_result *got)
{
	(void)m;
	delivered += got->verdict == SINK_DELIVERED;
}

static char why[1024];

static struct sink_target *open_type(const char *name)
{
	struct sink_type type = {.name = name, .package = "hookspool-bird", .library = "libbird-dev"};
	struct sink sink = {.type = &type};

	*why = '\0';
	return sink_open(&sink, NULL, on_done, why, sizeof why);
}

/* The module's file, beside this program. */
static const char *file_of(const char *name)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 64);

	assert_true(n > 0);
	path[n] = '\0';
	sprintf(strrchr(path, '/'), "/modules/%s.so", name);
	return path;
}

static void a_module_is_loaded(void **state)
{
	struct sink_message message = {0};
	struct sink_target *t = open_type("pigeon");

	(void)state;
	if (!t)
		fail_msg("%s", why);
	sink_send(t, &message);
	assert_int_equal(delivered, 1);
	sink_close(t);
}

static void a_missing_module_names_what_to_install(void **state)
{
	(void)state;
	assert_null(open_type("dodo"));
	assert_non_null(strstr(why, "/dodo.so, which is not there: apt-get install hookspool-bird"));
	assert_non_null(strstr(why, "libbird-dev and ./configure --with-dodo"));
}

static void a_module_of_another_version_is_refused(void **state)
{
	(void)state;
	assert_null(open_type("owl"));
	assert_non_null(strstr(why, "owl.so is no module of hookspool"));
}

static void a_module_of_another_type_is_refused(void **state)
{
	char path[4096];

	(void)state;
	snprintf(path, sizeof path, "%s", file_of("crow"));
	unlink(path);
	assert_int_equal(link(file_of("pigeon"), path), 0);
	assert_null(open_type("crow"));
	assert_non_null(strstr(why, "crow.so is no module of hookspool"));
	unlink(path);
}

static void a_module_that_others_may_change_is_refused(void **state)
{
	(void)state;
	assert_int_equal(chmod(file_of("owl"), 0757), 0);
	assert_null(open_type("owl"));
	assert_non_null(strstr(why, "owl.so: anybody may change it"));
	assert_int_equal(chmod(file_of("owl"), 0755), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(file_of("owl"), 12345, 0), 0);
	assert_null(open_type("owl"));
	assert_non_null(strstr(why, "owl.so belongs to user 12345"));
	assert_int_equal(chown(file_of("owl"), 0, 0), 0);
}

/* A member of the group could put another file in the module's place. */
static void test_module_in_a_directory_that_a_group_may_change_is_refused_to_root(void **state)
{
	char dir[4096];

	(void)state;
	snprintf(dir, sizeof dir, "%s", file_of("pigeon"));
	*strrchr(dir, '/') = '\0';
	if (geteuid() != 0 || chown(dir, 0, 12345) != 0)
		skip();
	assert_int_equal(chmod(dir, 0775), 0);
	assert_null(open_type("pigeon"));
	assert_non_null(strstr(why, "modules: its group may change it"));
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(chown(dir, 0, 0), 0);
}

static void test_module_that_is_a_link_to_another_users_directory_is_refused(void **state)
{
	char link_path[4096], dir[4200], target[4300];

	(void)state;
	snprintf(link_path, sizeof link_path, "%s", file_of("crow"));
	snprintf(dir, sizeof dir, "%s.d", link_path);
	snprintf(target, sizeof target, "%s/pigeon.so", dir);
	if (geteuid() != 0)
		skip();
	unlink(link_path);
	unlink(target);
	assert_true(mkdir(dir, 0755) == 0 || errno == EEXIST);
	assert_int_equal(link(file_of("pigeon"), target), 0);
	assert_int_equal(symlink(target, link_path), 0);
	assert_int_equal(chown(dir, 12345, 0), 0);
	assert_null(open_type("crow"));
	assert_non_null(strstr(why, ".d belongs to user 12345"));
	unlink(target);
	unlink(link_path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_module_is_loaded),
		cmocka_unit_test(a_missing_module_names_what_to_install),
		cmocka_unit_test(a_module_of_another_version_is_refused),
		cmocka_unit_test(a_module_of_another_type_is_refused),
		cmocka_unit_test(a_module_that_others_may_change_is_refused),
		cmocka_unit_test(test_module_in_a_directory_that_a_group_may_change_is_refused_to_root),
		cmocka_unit_test(test_module_that_is_a_link_to_another_users_directory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
