/* SPDX-License-Identifier: ISC */
/* spool/measure.h: counters that survive processes, a file that is damaged or replaced, and the points of charts. */
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "spool/measure_file.h"

enum { MINUTE = 60 * 1000 };
static const int64_t NOW = INT64_C(1790000000) * 1000 / 3600000 * 3600000; /* the beginning of an hour */

/* Runs f in a process of its own, as the mapping lasts for the life of a process. Returns its wait status. */
static int in_process(void (*f)(const char *dir), const char *dir)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		f(dir);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void need(bool ok)
{
	if (!ok)
		_exit(9);
}

static uint64_t total(const struct measure_histogram *h)
{
	uint64_t n = 0;

	for (int i = 0; i < MEASURE_BUCKETS; i++)
		n += h->bucket[i];
	return n;
}

static struct measure_now read_now(const char *dir)
{
	struct measure_copy *m = measure_read(dir);
	struct measure_now now;

	assert_non_null(m);
	now = *measure_now_of(m);
	measure_free(m);
	return now;
}

static void make_dir(const char *dir, mode_t mode)
{
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(chmod(dir, mode), 0);
}

/* ---- counters */

static void count_and_be_killed(const char *dir)
{
	measure_commit(700, 3); /* before it is mapped */
	need(measure_look(dir, MEASURE_RECEIVER));
	measure_answer(MEASURE_STORED, 250, 128);
	measure_answer(MEASURE_STORED, 251, 129);
	measure_answer(MEASURE_FAILED, INT64_C(99) * 1000 * 1000, 0);
	measure_answer(MEASURE_REFUSED, -5, 1);
	raise(SIGKILL);
}

static void counters_survive_a_kill(void **state)
{
	struct measure_now now;

	(void)state;
	make_dir("kill", 0700);
	assert_true(WIFSIGNALED(in_process(count_and_be_killed, "kill")));
	assert_true(WIFSIGNALED(in_process(count_and_be_killed, "kill")));
	now = read_now("kill");
	assert_int_equal(now.answers[MEASURE_STORED].bucket[0], 2); /* a bound belongs to its bucket */
	assert_int_equal(now.answers[MEASURE_STORED].bucket[1], 2);
	assert_int_equal(now.answers[MEASURE_STORED].sum, 2 * 501);
	assert_int_equal(now.answers[MEASURE_FAILED].bucket[MEASURE_BUCKETS - 1], 2);
	assert_int_equal(now.answers[MEASURE_REFUSED].bucket[0], 2);
	assert_int_equal(now.answers[MEASURE_REFUSED].sum, 0); /* the clock was set */
	assert_int_equal(total(&now.sizes), 8);
	assert_int_equal(now.sizes.sum, 2 * (128 + 129 + 1));
	assert_true(total(&now.commits) == 2 && now.commits.sum == 1400 && now.commits.bucket[2] == 2);
	assert_true(now.events.bucket[2] == 2 && now.events.sum == 6);
}

static void count_many(const char *dir)
{
	need(measure_look(dir, MEASURE_RECEIVER));
	for (int i = 0; i < 100000; i++)
		measure_answer(MEASURE_STORED, i, 1);
}

static void processes_add_at_the_same_time(void **state)
{
	struct measure_now now;

	(void)state;
	make_dir("many", 0700);
	need(in_process(count_many, "many") == 0); /* so that none finds another making the file */
	for (int i = 0; i < 4; i++) {
		if (fork() == 0) {
			count_many("many");
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	now = read_now("many");
	assert_int_equal(total(&now.answers[MEASURE_STORED]), 500000);
	assert_int_equal(now.sizes.sum, 500000);
}

static void attempt_often(const char *dir)
{
	char name[80];

	need(measure_look(dir, MEASURE_RECEIVER));
	measure_attempt("out", MEASURE_RETRIED, 30, 0);
	measure_attempt("out", MEASURE_DELIVERED, 40, 3000);
	measure_attempt("out2", MEASURE_DEAD, 1, 0);
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "sink%d", i);
		measure_attempt(name, MEASURE_DELIVERED, 1, 1);
	}
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	measure_attempt(name, MEASURE_DEAD, 1, 1);
	measure_attempt("", MEASURE_DEAD, 1, 1);
}

