/* SPDX-License-Identifier: ISC */
/*
 * The files of long bodies: appending, what failed transactions leave, wiping, and rows that are damaged or forged. A server has no such
 * files: this is SQLite's alone.
 */
#define _GNU_SOURCE /* fallocate */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/syscall.h>

#include "core/crc32c.c" /* both ways to compute it */
#include "spool/delete.h"
#include "spool/events.h"
#include "spool/query/delete.h"
#include "spool/spool.h"
#include "spool/sqlite/append.h"
#include "spool/sqlite/hole.h"

enum { SIZE = 300 * 1000, BLOCKS = 74 * 4096 /* of a body */ };

static char text[SIZE + 1];

static const char *body_of(char c)
{
	memset(text, c, SIZE);
	return text;
}

static void put_body(struct spool *s, const char *body)
{
	struct spool_event ev = {
		.endpoint = "/a", .event = slice_text("e"), .headers = slice_text("H: v\n"), .body = slice_text(body), .remote_addr = "",
		.received_at = 1000,
	};
	char why[256];

	if (!spool_put(s, &ev, why, sizeof why))
		fail_msg("%s", why);
}

static struct spool *new_spool(const char *dir)
{
	return spool_new(dir, JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
}

static struct spool_db *open_spool(const char *dir)
{
	struct spool_db *db = spool_db_new();

