/* SPDX-License-Identifier: ISC */
/*
 * Drivers of files: what is written, the torn last line, rotation, failing disks and disks that hang. fdatasync(2) and fsync(2)
 * are this program's own: they count, fail and wait as a test wants.
 */
#define _GNU_SOURCE /* nftw, syscall */
#include "driving.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "sink/dir.h"
#include "sink/file.h"
#include "spool/event_line.h"

static atomic_int flushes;           /* how many there were */
static atomic_int skipping, failing; /* so many work, and so many fail then */
static atomic_int hanging;           /* 1: they wait */

static int flush(long number, int fd)
{
	flushes++;
	while (hanging)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	if (skipping > 0) {
		skipping--;
	} else if (failing > 0) {
		failing--;
		errno = EIO;
		return -1;
	}
	return (int)syscall(number, fd);
}

int fdatasync(int fd)
{
	return flush(SYS_fdatasync, fd);
}

int fsync(int fd)
{
	return flush(SYS_fsync, fd);
}

static char home_dir[64], out_path[96];
static struct file_options file_now;
static struct dir_options dir_now;
static struct buf sent_lines;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int begin(void **state)
{
	begin_driving(state);
	now->sink.max_in_flight = DRIVING_MOST;
	flushes = skipping = failing = hanging = 0;
	snprintf(home_dir, sizeof home_dir, "/tmp/test_disk.XXXXXX");
	assert_non_null(mkdtemp(home_dir));
	snprintf(out_path, sizeof out_path, "%s/out", home_dir);
	file_now = (struct file_options){.path = out_path, .mode = 0640};
	dir_now = (struct dir_options){.path = out_path, .mode = 0640};
	return 0;
}

static int end(void **state)
{
	hanging = 0;
	end_driving(*state);
	nftw(home_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	buf_free(&sent_lines);
	return 0;
}

/* The same as send_batch_of(), and keeps the lines that a file gets. */
static void send_lines_of(struct fixture *f, int n, int64_t timeout)
{
	for (int i = f->n; i < f->n + n; i++) {
		struct attempt *a = make_attempt(i + 1, 1000, 0, NULL);

		assert_true(event_line(&a->event, text("Lead"), &sent_lines));
		attempt_free(a);
	}
	send_batch_of(f, n, timeout);
}

static void send_and_wait(struct fixture *f, int n)
{
	send_lines_of(f, n, 5000);
	wait_until(f, f->n, 5000);
}

static void read_file(const char *path, struct buf *out)
{
	char block[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY);

	out->len = 0;
	assert_true(fd >= 0);
	while ((n = read(fd, block, sizeof block)) > 0)
		buf_add(out, block, (size_t)n);
	close(fd);
}

static void write_file(const char *path, const char *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
}

static void assert_file(const char *path, const char *content, size_t n)
{
	struct buf there = {0};

	read_file(path, &there);
	assert_int_equal(there.len, n);
	assert_memory_equal(there.data, content, n);
	buf_free(&there);
}

/* The file has the text before, and the lines of all that was sent. */
static void assert_lines(const char *before)
{
	struct buf all = {0};

	buf_add_text(&all, before);
	buf_add(&all, sent_lines.data, sent_lines.len);
	assert_file(out_path, buf_str(&all), all.len);
	buf_free(&all);
}

static void assert_delivered(const struct fixture *f, int from, int to)
{
	for (int i = from; i < to; i++)
		if (f->reported[i].calls != 1 || f->reported[i].verdict != SINK_DELIVERED)
			fail_msg("%d: %s", i, f->reported[i].error);
}

static int count_entries(const char *path, const char *part)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	int n = 0;

	assert_non_null(d);
	while ((entry = readdir(d)))
		n += entry->d_name[0] != '.' && strstr(entry->d_name, part);
	closedir(d);
	return n;
}

/* True when a file of the directory begins so. */
static bool is_in_some(const char *path, const char *beginning)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	struct buf there = {0};
	bool found = false;
	char name[512];

	while ((entry = readdir(d))) {
		snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
		if (entry->d_name[0] == '.')
			continue;
		read_file(name, &there);
		found = found || strncmp(buf_str(&there), beginning, strlen(beginning)) == 0;
	}
	closedir(d);
	buf_free(&there);
	return found;
}

/* ---- file */