static void sinks_have_places(void **state)
{
	struct measure_now now;

	(void)state;
	make_dir("sinks", 0700);
	assert_int_equal(in_process(attempt_often, "sinks"), 0);
	assert_int_equal(in_process(attempt_often, "sinks"), 0);
	now = read_now("sinks");
	assert_string_equal(now.sinks[1].name, "out");
	assert_true(now.sinks[1].results[MEASURE_RETRIED] == 2 && now.sinks[1].results[MEASURE_DELIVERED] == 2);
	assert_int_equal(now.sinks[1].attempts.sum, 140 * 1000);
	assert_true(total(&now.sinks[1].lags) == 2 && now.sinks[1].lags.sum == 6000 * 1000); /* of what was delivered only */
	assert_string_equal(now.sinks[2].name, "out2");
	assert_string_equal(now.sinks[MEASURE_SINKS - 1].name, "sink60");
	assert_string_equal(now.sinks[0].name, "");
	assert_int_equal(now.sinks[0].results[MEASURE_DELIVERED], 2 * 39); /* those that found no place */
	assert_int_equal(now.sinks[0].results[MEASURE_DEAD], 4);
}

/* ---- the file */

static void count_one(const char *dir)
{
	need(measure_look(dir, MEASURE_RECEIVER));
	measure_answer(MEASURE_STORED, 1, 1);
}

static void look_as_relay(const char *dir)
{
	need(!measure_look(dir, MEASURE_RELAY));
	measure_attempt("out", MEASURE_DEAD, 1, 1); /* goes nowhere */
}

static void damaged_file_is_made_anew(void **state)
{
	static const char *const damage[] = {": >bad/measure", "truncate -s 100 bad/measure", "truncate -s +1 bad/measure",
		"printf XXXXXXXX | dd of=bad/measure conv=notrunc status=none", "printf 1 | dd of=bad/measure bs=1 seek=9 conv=notrunc status=none",
		"rm bad/measure"};

	(void)state;
	make_dir("bad", 0700);
	for (size_t i = 0; i < COUNT(damage); i++) {
		assert_int_equal(in_process(count_one, "bad"), 0);
		assert_int_equal(in_process(count_one, "bad"), 0);
		assert_int_equal(read_now("bad").sizes.sum, 2);
		assert_int_equal(system(damage[i]), 0);
		assert_null(measure_read("bad"));
		assert_true(errno == EBADMSG || errno == ENOENT);
		assert_int_equal(in_process(look_as_relay, "bad"), 0);
		assert_int_equal(in_process(count_one, "bad"), 0);
		assert_int_equal(read_now("bad").sizes.sum, 1);
		assert_int_equal(unlink("bad/measure"), 0);
	}
}

static void look_in_vain(const char *dir)
{
	need(!measure_look(dir, MEASURE_RECEIVER));
	measure_answer(MEASURE_STORED, 1, 1);
}

static void only_a_plain_file_is_taken(void **state)
{
	static const char *const others[] = {"ln -s ../other odd/measure", "ln other odd/measure", "mkdir odd/measure", "mkfifo odd/measure"};
	struct stat st;

	(void)state;
	make_dir("odd", 0700);
	unit_file("other", "mine", 0644);
	for (size_t i = 0; i < COUNT(others); i++) {
		assert_int_equal(system(others[i]), 0);
		assert_int_equal(in_process(look_in_vain, "odd"), 0);
		assert_null(measure_read("odd"));
		assert_int_equal(system("rm -r odd/measure"), 0);
	}
	assert_true(stat("other", &st) == 0 && st.st_size == 4 && (st.st_mode & 0777) == 0644);
	assert_int_equal(in_process(look_in_vain, "nowhere"), 0);
}

static void modes_are_those_of_the_directory(void **state)
{
	struct stat st;

	(void)state;
	make_dir("alone", 0700);
	make_dir("shared", 02770);
	assert_int_equal(in_process(count_one, "alone"), 0);
	assert_int_equal(in_process(count_one, "shared"), 0);
	assert_true(stat("alone/measure", &st) == 0 && (st.st_mode & 0777) == 0600);
	assert_true(stat("shared/measure", &st) == 0 && (st.st_mode & 0777) == 0660);
	assert_true(st.st_blocks * 512 >= st.st_size); /* the disk has room for all of it */
	assert_int_equal(chmod("alone", 02770), 0);
	assert_int_equal(in_process(count_one, "alone"), 0);
	assert_true(stat("alone/measure", &st) == 0 && (st.st_mode & 0777) == 0660);
}

