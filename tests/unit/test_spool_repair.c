/* SPDX-License-Identifier: ISC */
/*
 * spool/sqlite/repair.c: what the repair after a failed fsync writes, and when it is made. The crash tests show that it suffices. A
 * server repairs itself: this is SQLite's alone.
 */
#define _DEFAULT_SOURCE /* syscall */
#include "unit.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/syscall.h>

#include "spool/spool.h"
#include "spool/sqlite/db.h"

static void put(struct spool *s, const char *body)
{
	struct spool_event ev = {
		.endpoint = "/a", .event = slice_text("e"), .headers = slice_text("H: v\n"), .body = slice_text(body), .remote_addr = "",
		.received_at = 1000,
	};
	char why[256];

	if (!spool_put(s, &ev, why, sizeof why))
		fail_msg("%s", why);
}

static int64_t count_events(const char *dir)
{
	struct spool_db db = {0};
	sqlite3_stmt *st;
	int64_t n;

	assert_true(spool_db_open(&db, dir, JOURNAL_WAL, SPOOL_MANAGE));
	assert_int_equal(sqlite3_prepare_v2(db.sql, "SELECT count(*) FROM event", -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	spool_db_close(&db);
	return n;
}

enum { WRITTEN_MOST = 64 << 20, BLOCK = 4096 };

static struct {
	dev_t dev;
	ino_t ino; /* of the file that is watched */
	size_t first; /* bytes of its first block that were written */
	bool block[WRITTEN_MOST / BLOCK]; /* that were written, in part or whole */
} written;

typedef ssize_t pwrite_call(int fd, const void *p, size_t n, off_t at);

static ssize_t watch_pwrite(int fd, const void *p, size_t n, off_t at)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_ino == written.ino && st.st_dev == written.dev) {
		for (off_t b = at / BLOCK; b <= (at + (off_t)n - 1) / BLOCK; b++)
			written.block[b] = true;
		written.first = at == 0 ? n : written.first;
	}
	return pwrite(fd, p, n, at);
}

/* Sees SQLite's calls of pwrite() from now on, for that file. */
static void watch_writes(const char *path)
{
	static const char *const names[] = {"pwrite", "pwrite64"};
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
	pwrite_call *call = watch_pwrite;
	sqlite3_syscall_ptr as_any;
	struct stat st;

	memcpy(&as_any, &call, sizeof as_any);
	for (size_t i = 0; i < COUNT(names); i++)
		vfs->xSetSystemCall(vfs, names[i], as_any);
	memset(&written, 0, sizeof written);
	assert_int_equal(stat(path, &st), 0);
	written.dev = st.st_dev;
	written.ino = st.st_ino;
}

static void end_watch(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	vfs->xSetSystemCall(vfs, NULL, NULL);
}

/* True when all blocks of those bytes of the watched file were written. */
static bool all_written(size_t from, size_t to)
{
	bool all = true;

	for (size_t b = from / BLOCK; b <= (to - 1) / BLOCK; b++)
		all = all && written.block[b];
	return all;
}

/* A spool with more than one checkpoint's events, whose dirty flag is set. */
static void make_dirty(const char *dir, enum journal journal)
{
	struct spool *s = spool_new(dir, journal, SPOOL_RECEIVE, limits(10));
	char path[64], *large = calloc(1, 100001);
	int fd;

	memset(large, 'x', 100000);
	for (int k = 0; k < 60; k++)
		put(s, large);
	spool_close(s);
	free(large);
	snprintf(path, sizeof path, "%s/lock", dir);
	fd = open(path, O_RDWR);
	assert_int_equal(pwrite(fd, "\1", 1, 0), 1);
	close(fd);
}

/*
 * Repairs the spool, and watches the writes into one of its files. All files must have the same bytes as before, but for
 * the lock's, which says that no process appends to the segments that there are. */
static void repair_watched(const char *dir, enum journal journal, const char *ending)
{
	struct spool_db db = {0};
	char command[128], path[64];

	snprintf(command, sizeof command, "printf '\\0' >%s/lock; cp -r %s before; printf '\\1' >%s/lock", dir, dir, dir);
	assert_int_equal(system(command), 0);
	assert_true(spool_db_open(&db, dir, journal, SPOOL_MANAGE));
	assert_true(db.fsync_failed);
	snprintf(path, sizeof path, "%s/hookspool.db%s", dir, ending);
	watch_writes(path);
	assert_true(spool_db_begin(&db, true));
	end_watch();
	assert_false(db.fsync_failed);
	spool_db_end(&db);
	spool_db_close(&db);
	snprintf(command, sizeof command, "diff -r -x '*-shm' -x lock %s before && rm -r before", dir);
	assert_int_equal(system(command), 0);
	assert_int_equal(count_events(dir), 60);
}

enum { WAL_HEADER = 32, FRAME_HEADER = 24, PAGE = 16384 }; /* SQLite's file format, section 4.1 */