	if (!spool_db_open(db, dir, JOURNAL_WAL, SPOOL_MANAGE))
		fail_msg("%s", spool_db_error(db));
	return db;
}

static int64_t number_of(struct spool_db *db, const char *sql)
{
	return spool_db_pragma(db, sql);
}

static int64_t file_size(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

/* True when the file has only zeros there. */
static bool is_wiped(const char *path, int64_t at, size_t n)
{
	char *bytes = malloc(n);
	int fd = open(path, O_RDONLY);
	bool wiped = true;

	assert_int_equal(pread(fd, bytes, n, at), n);
	for (size_t i = 0; i < n; i++)
		wiped = wiped && !bytes[i];
	close(fd);
	free(bytes);
	return wiped;
}

/* Each event's body is so many times the same letter; the letters in the order of ids. */
static void assert_bodies(struct spool_db *db, const char *letters)
{
	struct spool_events_iter *it = spool_events_find(db, &spool_filter_all);
	struct spool_row row;

	for (; *letters; letters++) {
		assert_true(spool_events_next(it, &row));
		assert_int_equal(row.body.n, SIZE);
		assert_memory_equal(row.body.p, body_of(*letters), SIZE);
	}
	assert_false(spool_events_next(it, &row));
	assert_true(spool_events_end(it));
}

static void delete_event(struct spool_db *db, int64_t id)
{
	struct spool_deleted sum = {0};

	assert_true(spool_delete(db, &(struct spool_doomed){id, SIZE}, 1, 0, false, false, &sum));
	assert_int_equal(sum.events, 1);
}

/* ---- the checksum and the place */

static void checksum_is_that_of_the_rfc(void **state)
{
	char bytes[300];

	(void)state;
	memset(bytes, 0, 32); /* RFC 3720, appendix B.4 */
	assert_int_equal(crc32c(bytes, 32), 0x8A9136AA);
	assert_int_equal(crc32c("123456789", 9), 0xE3069283);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)(i * 7);
	for (size_t n = 0; n < 280; n++)
		assert_int_equal(crc32c(bytes + n % 9, n), ~by_table(~0u, (const unsigned char *)bytes + n % 9, n));
}

static void place_is_packed_in_order(void **state)
{
	unsigned char a[SPOOL_SEGMENT_PLACE], b[SPOOL_SEGMENT_PLACE];
	struct spool_place p = {7, 255, 70000, 0xDEADBEEF}, q;

	(void)state;
	spool_segment_pack(&p, a);
	assert_true(spool_segment_unpack(7, (struct slice){(char *)a, sizeof a}, &q));
	assert_true(q.segment == 7 && q.at == 255 && q.n == 70000 && q.sum == 0xDEADBEEF);
	p.at = 256;
	spool_segment_pack(&p, b);
	assert_true(memcmp(a, b, sizeof a) < 0);
	assert_false(spool_segment_unpack(7, (struct slice){(char *)a, sizeof a - 1}, &q));
	assert_false(spool_segment_unpack(0, (struct slice){(char *)a, sizeof a}, &q));
	assert_false(spool_segment_unpack(INT64_MAX, (struct slice){(char *)a, sizeof a}, &q));
	memset(a, 0xFF, sizeof a);
	assert_false(spool_segment_unpack(7, (struct slice){(char *)a, sizeof a}, &q));
	a[0] = a[8] = 0x7F;
	assert_false(spool_segment_unpack(7, (struct slice){(char *)a, sizeof a}, &q));
}

/* ---- appending */

/* One sync more costs less than writing them twice: only then long bodies are in a segment. */
static void many_bytes_of_long_bodies_go_to_a_segment(void **state)
{
	struct spool *s = new_spool("many");
	struct spool_event ev[SPOOL_SEGMENT_BATCH / SPOOL_SEGMENT_LEAST + 2];
	struct spool_db *db;
	char why[256];

	(void)state;
	for (size_t i = 0; i < COUNT(ev); i++)
		ev[i] = (struct spool_event){.endpoint = "/a", .event = slice_text("e"), .headers = slice_text(""), .remote_addr = "",
			.body = {body_of('a'), SPOOL_SEGMENT_LEAST}, .next = i + 1 < COUNT(ev) ? &ev[i + 1] : NULL};
	ev[0].body.n = SPOOL_SEGMENT_LEAST - 1;
	assert_true(spool_put(s, &ev[COUNT(ev) - 1], why, sizeof why));
	assert_int_equal(file_size("many/bodies-1"), -1);
	assert_true(spool_put(s, ev, why, sizeof why));
	db = open_spool("many");
	assert_int_equal(number_of(db, "SELECT count(*) FROM event"), COUNT(ev) + 1);
	assert_int_equal(number_of(db, "SELECT count(*) FROM event WHERE segment = 1"), COUNT(ev) - 1);
	spool_db_free(db);
	spool_close(s);
}

static void long_segment_is_followed_by_another(void **state)
{
	struct spool *s = new_spool("long");
	struct spool_db *db;
	char *large = calloc(1, (1 << 20) + 1);

	(void)state;
	memset(large, 'x', 1 << 20);
	for (int i = 0; i < SPOOL_SEGMENT_MOST / (1 << 20) + 1; i++)
		put_body(s, large);
	spool_close(s);
	assert_int_equal(file_size("long/bodies-1"), SPOOL_SEGMENT_MOST);
	assert_int_equal(file_size("long/bodies-2"), 1 << 20);
	db = open_spool("long");
	assert_int_equal(number_of(db, "SELECT count(*) FROM event WHERE segment = 2"), 1);
	spool_db_free(db);
	free(large);
}

/* Begins a transaction that has a long body, as far as its sync where that is wanted. */
static void begin_body(struct spool_append *a, struct spool_db *db, bool sync)
{
	struct slice body = slice_text(body_of('z'));
	struct spool_place place;

	*a = (struct spool_append){.db = db};
	assert_true(spool_db_begin(db, true));
	assert_true(spool_append_place(a, body, &place));
	assert_true(spool_append_take(a, body, &place));
	assert_true(!sync || spool_append_sync(a));
}

static void transaction_without_a_commit_leaves_nothing(void **state)
{
	struct spool *s = new_spool("cut");
	struct spool_append a;
	struct spool_db *db;

	(void)state;
	assert_true(spool_open(s, text, sizeof text));
	db = open_spool("cut");
	begin_body(&a, db, false);
	assert_int_equal(file_size("cut/bodies-1"), 0);
	spool_append_end(&a, false);
	spool_db_end(db);
	assert_int_equal(file_size("cut/bodies-1"), -1);
	put_body(s, body_of('a'));
	begin_body(&a, db, false);
	assert_int_equal(pwrite(a.fd, "half", 4, a.at), 4); /* then the disk is full */
	spool_append_end(&a, false);
	spool_db_end(db);
	assert_int_equal(file_size("cut/bodies-1"), SIZE);
	put_body(s, body_of('b'));
	assert_bodies(db, "ab");
	assert_int_equal(file_size("cut/bodies-2"), -1);
	spool_append_close(&a);
	spool_db_free(db);
	spool_close(s);
}

/* A batch of duplicates makes no file. */
static void duplicate_leaves_nothing(void **state)
{
	struct spool *s = new_spool("again");
	struct spool_event ev = {.endpoint = "/a", .event = slice_text("e"), .headers = slice_text(""), .remote_addr = "", .received_at = 1000,
		.key = slice_text("k"), .identity = SPOOL_IDENTITY_SIGNED, .body = slice_text("short")};
	char why[256];

	(void)state;
	assert_true(spool_put(s, &ev, why, sizeof why) && !ev.duplicate);
	ev.body = slice_text(body_of('a'));
	assert_true(spool_put(s, &ev, why, sizeof why) && ev.duplicate && ev.altered);
	assert_int_equal(file_size("again/bodies-1"), -1);
	put_body(s, body_of('b'));
	assert_true(spool_put(s, &ev, why, sizeof why) && ev.duplicate);
	assert_int_equal(file_size("again/bodies-1"), SIZE);
	spool_close(s);
}

/* SQLite may find a commit that failed in its log, so its bodies stay until the next one is there. */
static void failed_commit_leaves_its_bodies_as_a_hole(void **state)
{
	struct spool *s = new_spool("commit");
	struct spool_append a;
	struct spool_db *db;

	(void)state;
	put_body(s, body_of('a'));
	db = open_spool("commit");
	begin_body(&a, db, true);
	spool_append_end(&a, false);
	assert_true(db->fsync_failed);
	spool_db_end(db);
	assert_int_equal(file_size("commit/bodies-1"), BLOCKS + SIZE);
	assert_false(is_wiped("commit/bodies-1", BLOCKS, SIZE));
	put_body(s, body_of('b'));
	assert_int_equal(file_size("commit/bodies-2"), SIZE);
	assert_int_equal(number_of(db, "SELECT count(*) FROM hole WHERE segment = 1"), 1);
	assert_true(spool_delete_wipe(db));
	assert_true(is_wiped("commit/bodies-1", SIZE, BLOCKS));
	assert_false(spool_hole_any(db));
	assert_bodies(db, "ab");
	spool_append_close(&a);
	spool_db_free(db);
	spool_close(s);
}

static void dirty_flag_makes_the_next_process_take_a_new_segment(void **state)
{
	struct spool *s = new_spool("dirty");
	struct spool_db *db;
	int fd;

	(void)state;
	put_body(s, body_of('a'));
	spool_close(s);
	fd = open("dirty/lock", O_RDWR);
	assert_int_equal(pwrite(fd, "\1", 1, 0), 1);
	close(fd);
	s = new_spool("dirty");
	put_body(s, body_of('b'));
	put_body(s, body_of('c'));
	spool_close(s);
	db = open_spool("dirty");
	assert_int_equal(number_of(db, "SELECT count(*) FROM event WHERE segment = 2"), 2);
	assert_bodies(db, "abc");
	spool_db_free(db);
}

static void file_that_no_row_is_in_goes(void **state)
{
	struct spool *s = new_spool("left");
	struct spool_db *db;

	(void)state;
	put_body(s, body_of('a'));
	unit_file("left/bodies-2", "of a killed process", 0600);
	unit_file("left/bodies-3", "of another one", 0600);
	unit_file("left/bodies-x", "no segment", 0600);
	db = open_spool("left");
	assert_true(spool_delete_wipe(db));
	assert_true(file_size("left/bodies-2") < 0 && file_size("left/bodies-3") < 0 && file_size("left/bodies-x") > 0);
	put_body(s, body_of('b'));
	assert_bodies(db, "ab");
	assert_int_equal(number_of(db, "SELECT max(segment) FROM event"), 4); /* no number is used twice */
	spool_db_free(db);
	spool_close(s);
}

static void damaged_segment_is_not_appended_to(void **state)
{
	struct spool *s = new_spool("short");
	struct spool_db *db;

	(void)state;
	put_body(s, body_of('a'));
	assert_int_equal(truncate("short/bodies-1", 100), 0);
	put_body(s, body_of('b'));
	assert_int_equal(file_size("short/bodies-1"), 100);
	assert_int_equal(unlink("short/bodies-2"), 0);
	put_body(s, body_of('c'));
	db = open_spool("short");
	assert_int_equal(number_of(db, "SELECT max(segment) FROM event"), 3);
	spool_db_free(db);
	spool_close(s);
}

/* Receiver and relay of two users share a directory by its group. */
static void segment_has_the_mode_of_the_directory(void **state)
{
	struct spool *s = new_spool("shared");
	struct stat st;

	(void)state;
	put_body(s, body_of('a'));
	assert_int_equal(stat("shared/bodies-1", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	spool_close(s);
	assert_int_equal(chmod("shared", 02770), 0);
	s = new_spool("shared");
	assert_int_equal(unlink("shared/hookspool.db"), 0);
	put_body(s, body_of('a')); /* of a new database */
	assert_int_equal(stat("shared/bodies-2", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	spool_close(s);
	assert_int_equal(chmod("shared", 0700), 0);
	s = new_spool("shared");
	put_body(s, body_of('b'));
	assert_int_equal(stat("shared/bodies-2", &st), 0);
	assert_int_equal(st.st_mode & 0777, geteuid() == 0 ? 0660 : 0600);
	spool_close(s);
}

/* The database may be moved away for a moment. Its bodies are found again when it is back. */
static void segments_of_another_database_stay(void **state)
{
	struct spool *s = new_spool("moved");
	struct spool_db *db;

	(void)state;
	put_body(s, body_of('a'));
	put_body(s, body_of('b'));
	spool_close(s);
	db = open_spool("moved");
	assert_true(spool_delete_wipe(db)); /* the log is empty */
	spool_db_free(db);
	assert_int_equal(rename("moved/hookspool.db", "moved-database"), 0);
	s = new_spool("moved");
	put_body(s, body_of('c'));
	spool_close(s);
	db = open_spool("moved");
	assert_bodies(db, "c");
	assert_int_equal(number_of(db, "SELECT max(segment) FROM event"), 2);
	delete_event(db, 1);
	assert_true(spool_delete_wipe(db));
	assert_int_equal(file_size("moved/bodies-1"), BLOCKS + SIZE);
	assert_int_equal(file_size("moved/bodies-2"), -1);
	spool_db_free(db);
	assert_int_equal(system("rm -f moved/hookspool.db*; mv moved-database moved/hookspool.db"), 0);
	db = open_spool("moved");
	assert_bodies(db, "ab");
	spool_db_free(db);
}

/* ---- wiping */

static bool no_holes; /* the file system makes none */

int fallocate(int fd, int mode, off_t at, off_t n)
{
	if (!no_holes)
		return (int)syscall(SYS_fallocate, fd, mode, at, n);
	errno = EOPNOTSUPP;
	return -1;
}

static void wipe_deleted(const char *dir)
{
	struct spool *s = new_spool(dir);
	char path[64];
	struct spool_db *db;

	snprintf(path, sizeof path, "%s/bodies-1", dir);
	for (const char *c = "abcd"; *c; c++)
		put_body(s, body_of(*c));
	db = open_spool(dir);
	delete_event(db, 2);
	assert_true(spool_hole_any(db));
	assert_false(is_wiped(path, BLOCKS, SIZE));
	assert_true(spool_delete_wipe(db));
	assert_true(is_wiped(path, BLOCKS, SIZE));
	assert_false(spool_hole_any(db));
	assert_bodies(db, "acd");
	delete_event(db, 4); /* the last one: its bytes are not used again */
	put_body(s, body_of('e'));
	assert_true(spool_delete_wipe(db));
	assert_bodies(db, "ace");
	assert_true(is_wiped(path, INT64_C(3) * BLOCKS, SIZE));
	spool_db_free(db);
	spool_close(s);
}

static void deleted_body_becomes_zeros(void **state)
{
	(void)state;
	wipe_deleted("wipe");
	no_holes = true;
	wipe_deleted("wipe-by-writes");
	no_holes = false;
}

/* The next call wipes the rest, when it can. */
static void segment_that_cannot_be_wiped_stops_no_other(void **state)
{
	struct spool *s = new_spool("stuck");
	struct spool_db *db;

	(void)state;
	for (const char *c = "abc"; *c; c++)
		put_body(s, body_of(*c));
	db = open_spool("stuck");
	delete_event(db, 2);
	assert_int_equal(rename("stuck/bodies-1", "stuck/away"), 0);
	assert_true(mkdir("stuck/bodies-1", 0700) == 0 && mkdir("stuck/bodies-2", 0700) == 0); /* also for root */
	unit_file("stuck/bodies-3", "of a killed process", 0600);
	assert_false(spool_delete_wipe(db));
	assert_non_null(strstr(spool_db_error(db), "bodies-1: wiping deleted bodies: "));
	assert_int_equal(file_size("stuck/bodies-3"), -1);
	assert_int_equal(number_of(db, "SELECT count(*) FROM hole WHERE segment < 3"), 2);
	assert_int_equal(number_of(db, "SELECT count(*) FROM hole"), 2);
	assert_true(rmdir("stuck/bodies-1") == 0 && rmdir("stuck/bodies-2") == 0);
	assert_int_equal(rename("stuck/away", "stuck/bodies-1"), 0);
	assert_true(spool_delete_wipe(db));
	assert_true(is_wiped("stuck/bodies-1", BLOCKS, SIZE));
	assert_false(spool_hole_any(db));
	assert_bodies(db, "ac");
	spool_db_free(db);
	spool_close(s);
}

/* A reader that still sees the event must find its body. */
static void body_that_a_reader_sees_is_not_wiped(void **state)
{
	struct spool *s = new_spool("reader");
	struct spool_db *db, *reader;

	(void)state;
	put_body(s, body_of('a'));
	put_body(s, body_of('b'));
	reader = open_spool("reader");
	spool_db_snapshot(reader, true);
	assert_int_equal(number_of(reader, "SELECT count(*) FROM event"), 2);
	db = open_spool("reader");
	delete_event(db, 1);
	delete_event(db, 2);
	db->engine->rest(db);
	assert_true(spool_hole_any(db));
	assert_bodies(reader, "ab");
	spool_db_snapshot(reader, false);
	db->engine->rest(db);
	assert_false(spool_hole_any(db));
	assert_int_equal(file_size("reader/bodies-1"), -1);
	spool_db_free(reader);
	spool_db_free(db);
	spool_close(s);
}

/* ---- forged rows */

static void change(struct spool_db *db, const char *sql)
{
	if (!spool_db_exec(db, sql))
		fail_msg("%s: %s", sql, sqlite3_errmsg(db->sql));
}

/* Each is refused, and the error names the event. Nothing beyond the file's end is read. */
static void forged_place_is_refused(void **state)
{
	static const char *const forged[] = {
		"body = x''", "body = x'00'", "segment = 99", "segment = 9223372036854775807", "segment = -1", "segment = 'x/../y'",
		"body = x'0000000000000000000000003B9ACA0000000000'", /* a billion bytes */
		"body = x'7FFFFFFFFFFFFFFF7FFFFFFFFFFFFFFF00000000'", "body = x'FFFFFFFFFFFFFFFF000000000000000100000000'",
		"body = x'0000000000001000000000000000100000000000'", /* another checksum */
	};
	struct spool *s = new_spool("forged");
	struct spool_db *db;
	char sql[256];

	(void)state;
	put_body(s, body_of('a'));
	spool_close(s);
	db = open_spool("forged");
	for (size_t i = 0; i < COUNT(forged); i++) {
		struct spool_events_iter *it;
		struct spool_row row;

		snprintf(sql, sizeof sql, "DROP TABLE IF EXISTS good; CREATE TEMP TABLE good AS SELECT segment, body FROM event;"
			" UPDATE event SET %s", forged[i]);
		change(db, sql);
		it = spool_events_get(db, 1);
		assert_false(spool_events_next(it, &row));
		assert_false(spool_events_end(it));
		assert_non_null(strstr(spool_db_error(db), "the body of event 1: "));
		assert_int_equal(spool_db_error_kind(db), SPOOL_ERROR_DAMAGED);
		change(db, "UPDATE event SET segment = (SELECT segment FROM good), body = (SELECT body FROM good)");
	}
	assert_bodies(db, "a");
	spool_db_free(db);
}

/* Numbers of files that a forged row uses up stop long bodies, and nothing else. */
static void forged_number_stops_long_bodies_alone(void **state)
{
	struct spool *s = new_spool("number");
	struct spool_event ev = {.endpoint = "/a", .event = slice_text("e"), .headers = slice_text(""), .body = slice_text(body_of('b')), .remote_addr = ""};
	struct spool_db *db;
	char why[256];

	(void)state;
	put_body(s, body_of('a'));
	db = open_spool("number");
	change(db, "UPDATE event SET segment = 9223372036854775807");
	assert_false(spool_put(s, &ev, why, sizeof why));
	assert_non_null(strstr(why, "used up"));
	put_body(s, "short");
	spool_db_free(db);
	spool_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksum_is_that_of_the_rfc),
		cmocka_unit_test(place_is_packed_in_order),
		cmocka_unit_test(many_bytes_of_long_bodies_go_to_a_segment),
		cmocka_unit_test(long_segment_is_followed_by_another),
		cmocka_unit_test(transaction_without_a_commit_leaves_nothing),
		cmocka_unit_test(duplicate_leaves_nothing),
		cmocka_unit_test(failed_commit_leaves_its_bodies_as_a_hole),
		cmocka_unit_test(dirty_flag_makes_the_next_process_take_a_new_segment),
		cmocka_unit_test(file_that_no_row_is_in_goes),
		cmocka_unit_test(damaged_segment_is_not_appended_to),
		cmocka_unit_test(segment_has_the_mode_of_the_directory),
		cmocka_unit_test(segments_of_another_database_stay),
		cmocka_unit_test(deleted_body_becomes_zeros),
		cmocka_unit_test(segment_that_cannot_be_wiped_stops_no_other),
		cmocka_unit_test(body_that_a_reader_sees_is_not_wiped),
		cmocka_unit_test(forged_place_is_refused),
		cmocka_unit_test(forged_number_stops_long_bodies_alone),
	};

	return cmocka_run_group_tests_name("spool_segment", tests, unit_enter, unit_leave);
}