static void be_truncated(const char *dir)
{
	char path[64];

	snprintf(path, sizeof path, "%s/measure", dir);
	need(measure_look(dir, MEASURE_RECEIVER));
	measure_answer(MEASURE_STORED, 1, 1);
	need(truncate(path, 0) == 0);
	for (int i = 0; i < 10; i++)
		measure_answer(MEASURE_STORED, 1, 1);
	measure_attempt("out", MEASURE_DEAD, 1, 1);
	measure_traffic_tick(NOW);
	need(measure_look(dir, MEASURE_RECEIVER)); /* made anew */
	measure_answer(MEASURE_STORED, 1, 7);
	need(unlink(path) == 0 && measure_look(dir, MEASURE_RECEIVER));
	measure_answer(MEASURE_STORED, 1, 8);
}

static void truncated_file_kills_no_process(void **state)
{
	(void)state;
	make_dir("short", 0700);
	assert_int_equal(in_process(be_truncated, "short"), 0);
	assert_int_equal(read_now("short").sizes.sum, 8);
}

static void get_another_signal(const char *dir)
{
	need(measure_look(dir, MEASURE_RECEIVER));
	raise(SIGBUS);
}

static void other_faults_end_the_process(void **state)
{
	int status;

	(void)state;
	make_dir("fault", 0700);
	status = in_process(get_another_signal, "fault");
	assert_true(status != 0 && status != 9 << 8);
}

/* ---- health */

static void try_often(const char *dir)
{
	bool ok = true;

	need(measure_try(NOW, &ok) && !ok);
	measure_tried(NOW, true); /* before it is mapped */
	need(!measure_try(NOW + 999, &ok) && ok);
	need(measure_look(dir, MEASURE_RECEIVER));
	need(measure_try(NOW + 5000, &ok));
	measure_tried(NOW + 6000, false); /* it took a second */
	need(!measure_try(NOW + 6500, &ok) && !ok && !measure_try(NOW + 6999, &ok));
	need(measure_try(NOW + 7000, &ok) && !measure_try(NOW + 7001, &ok) && !ok); /* another process tries now */
	measure_tried(NOW + 7100, true);
	need(!measure_try(NOW + 7200, &ok) && ok);
	need(measure_try(NOW - 1000, &ok)); /* the clock was set back */
	measure_tried(NOW + 9000, true);
}

static void try_as_another(const char *dir)
{
	bool ok = false;

	need(measure_look(dir, MEASURE_RECEIVER) && !measure_try(NOW + 9500, &ok) && ok && measure_try(NOW + 10000, &ok));
}

static void health_is_tried_once_a_second(void **state)
{
	(void)state;
	make_dir("health", 0700);
	assert_int_equal(in_process(try_often, "health"), 0);
	assert_int_equal(in_process(try_as_another, "health"), 0);
}

/* ---- charts */

static void pass_time(const char *dir)
{
	static const char *const sinks[] = {"out", "in"};

	need(measure_look(dir, MEASURE_RECEIVER));
	measure_answer(MEASURE_STORED, 1, 1); /* before the first point: in none */
	measure_traffic_tick(NOW - 10 * MINUTE + 500);
	measure_answer(MEASURE_STORED, 1, 1);
	measure_answer(MEASURE_REFUSED, 300, 1);
	measure_traffic_tick(NOW - 10 * MINUTE + 1500); /* the same minute */
	measure_traffic_tick(NOW - 9 * MINUTE);
	measure_answer(MEASURE_STORED, 1, 1);
	measure_traffic_tick(NOW - 10 * MINUTE + 59999); /* a process that is a little behind */
	measure_answer(MEASURE_STORED, 1, 1);
	measure_traffic_tick(NOW - 2 * MINUTE); /* after a pause */
	measure_traffic_tick(NOW + 1);
	measure_answer(MEASURE_FAILED, 1, 1);
	need(measure_backlog_due(NOW - 3 * MINUTE));
	measure_backlog_note(NOW - 3 * MINUTE, sinks, (const int64_t[]){7, INT64_C(5000000000)}, 2);
	need(!measure_backlog_due(NOW - 3 * MINUTE + 59000) && measure_backlog_due(NOW));
	measure_backlog_note(NOW, sinks + 1, (const int64_t[]){1}, 1);
}