/* Lists the page numbers of the log's frames with the header's salts; 0 ends the list. The caller frees it. */
static uint32_t *read_frames(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	uint32_t *pages;
	size_t n = 0;
	char *log;

	assert_int_equal(fstat(fd, &st), 0);
	log = malloc((size_t)st.st_size);
	assert_int_equal(read(fd, log, (size_t)st.st_size), st.st_size);
	close(fd);
	pages = calloc((size_t)st.st_size / PAGE + 1, sizeof *pages);
	for (const char *f = log + WAL_HEADER; f + FRAME_HEADER + PAGE <= log + st.st_size && memcmp(f + 8, log + 16, 8) == 0; f += FRAME_HEADER + PAGE) {
		const unsigned char *number = (const unsigned char *)f;

		pages[n++] = (uint32_t)number[0] << 24 | (uint32_t)number[1] << 16 | (uint32_t)number[2] << 8 | number[3];
	}
	free(log);
	assert_true(n > 10);
	return pages;
}

/* The repair writes each frame of the log again, and each page that one of them may have been copied to, with the same bytes. */
static void repair_writes_the_log_and_its_pages_again(void **state)
{
	size_t frames = 0, copied = 0;
	uint32_t *pages;
	struct stat st;

	(void)state;
	make_dirty("repair-log", JOURNAL_WAL);
	pages = read_frames("repair-log/hookspool.db-wal");
	while (pages[frames])
		frames++;
	repair_watched("repair-log", JOURNAL_WAL, "-wal");
	assert_true(all_written(0, WAL_HEADER + frames * (FRAME_HEADER + PAGE)));
	free(pages);

	make_dirty("repair-pages", JOURNAL_WAL);
	pages = read_frames("repair-pages/hookspool.db-wal");
	repair_watched("repair-pages", JOURNAL_WAL, "");
	assert_int_equal(stat("repair-pages/hookspool.db", &st), 0);
	for (size_t i = 0; pages[i]; i++) {
		if ((off_t)pages[i] * PAGE > st.st_size)
			continue;
		assert_true(all_written((size_t)(pages[i] - 1) * PAGE, (size_t)pages[i] * PAGE));
		copied++;
	}
	assert_true(copied > 1);
	free(pages);
}

/* Without a log the repair ends the journal: its header becomes zeros before it is cut. */
static void repair_ends_the_journal(void **state)
{
	(void)state;
	make_dirty("repair-delete", JOURNAL_DELETE);
	repair_watched("repair-delete", JOURNAL_DELETE, "-journal");
	assert_int_equal(written.first, 28);
}

/* The dirty flag makes the next transaction repair, also on a handle that was opened before the receiver chose a WAL. */
static void dirty_flag_makes_the_next_process_repair(void **state)
{
	struct spool_db old = {0}, new = {0};
	char why[256];
	struct spool *s;
	int fd;

	(void)state;
	s = spool_new("marked", JOURNAL_DELETE, SPOOL_RECEIVE, limits(10));
	put(s, "{}");
	spool_close(s);
	assert_true(spool_db_open(&old, "marked", JOURNAL_WAL, SPOOL_MANAGE) && !old.wal);
	assert_int_equal(sqlite3_exec(old.sql, "SELECT count(*) FROM event", NULL, NULL, NULL), SQLITE_OK);
	assert_true(spool_db_open(&new, "marked", JOURNAL_WAL, SPOOL_RECEIVE) && new.wal);
	assert_true(spool_db_begin(&new, true));
	spool_db_end(&new);
	fd = open("marked/lock", O_RDWR);
	assert_int_equal(pwrite(fd, "\1", 1, 0), 1);
	assert_true(spool_db_begin(&old, true));
	assert_true(old.wal && !old.fsync_failed);
	spool_db_end(&old);
	assert_int_equal(pread(fd, why, 1, 0), 1);
	assert_int_equal(why[0], 0);
	close(fd);
	spool_db_close(&old);
	spool_db_close(&new);
}

static bool log_was_there; /* at the last fsync of a directory */

/* The calls of hookspool and of SQLite come here. */
int fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		log_was_there = faccessat(fd, "hookspool.db-wal", F_OK, 0) == 0;
	return (int)syscall(SYS_fsync, fd);
}

/* SQLite makes the log at the first read, and ignores a failed fsync of the directory: hookspool syncs the log's name itself. */
static void name_of_a_new_log_is_synced(void **state)
{
	struct spool *s = spool_new("names", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	char why[256];

	(void)state;
	assert_true(spool_open(s, why, sizeof why));
	assert_true(log_was_there);
	spool_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(repair_writes_the_log_and_its_pages_again),
		cmocka_unit_test(repair_ends_the_journal),
		cmocka_unit_test(dirty_flag_makes_the_next_process_repair),
		cmocka_unit_test(name_of_a_new_log_is_synced),
	};

	return cmocka_run_group_tests_name("spool_repair", tests, unit_enter, unit_leave);
}