static void batch_is_one_flush(void **state)
{
	struct fixture *f = *state;
	char place[32];
	struct stat st;
	size_t second;

	open_type(f, &type_file, &file_now);
	send_and_wait(f, 1);
	assert_int_equal(flushes, 2); /* of the directory, too */
	second = sent_lines.len;
	send_and_wait(f, 8);
	assert_int_equal(flushes, 3);
	assert_delivered(f, 0, 9);
	assert_lines("");
	assert_string_equal(f->reported[0].place, "offset 0");
	snprintf(place, sizeof place, "offset %zu", second);
	assert_string_equal(f->reported[1].place, place);
	assert_int_equal(stat(out_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
}

static void torn_last_line_is_cut(void **state)
{
	static const char *const torn[] = {"{\"id\":1}\n{\"id\":2,\"end", "{", "{\"id\":1}\n{\"id\":2}\n{\"id\":3}"};
	static const char *const whole[] = {"{\"id\":1}\n", "", "{\"id\":1}\n{\"id\":2}\n"};
	struct fixture *f = *state;

	open_type(f, &type_file, &file_now);
	for (size_t i = 0; i < COUNT(torn); i++) {
		write_file(out_path, torn[i]);
		sent_lines.len = 0;
		send_and_wait(f, 1);
		assert_lines(whole[i]);
	}
}

static void long_torn_line_is_cut(void **state)
{
	struct fixture *f = *state;
	struct buf content = {0};

	buf_add_text(&content, "{}\n{");
	for (int i = 0; i < 100000; i++)
		buf_add_text(&content, "x");
	write_file(out_path, buf_str(&content));
	buf_free(&content);
	open_type(f, &type_file, &file_now);
	send_and_wait(f, 1);
	assert_lines("{}\n");
}

static void file_of_another_program_is_not_cut(void **state)
{
	static const char *const contents[] = {"notes", "line\nnotes"};
	struct fixture *f = *state;

	open_type(f, &type_file, &file_now);
	for (size_t i = 0; i < COUNT(contents); i++) {
		write_file(out_path, contents[i]);
		send_and_wait(f, 1);
		assert_int_equal(f->reported[i].verdict, SINK_RETRY);
		assert_true(f->reported[i].target_failed && !f->reported[i].in_doubt);
		assert_non_null(strstr(f->reported[i].error, "another program's"));
		assert_file(out_path, contents[i], strlen(contents[i]));
	}
}

static void failed_write_is_taken_back(void **state)
{
	struct fixture *f = *state;
	struct rlimit before, small;

	open_type(f, &type_file, &file_now);
	send_and_wait(f, 1);
	getrlimit(RLIMIT_FSIZE, &before);
	small = (struct rlimit){sent_lines.len + 100, before.rlim_max};
	setrlimit(RLIMIT_FSIZE, &small);
	send_and_wait(f, 3);
	setrlimit(RLIMIT_FSIZE, &before);
	for (int i = 1; i < 4; i++) {
		assert_int_equal(f->reported[i].verdict, SINK_RETRY);
		assert_true(f->reported[i].target_failed && !f->reported[i].in_doubt);
		assert_non_null(strstr(f->reported[i].error, "File too large"));
	}
	sent_lines.len /= 4; /* the lines are of one length */
	assert_lines("");
	send_and_wait(f, 1);
	assert_delivered(f, 4, 5);
	assert_lines("");
}

static void failed_flush_is_doubt(void **state)
{
	struct fixture *f = *state;

	open_type(f, &type_file, &file_now);
	send_and_wait(f, 1);
	failing = 1;
	send_and_wait(f, 2);
	for (int i = 1; i < 3; i++)
		assert_true(f->reported[i].verdict == SINK_RETRY && f->reported[i].target_failed && f->reported[i].in_doubt);
	sent_lines.len /= 3;
	assert_lines("");
	send_and_wait(f, 1);
	assert_delivered(f, 3, 4);
	assert_lines("");
}

static void directory_that_is_not_flushed_delivers_nothing(void **state)
{
	struct fixture *f = *state;

	open_type(f, &type_file, &file_now);
	failing = 1;
	send_and_wait(f, 1);
	assert_int_equal(f->reported[0].verdict, SINK_RETRY);
	sent_lines.len = 0;
	send_and_wait(f, 1);
	assert_delivered(f, 1, 2);
	assert_lines("");
}

static void renamed_file_is_left(void **state)
{
	struct fixture *f = *state;
	char aside[128];

	open_type(f, &type_file, &file_now);
	send_and_wait(f, 1);
	snprintf(aside, sizeof aside, "%s.1", out_path);
	assert_int_equal(rename(out_path, aside), 0);
	sent_lines.len = 0;
	send_and_wait(f, 1);
	assert_lines("");
	unlink(out_path);
	sent_lines.len = 0;
	send_and_wait(f, 1);
	assert_lines("");
}

static void only_a_regular_file_is_written_to(void **state)
{
	struct fixture *f = *state;

	open_type(f, &type_file, &file_now);
	assert_int_equal(mkfifo(out_path, 0600), 0);
	send_and_wait(f, 1);
	unlink(out_path);
	assert_int_equal(symlink("other", out_path), 0);
	send_and_wait(f, 1);
	assert_non_null(strstr(f->reported[0].error, "no regular file"));
	assert_non_null(strstr(f->reported[1].error, "symbolic link"));
	assert_int_equal(count_entries(home_dir, "other"), 0);
}

/* Also several times in a second, when the older ones of that second are gone: the newest are kept. */
static void large_file_is_rotated(void **state)
{
	struct fixture *f = *state;

	file_now.rotate_size = 1;
	file_now.rotate_keep = 2;
	open_type(f, &type_file, &file_now);
	write_file(out_path, "");
	for (int i = 0; i < 6; i++) {
		sent_lines.len = 0;
		send_and_wait(f, 1);
		assert_lines("");
	}
	assert_delivered(f, 0, 6);
	assert_int_equal(count_entries(home_dir, "out.2"), 2);
	assert_true(is_in_some(home_dir, "{\"id\":104,") && is_in_some(home_dir, "{\"id\":105,"));
}

static void clock_set_back_rotates_behind_the_newest(void **state)
{
	struct fixture *f = *state;
	char path[160];

	snprintf(path, sizeof path, "%s.20990101T000000Z", out_path);
	write_file(path, "{}\n");
	file_now.rotate_size = 1;
	file_now.rotate_keep = 1;
	open_type(f, &type_file, &file_now);
	send_and_wait(f, 2);
	send_and_wait(f, 1);
	assert_int_equal(count_entries(home_dir, "out.20990101T000000Z-2"), 1);
	assert_int_equal(count_entries(home_dir, "out."), 1);
}

static void rotation_replaces_and_removes_no_other_file(void **state)
{
	static const char *const others[] = {"out.20260101T000000Z.gz", "out.20260101T000000", "out.1", "out2.20260101T000000Z", "out.20260101T000000Z-0"};
	struct fixture *f = *state;
	char path[160];

	for (size_t i = 0; i < COUNT(others); i++) {
		snprintf(path, sizeof path, "%s/%s", home_dir, others[i]);
		write_file(path, "other");
	}
	file_now.rotate_size = 1;
	file_now.rotate_keep = 1;
	open_type(f, &type_file, &file_now);
	for (int i = 0; i < 4; i++)
		send_and_wait(f, 1);
	for (size_t i = 0; i < COUNT(others); i++) {
		snprintf(path, sizeof path, "%s/%s", home_dir, others[i]);
		assert_file(path, "other", 5);
	}
	assert_int_equal(count_entries(home_dir, ""), (int)COUNT(others) + 2);
}

static void rotation_removes_the_oldest(void **state)
{
	static const char *const old[] = {"out.20250101T000000Z-10", "out.20250101T000000Z", "out.20250101T000000Z-9", "out.20241231T235959Z-20"};
	struct fixture *f = *state;
	char path[160];

	for (size_t i = 0; i < COUNT(old); i++) {
		snprintf(path, sizeof path, "%s/%s", home_dir, old[i]);
		write_file(path, "old");
	}
	write_file(out_path, "{}\n");
	file_now.rotate_size = 1;
	file_now.rotate_keep = 2;
	open_type(f, &type_file, &file_now);
	send_and_wait(f, 1);
	assert_int_equal(count_entries(home_dir, "out.20250101T000000Z-10"), 1); /* and the new one */
	assert_int_equal(count_entries(home_dir, "out."), 2);
}

static void file_of_an_earlier_day_is_rotated(void **state)
{
	struct fixture *f = *state;
	struct timespec times[2];

	file_now.rotate_every = 86400 * 1000;
	open_type(f, &type_file, &file_now);
	send_and_wait(f, 1);
	send_and_wait(f, 1);
	assert_int_equal(count_entries(home_dir, "out."), 0);
	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= 86400;
	times[1] = times[0];
	assert_int_equal(utimensat(AT_FDCWD, out_path, times, 0), 0);
	sent_lines.len = 0;
	send_and_wait(f, 1);
	assert_lines("");
	assert_int_equal(count_entries(home_dir, "out."), 1);
}

/* ---- dir */

static void event_is_a_file(void **state)
{
	struct fixture *f = *state;
	char path[160];
	struct stat st;

	open_type(f, &type_dir, &dir_now);
	send_and_wait(f, 3);
	assert_delivered(f, 0, 3);
	assert_int_equal(flushes, 1 + 3 + 1); /* the parent, the files, the directory */
	snprintf(path, sizeof path, "%s/evt_spool_101", out_path);
	assert_file(path, "{\"text\":\"hello\"}", 16);
	assert_string_equal(f->reported[0].place, "evt_spool_101");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(count_entries(out_path, "evt_"), 3);
	snprintf(path, sizeof path, "%s/tmp", out_path);
	assert_int_equal(count_entries(path, ""), 0);
	assert_int_equal(stat(out_path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
}

static void file_that_fails_fails_alone(void **state)
{
	struct fixture *f = *state;
	char path[160];

	assert_int_equal(mkdir(out_path, 0700), 0);
	snprintf(path, sizeof path, "%s/evt_spool_102", out_path);
	assert_int_equal(mkdir(path, 0700), 0);
	open_type(f, &type_dir, &dir_now);
	send_and_wait(f, 3);
	assert_delivered(f, 0, 1);
	assert_true(f->reported[1].verdict == SINK_RETRY && !f->reported[1].target_failed);
	assert_delivered(f, 2, 3);
	snprintf(path, sizeof path, "%s/tmp", out_path);
	assert_int_equal(count_entries(path, ""), 0);
}

static void unflushed_file_is_not_there(void **state)
{
	struct fixture *f = *state;

	open_type(f, &type_dir, &dir_now);
	send_and_wait(f, 1);
	failing = 1;
	send_and_wait(f, 2);
	assert_true(f->reported[1].verdict == SINK_RETRY && f->reported[1].target_failed && !f->reported[1].in_doubt);
	assert_delivered(f, 2, 3);
	assert_int_equal(count_entries(out_path, "evt_"), 2);
}

static void unflushed_directory_is_doubt_for_all(void **state)
{
	struct fixture *f = *state;

	open_type(f, &type_dir, &dir_now);
	send_and_wait(f, 1);
	skipping = 2; /* the files */
	failing = 1;
	send_and_wait(f, 2);
	for (int i = 1; i < 3; i++)
		assert_true(f->reported[i].verdict == SINK_RETRY && f->reported[i].target_failed && f->reported[i].in_doubt);
	send_and_wait(f, 1);
	assert_delivered(f, 3, 4);
}

static void stale_files_are_removed(void **state)
{
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	struct fixture *f = *state;
	char path[160];

	mkdir(out_path, 0700);
	snprintf(path, sizeof path, "%s/tmp", out_path);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/tmp/evt_spool_1", out_path);
	write_file(path, "old");
	utimensat(AT_FDCWD, path, old, 0);
	snprintf(path, sizeof path, "%s/tmp/other", out_path);
	write_file(path, "old");
	utimensat(AT_FDCWD, path, old, 0);
	snprintf(path, sizeof path, "%s/tmp/evt_spool_2", out_path);
	write_file(path, "new");
	open_type(f, &type_dir, &dir_now);
	send_and_wait(f, 1);
	snprintf(path, sizeof path, "%s/tmp", out_path);
	assert_int_equal(count_entries(path, ""), 2);
	assert_int_equal(count_entries(path, "evt_spool_1"), 0);
}

static void id_cannot_leave_the_directory(void **state)
{
	struct fixture *f = *state;
	struct attempt *a;

	open_type(f, &type_dir, &dir_now);
	a = f->attempt[f->n++] = make_attempt(1, 1000, 0, NULL);
	snprintf(a->id, sizeof a->id, "evt_x/../../y_1");
	a->message.deadline = clock_mono_us() + 5000 * 1000;
	sink_send(f->target, &a->message);
	wait_until(f, 1, 5000);
	assert_int_equal(f->reported[0].verdict, SINK_REFUSED);
}

/* ---- a disk that hangs */

static void disk_that_hangs_is_reported_at_the_deadline(void **state)
{
	struct fixture *f = *state;
	int64_t began = clock_mono_us();

	hanging = 1;
	open_type(f, &type_file, &file_now);
	send_lines_of(f, 2, 2000);
	while (!flushes)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	send_lines_of(f, 2, 50);
	wait_until(f, 2, 20000);
	for (int i = 2; i < 4; i++)
		assert_true(f->reported[i].verdict == SINK_RETRY && f->reported[i].unsent && !f->reported[i].in_doubt);
	wait_until(f, 4, 20000);
	for (int i = 0; i < 2; i++)
		assert_true(f->reported[i].verdict == SINK_RETRY && f->reported[i].in_doubt && f->reported[i].target_failed);
	assert_in_range(clock_mono_us() - began, 2000 * 1000, 20000 * 1000);
	hanging = 0;
	send_and_wait(f, 1);
	assert_delivered(f, 4, 5);
	for (int i = 0; i < 5; i++)
		assert_int_equal(f->reported[i].calls, 1);
}

/* What came while the disk was busy is one write and one flush. */
static void test_what_waits_is_one_batch(void **state)
{
	struct fixture *f = *state;
	int before;

	open_type(f, &type_file, &file_now);
	send_and_wait(f, 1);
	before = flushes;
	hanging = 1;
	send_lines_of(f, 1, 5000);
	while (flushes == before)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	for (int i = 0; i < 4; i++)
		send_lines_of(f, 3, 5000);
	hanging = 0;
	wait_until(f, 14, 5000);
	assert_int_equal(flushes, before + 2);
	assert_delivered(f, 0, 14);
	assert_lines("");
}

/* At its deadline each of what waits is reported, and the rest stays. */
static void test_some_of_what_waits_are_late(void **state)
{
	struct fixture *f = *state;

	open_type(f, &type_file, &file_now);
	hanging = 1;
	send_lines_of(f, 1, 30000);
	while (!flushes)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	send_lines_of(f, 2, 30000);
	send_lines_of(f, 1, 50);
	send_lines_of(f, 1, 30000);
	wait_until(f, 1, 20000);
	assert_true(f->reported[3].calls == 1 && f->reported[3].unsent);
	hanging = 0;
	wait_until(f, 5, 5000);
	assert_delivered(f, 0, 3);
	assert_delivered(f, 4, 5);
}

static void close_waits_a_second_for_a_disk_that_hangs(void **state)
{
	struct fixture *f = *state;
	int64_t began;

	hanging = 1;
	open_type(f, &type_file, &file_now);
	send_lines_of(f, 1, 60000);
	send_lines_of(f, 1, 60000);
	while (!flushes)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	began = clock_mono_us();
	sink_stop(f->target);
	sink_close(f->target);
	f->target = NULL;
	assert_in_range(clock_mono_us() - began, 900 * 1000, 20000 * 1000);
	assert_int_equal(f->done, 0);
	hanging = 0;
	nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL); /* the thread frees all, as a leak checker sees */
}

/* Not after the second that a disk that hangs is given. On a busy machine a flush may take as long, and so the quickest of some counts. */
static void close_ends_at_once_where_the_disk_works(void **state)
{
	struct fixture *f = *state;
	int64_t began, took = INT64_MAX;

	for (int i = 0; i < 10 && took > 500 * 1000; i++) {
		open_type(f, &type_file, &file_now);
		send_lines_of(f, 1, 60000);
		began = clock_mono_us();
		sink_stop(f->target);
		sink_close(f->target);
		f->target = NULL;
		assert_int_equal(f->done, 0);
		took = clock_mono_us() - began;
	}
	assert_true(took < 500 * 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(batch_is_one_flush),
		TEST(torn_last_line_is_cut),
		TEST(long_torn_line_is_cut),
		TEST(file_of_another_program_is_not_cut),
		TEST(failed_write_is_taken_back),
		TEST(failed_flush_is_doubt),
		TEST(directory_that_is_not_flushed_delivers_nothing),
		TEST(renamed_file_is_left),
		TEST(only_a_regular_file_is_written_to),
		TEST(large_file_is_rotated),
		TEST(clock_set_back_rotates_behind_the_newest),
		TEST(rotation_replaces_and_removes_no_other_file),
		TEST(rotation_removes_the_oldest),
		TEST(file_of_an_earlier_day_is_rotated),
		TEST(event_is_a_file),
		TEST(file_that_fails_fails_alone),
		TEST(unflushed_file_is_not_there),
		TEST(unflushed_directory_is_doubt_for_all),
		TEST(stale_files_are_removed),
		TEST(id_cannot_leave_the_directory),
		TEST(disk_that_hangs_is_reported_at_the_deadline),
		TEST(test_what_waits_is_one_batch),
		TEST(test_some_of_what_waits_are_late),
		TEST(close_waits_a_second_for_a_disk_that_hangs),
		TEST(close_ends_at_once_where_the_disk_works),
	};

	return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