static void points_are_differences(void **state)
{
	struct measure_traffic t[MEASURE_POINTS];
	struct measure_backlog b[MEASURE_POINTS];
	struct measure_copy *m;

	(void)state;
	make_dir("time", 0700);
	assert_int_equal(in_process(pass_time, "time"), 0);
	m = measure_read("time");
	assert_non_null(m);
	assert_int_equal(measure_traffic_points(m, MEASURE_HOUR, NOW + 5000, t), 60);
	assert_true(t[59].at == NOW && t[0].at == NOW - 59 * INT64_C(60000));
	assert_true(t[49].answers[MEASURE_STORED] == 1 && t[49].answers[MEASURE_REFUSED] == 1);
	assert_true(t[49].durations[0] == 1 && t[49].durations[1] == 1);
	assert_int_equal(t[50].answers[MEASURE_STORED], 2);
	for (int i = 0; i < 59; i++)
		assert_true(i == 49 || i == 50 || !t[i].answers[MEASURE_STORED]);
	assert_true(t[59].answers[MEASURE_FAILED] == 1 && !t[59].answers[MEASURE_STORED]);
	assert_int_equal(measure_traffic_points(m, MEASURE_DAY, NOW + 5000, t), 288);
	assert_true(t[287].answers[MEASURE_FAILED] == 1 && t[285].answers[MEASURE_STORED] == 3);
	assert_int_equal(measure_traffic_points(m, MEASURE_WEEK, NOW + 5000, t), 168);
	assert_true(t[167].answers[MEASURE_FAILED] == 1 && t[166].answers[MEASURE_STORED] == 3);
	assert_int_equal(measure_traffic_points(m, MEASURE_HOUR, NOW + 1000 * INT64_C(86400000), t), 60); /* long after */
	for (int i = 0; i < 60; i++)
		assert_int_equal(t[i].answers[MEASURE_STORED], 0);
	assert_int_equal(measure_traffic_points(m, MEASURE_HOUR, 5, t), 0); /* a clock that is not set */
	assert_int_equal(measure_backlog_points(m, MEASURE_HOUR, NOW + 5000, b), 60);
	assert_true(b[56].known && !b[55].known && !b[57].known && b[59].known);
	assert_true(b[56].pending[1] == 7 && b[56].pending[2] == UINT32_MAX);
	assert_true(b[59].pending[1] == 0 && b[59].pending[2] == 1);
	measure_free(m);
}

static void make_points_of_a_day(const char *dir)
{
	need(measure_look(dir, MEASURE_RECEIVER));
	for (int i = 0; i < 24 * 60; i++) {
		measure_traffic_tick(NOW + i * INT64_C(60000));
		measure_answer(MEASURE_STORED, 1, 1);
	}
	measure_traffic_tick(NOW - 30 * INT64_C(60000)); /* the clock was set back */
	measure_answer(MEASURE_DUPLICATE, 1, 1);
}

static void rings_are_used_again(void **state)
{
	struct measure_traffic t[MEASURE_POINTS];
	struct measure_copy *m;
	uint64_t sum = 0;

	(void)state;
	make_dir("ring", 0700);
	assert_int_equal(in_process(make_points_of_a_day, "ring"), 0);
	m = measure_read("ring");
	assert_non_null(m);
	assert_int_equal(measure_traffic_points(m, MEASURE_HOUR, NOW + (24 * 60 - 1) * INT64_C(60000), t), 60);
	for (int i = 0; i < 60; i++)
		assert_int_equal(t[i].answers[MEASURE_STORED], 1);
	measure_traffic_points(m, MEASURE_DAY, NOW + (24 * 60 - 1) * INT64_C(60000), t);
	for (int i = 0; i < 288; i++)
		sum += t[i].answers[MEASURE_STORED];
	assert_int_equal(sum, 24 * 60);
	measure_traffic_points(m, MEASURE_HOUR, NOW - 30 * INT64_C(60000), t);
	assert_int_equal(t[59].answers[MEASURE_DUPLICATE], 1);
	measure_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counters_survive_a_kill),
		cmocka_unit_test(processes_add_at_the_same_time),
		cmocka_unit_test(sinks_have_places),
		cmocka_unit_test(damaged_file_is_made_anew),
		cmocka_unit_test(only_a_plain_file_is_taken),
		cmocka_unit_test(modes_are_those_of_the_directory),
		cmocka_unit_test(truncated_file_kills_no_process),
		cmocka_unit_test(other_faults_end_the_process),
		cmocka_unit_test(health_is_tried_once_a_second),
		cmocka_unit_test(points_are_differences),
		cmocka_unit_test(rings_are_used_again),
	};

	return cmocka_run_group_tests_name("measure", tests, unit_enter, unit_leave);
}
