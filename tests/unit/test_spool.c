/* SPDX-License-Identifier: ISC */
/*
 * SQLite's engine: its files and their owners, its lock, journal and schema, full disks and moved files, and commits that threads share.
 * A server has none of these files: these cases are SQLite's alone.
 */
#define _DEFAULT_SOURCE /* syscall */
#include "unit.h"
#include "put.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/clock.h"
#include "spool/fs.h"
#include "spool/spool.h"
#include "spool/sqlite/db.h"
#include "spool/sqlite/schema.h"

static int64_t number_in(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st;
	int64_t v;

	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	v = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return v;
}

/* One integer from the spool's database in dir. */
static int64_t ask(const char *dir, const char *sql)
{
	char path[64];
	sqlite3 *db;
	int64_t v;

	snprintf(path, sizeof path, "%s/hookspool.db", dir);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	v = number_in(db, sql);
	sqlite3_close(db);
	return v;
}

/* Ids go up by one for what is stored, and none comes again when its event is gone. */
static void event_ids_grow_and_are_not_reused(void **state)
{
	struct spool *s = spool_new("ids", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	int64_t id;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(put(s, "/a", "1", "one", &id), i ? DUPLICATE : STORED);
		assert_int_equal(id, 1);
	}
	assert_int_equal(put(s, "/a", "2", "two", &id), STORED);
	assert_int_equal(id, 2);
	assert_int_equal(ask("ids", "DELETE FROM event RETURNING 0"), 0);
	assert_int_equal(put(s, "/a", "2", "two", &id), STORED);
	assert_int_equal(id, 3);
	spool_close(s);
}

/* A list is stored whole, in its order, its own duplicates told apart; or not at all. */
static void batch_is_stored_whole(void **state)
{
	struct spool *s = spool_new("many", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	struct spool_event ev[4];
	const char *const keys[4] = {"1", "2", "1", NULL};
	char why[256];

	(void)state;
	for (size_t i = 0; i < COUNT(ev); i++) {
		ev[i] = event("/a", keys[i], "one");
		if (i > 0)
			ev[i - 1].next = &ev[i];
	}
	assert_true(spool_put(s, ev, why, sizeof why));
	assert_false(ev[0].duplicate || ev[1].duplicate || ev[3].duplicate);
	assert_true(ev[2].duplicate);
	assert_int_equal(ev[2].id, ev[0].id);
	assert_true(ev[0].id < ev[1].id && ev[1].id < ev[3].id);

	ev[0].key = text("3");
	ev[3].headers = (struct slice){0}; /* NOT NULL in the schema */
	assert_false(spool_put(s, ev, why, sizeof why));
	spool_close(s);
	assert_int_equal(ask("many", "SELECT count(*) FROM event"), 3);
}

static void spool_files_are_private(void **state)
{
	struct spool *s = spool_new("private", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	static const char *const names[] = {"private/hookspool.db", "private/hookspool.db-wal", "private/hookspool.db-shm",
		"private/lock"};
	struct stat st;
	mode_t mask = umask(0);
	int64_t id;

	(void)state;
	assert_int_equal(put(s, "/a", "k", "one", &id), STORED);
	umask(mask);
	assert_int_equal(stat("private", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	for (size_t i = 0; i < COUNT(names); i++) {
		assert_int_equal(stat(names[i], &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	spool_close(s);
	assert_int_equal(chmod("private", 0755), 0); /* as an FTP client makes it */
	s = spool_new("private", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	assert_int_equal(put(s, "/a", "k", "one", &id), DUPLICATE);
	assert_int_equal(stat("private", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	spool_close(s);
}

/* True when another process sees a lock on the file. */
static bool is_locked(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int status = 1;

	if (fork() == 0)
		_exit(fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK);
	wait(&status);
	return status == 0;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

/* As the user of the receiver: root's files are left alone. Returns 0 when the lock on the file was kept. */
static int adopt_all(int dir_fd, int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_SETLK, &lock) != 0 || (geteuid() == 0 && setuid(65534) != 0))
		return 1;
	for (const char *const *name = (const char *const[]){"file", "link", "none", NULL}; *name; name++)
		spool_fs_adopt(dir_fd, *name);
	return !is_locked(fd);
}

/* A file of the receiver's gets the mode of the spool. A link is not followed, and SQLite's locks stay. */
static void owner_of_spool_files_is_repaired(void **state)
{
	static const char *const names[] = {"adopted/file", "other"};
	int dir_fd, fd = -1, status = 1;

	(void)state;
	assert_int_equal(mkdir("adopted", 0700), 0);
	for (size_t i = 0; i < COUNT(names); i++) {
		close(fd);
		fd = open(names[i], O_RDWR | O_CREAT, 0600);
		assert_true(fd >= 0);
		assert_int_equal(fchmod(fd, 0640), 0);
		assert_true(geteuid() != 0 || fchown(fd, 65534, (gid_t)-1) == 0);
	}
	close(fd);
	assert_int_equal(symlink("../other", "adopted/link"), 0);
	assert_true(geteuid() != 0 || chown("adopted", 65534, (gid_t)-1) == 0);
	dir_fd = open("adopted", O_RDONLY | O_DIRECTORY);
	fd = open("adopted/file", O_RDWR);
	if (fork() == 0)
		_exit(adopt_all(dir_fd, fd));
	wait(&status);
	assert_int_equal(status, 0);
	assert_int_equal(mode_of("adopted/file"), 0600);
	assert_int_equal(mode_of("other"), 0640);
	close(fd);
	close(dir_fd);
}

/* ---- while another process holds the lock */

static int hold_lock(const char *dir)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "%s/lock", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	return fd;
}

struct timed_put {
	struct spool *spool;
	int64_t deadline_ms; /* from now */
	int64_t took_ms;
	bool ok;
};

static void *put_timed(void *arg)
{
	struct timed_put *t = arg;
	struct spool_event ev = event("/a", "late", "late");
	int64_t begin = clock_mono_us();
	char why[256];

	ev.deadline = begin + t->deadline_ms * 1000;
	t->ok = spool_put(t->spool, &ev, why, sizeof why);
	t->took_ms = (clock_mono_us() - begin) / 1000;
	return NULL;
}

static void test_lock_is_waited_for_until_the_deadline(void **state)
{
	struct spool *s = spool_new("deadline", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	struct timed_put early = {s, 1300, 0, true}, past = {s, -5000, 0, true};
	int64_t id;
	int lock;

	(void)state;
	assert_int_equal(put(s, "/a", "1", "1", &id), STORED);
	lock = hold_lock("deadline");
	put_timed(&early);
	put_timed(&past); /* it waits a second in any case */
	close(lock);
	assert_false(early.ok);
	assert_true(early.took_ms >= 1250 && early.took_ms < 2500);
	assert_false(past.ok);
	assert_true(past.took_ms >= 950 && past.took_ms < 2000);
	assert_int_equal(put(s, "/a", "2", "2", &id), STORED);
	spool_close(s);
	assert_int_equal(ask("deadline", "SELECT count(*) FROM event"), 2);
}

/* A thread waits for the lock, and another's deadline comes before that. */
static void test_queue_is_left_at_the_deadline(void **state)
{
	struct spool *s = spool_new("queue", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	struct timed_put first = {s, 1500, 0, true}, second = {s, 500, 0, true}, third = {s, 20000, 0, false};
	pthread_t thread, other;
	int64_t id;
	int lock;

	(void)state;
	assert_int_equal(put(s, "/a", "1", "1", &id), STORED);
	lock = hold_lock("queue");
	pthread_create(&thread, NULL, put_timed, &first);
	nanosleep(&(struct timespec){.tv_nsec = 200 * 1000 * 1000}, NULL);
	pthread_create(&other, NULL, put_timed, &third);
	put_timed(&second);
	assert_false(second.ok);
	assert_true(second.took_ms >= 450 && second.took_ms < 1000);
	pthread_join(thread, NULL);
	assert_false(first.ok);
	close(lock);
	pthread_join(other, NULL);
	assert_true(third.ok);
	spool_close(s);
	assert_int_equal(ask("queue", "SELECT count(*) FROM event"), 2);
}

/* A file size limit stands in for a full disk: SQLite sees the write fail. */
static void failed_commit_stores_nothing_and_the_next_succeeds(void **state)
{
	struct spool *s = spool_new("full", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	struct rlimit was, limit;
	char *large = calloc(1, 300001);
	int64_t id;

	(void)state;
	memset(large, 'x', 300000);
	assert_int_equal(put(s, "/a", "1", "small", &id), STORED);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	limit = was;
	limit.rlim_cur = 200000;
	setrlimit(RLIMIT_FSIZE, &limit);
	assert_int_equal(put(s, "/a", "2", large, &id), FAILED);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_int_equal(ask("full", "SELECT count(*) FROM event"), 1);
	assert_int_equal(put(s, "/a", "2", large, &id), STORED);
	assert_int_equal(put(s, "/a", "1", "small", &id), DUPLICATE);
	spool_close(s);
	free(large);
	assert_int_equal(ask("full", "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1);
}

static void spool_moved_away_is_noticed(void **state)
{
	struct spool *s = spool_new("moved", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	int64_t id;

	(void)state;
	assert_int_equal(put(s, "/a", "1", "one", &id), STORED);
	assert_int_equal(rename("moved", "elsewhere"), 0);
	assert_int_equal(put(s, "/a", "2", "two", &id), STORED);
	spool_close(s);
	assert_int_equal(ask("moved", "SELECT count(*) FROM event WHERE key = '2'"), 1);
	assert_int_equal(ask("elsewhere", "SELECT count(*) FROM event"), 1);
}

static void spool_that_cannot_be_opened_is_an_error(void **state)
{
	struct spool *s = spool_new("file", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	int64_t id;

	(void)state;
	unit_file("file", "", 0600);
	assert_int_equal(put(s, "/a", "1", "one", &id), FAILED);
	assert_int_equal(unlink("file"), 0);
	assert_int_equal(put(s, "/a", "1", "one", &id), STORED);
	spool_close(s);
	s = spool_new("missing", JOURNAL_WAL, SPOOL_MANAGE, limits(10));
	assert_int_equal(put(s, "/a", "1", "one", &id), FAILED);
	assert_int_not_equal(access("missing", F_OK), 0);
	spool_close(s);
}

static void newer_schema_is_left_alone(void **state)
{
	struct spool *s = spool_new("newer", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	int64_t id;

	(void)state;
	assert_int_equal(put(s, "/a", "1", "one", &id), STORED);
	spool_close(s);
	assert_int_equal(system("sqlite3 newer/hookspool.db 'PRAGMA user_version=99' >/dev/null"), 0);
	s = spool_new("newer", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	assert_int_equal(put(s, "/a", "2", "two", &id), FAILED);
	spool_close(s);
	assert_int_equal(ask("newer", "SELECT count(*) FROM event"), 1);
}

static void wal_is_checkpointed(void **state)
{
	struct spool *s = spool_new("wal", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	char *large = calloc(1, 100001);
	struct stat st;
	int64_t id;

	(void)state;
	memset(large, 'x', 100000);
	for (int i = 0; i < 200; i++)
		assert_int_equal(put(s, "/a", NULL, large, &id), STORED);
	spool_close(s);
	free(large);
	assert_int_equal(stat("wal/hookspool.db-wal", &st), 0); /* closing does not checkpoint */
	assert_true(st.st_size < 8 << 20);
	assert_int_equal(stat("wal/hookspool.db", &st), 0);
	assert_true(st.st_size > 10 << 20);
}

static void journal_delete_is_supported(void **state)
{
	struct spool *s = spool_new("delete", JOURNAL_DELETE, SPOOL_RECEIVE, limits(10));
	int64_t id;

	(void)state;
	assert_int_equal(put(s, "/a", "1", "one", &id), STORED);
	assert_int_not_equal(access("delete/hookspool.db-wal", F_OK), 0);
	spool_close(s);
	assert_int_equal(ask("delete", "SELECT count(*) FROM event"), 1);
}

static void reject(struct spool *s, int64_t at, const char *body)
{
	spool_reject(s, &(struct spool_reject){.code = "malformed", .received_at = at, .body = text(body), .headers = text("A: b\n")});
}

/* A spool of the first schema: everything in it stays, and counts of secrets by number become counts. */
static void first_schema_is_migrated(void **state)
{
	static const char make[] =
		"mkdir -m 700 first; sqlite3 first/hookspool.db >/dev/null \"PRAGMA journal_mode=WAL;"
		"CREATE TABLE event(id INTEGER PRIMARY KEY, received_at INTEGER NOT NULL, endpoint TEXT NOT NULL,"
		" secret INTEGER NOT NULL, event TEXT NOT NULL, key TEXT, account TEXT, sender_id TEXT, sender_name TEXT,"
		" conversation TEXT, sent_at TEXT, remote_addr TEXT, headers TEXT NOT NULL, body BLOB NOT NULL);"
		"CREATE UNIQUE INDEX event_key ON event(endpoint, key) WHERE key IS NOT NULL;"
		"CREATE TABLE deleted(last_id INTEGER NOT NULL); INSERT INTO deleted VALUES(6);"
		"CREATE TABLE reject(id INTEGER PRIMARY KEY AUTOINCREMENT, received_at INTEGER NOT NULL, endpoint TEXT,"
		" code TEXT NOT NULL, reason TEXT, bytes INTEGER NOT NULL, remote_addr TEXT, body BLOB);"
		"CREATE TABLE counter(endpoint TEXT NOT NULL, code TEXT NOT NULL, secret INTEGER NOT NULL, n INTEGER NOT NULL,"
		" last_at INTEGER NOT NULL, PRIMARY KEY(endpoint, code, secret)) WITHOUT ROWID;"
		"INSERT INTO event VALUES(7, 1, '/a', 1, 'e', '1', '', '', '', '', '', '', '', 'one');"
		"INSERT INTO reject VALUES(3, 1, '/a', 'malformed', NULL, 2, '', NULL);"
		"INSERT INTO counter VALUES('/a', 'stored', 1, 5, 10), ('/a', 'stored', 2, 6, 9);"
		"PRAGMA user_version=1\"; chmod 600 first/hookspool.db*";
	struct spool *s = spool_new("first", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	int64_t id;

	(void)state;
	assert_int_equal(system(make), 0);
	assert_int_equal(put(s, "/a", "1", "one", &id), DUPLICATE);
	assert_int_equal(id, 7);
	assert_int_equal(put(s, "/a", "2", "two", &id), STORED);
	assert_int_equal(id, 8);
	reject(s, 2, "body");
	spool_flush(s);
	spool_close(s);
	assert_int_equal(ask("first", "PRAGMA user_version"), 5);
	assert_int_equal(ask("first", "SELECT count(*) FROM reject"), 2);
	assert_int_equal(ask("first", "SELECT n FROM counter WHERE secret = 0 AND last_at = 10"), 11);
	assert_int_equal(ask("first", "SELECT count(*) FROM counter"), 1);
}

static void counters_wait_for_a_spool(void **state)
{
	static const char stored[] = "stored";
	struct spool *s = spool_new("late", JOURNAL_WAL, SPOOL_RECEIVE, limits(3));

	(void)state;
	unit_file("late", "", 0600);
	for (int i = 0; i < 3; i++) {
		spool_count(s, &(struct spool_tally){"/a", stored, 0, 100, i, 0});
		spool_flush(s);
	}
	assert_int_equal(unlink("late"), 0);
	spool_flush(s);
	spool_close(s);
	assert_int_equal(ask("late", "SELECT n FROM counter"), 3);
}

/*
 * Another process holds the lock and does not let go: the waiter gives up, and nothing is stuck. Housekeeping gives up early, and
 * events wait as long as before.
 */
static void lock_wait_is_bounded(void **state)
{
	struct spool *s = spool_new("held", JOURNAL_WAL, SPOOL_RECEIVE, limits(3));
	struct spool_db keeper = {.housekeeping = true};
	int64_t id, began, gave_up;
	int hold[2];
	pid_t holder;
	char c;

	(void)state;
	assert_int_equal(put(s, "/a", "1", "one", &id), STORED);
	assert_true(spool_db_open(&keeper, "held", JOURNAL_WAL, SPOOL_MANAGE));
	assert_int_equal(pipe(hold), 0);
	holder = fork();
	if (holder == 0) {
		struct spool_db db = {0};

		if (spool_db_open(&db, "held", JOURNAL_WAL, SPOOL_MANAGE) &&
		    spool_db_begin(&db, true))
			(void)!write(hold[1], "x", 1);
		pause();
	}
	assert_int_equal(read(hold[0], &c, 1), 1);
	began = clock_mono_us();
	assert_false(spool_db_begin(&keeper, true));
	gave_up = clock_mono_us();
	assert_true(gave_up - began < 4000000);
	assert_int_equal(put(s, "/a", "2", "two", &id), FAILED);
	assert_true(clock_mono_us() - gave_up > 4000000);
	spool_db_close(&keeper);
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	assert_int_equal(put(s, "/a", "2", "two", &id), STORED);
	spool_close(s);
}

/* A part of the spool's work, in a thread of its own. */
struct part {
	struct spool *s;
	const char *key; /* of the event that is put; NULL: a probe */
	bool ok;
	pthread_t thread;
	atomic_int number; /* of the thread; 0: it has not begun */
};

static void *do_part(void *arg)
{
	struct part *p = arg;
	char why[256];
	int64_t id;

	atomic_store(&p->number, (int)syscall(SYS_gettid));
	p->ok = p->key ? put(p->s, "/a", p->key, "one", &id) == STORED : spool_probe(p->s, why, sizeof why);
	return NULL;
}

static const struct timespec a_moment = {.tv_nsec = 50000000}; /* for a thread to begin to wait */

static void *flush(void *arg)
{
	spool_flush(arg);
	return NULL;
}

/* Takes the lock of all processes, so that what is begun now waits. */
static void hold(struct spool_db *db, const char *dir)
{
	assert_true(spool_db_open(db, dir, JOURNAL_WAL, SPOOL_MANAGE));
	assert_true(spool_db_begin(db, true));
}

static void let_go(struct spool_db *db)
{
	spool_db_end(db);
	spool_db_close(db);
}

/* True for a thread that sleeps (proc(5), state S). */
static bool is_asleep(int number)
{
	char path[64], text[512] = "";
	const char *p;
	FILE *f;

	snprintf(path, sizeof path, "/proc/self/task/%d/stat", number);
	f = number ? fopen(path, "r") : NULL;
	if (!f)
		return false;
	(void)!fgets(text, sizeof text, f);
	fclose(f);
	p = strrchr(text, ')');
	return p && strncmp(p, ") S", 3) == 0;
}

/* Begins a part, and returns when its thread waits, however busy the machine is: for a lock, or for those before it. */
static void start(struct part *p)
{
	const struct timespec little = {.tv_nsec = 1000000};
	int looks = 0;

	assert_int_equal(pthread_create(&p->thread, NULL, do_part, p), 0);
	for (int i = 0; looks < 30 && i < 20000; i++) {
		looks = is_asleep(atomic_load(&p->number)) ? looks + 1 : 0;
		nanosleep(&little, NULL);
	}
}

static off_t size_of_log(const char *dir)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof path, "%s/hookspool.db-wal", dir);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static atomic_int syncs;

/* SQLite's calls come here. */
int fdatasync(int fd)
{
	atomic_fetch_add(&syncs, 1);
	return (int)syscall(SYS_fdatasync, fd);
}

/* Group commit: the events of all threads that wait for the handle are on the disk after one sync. */
static void waiting_threads_share_a_commit(void **state)
{
	static const char *const keys[] = {"1", "2", "3", "4", "5", "6", "7", "8"};
	struct spool *s = spool_new("group", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	struct part parts[COUNT(keys)];
	struct spool_db other = {0};
	int64_t id;

	(void)state;
	assert_int_equal(put(s, "/a", "0", "one", &id), STORED);
	hold(&other, "group");
	for (size_t i = 0; i < COUNT(keys); i++) {
		parts[i] = (struct part){.s = s, .key = keys[i]};
		start(&parts[i]);
	}
	atomic_store(&syncs, 0);
	let_go(&other);
	for (size_t i = 0; i < COUNT(keys); i++) {
		pthread_join(parts[i].thread, NULL);
		assert_true(parts[i].ok);
	}
	assert_in_range(atomic_load(&syncs), 1, 2); /* of the first thread's commit, and of that of the others */
	spool_close(s);
	assert_int_equal(ask("group", "SELECT count(*) FROM event"), 9);
}

/* An event that comes with a probe is stored where the disk has room for it, and not for the probe's pages. */
static void probe_fails_no_event(void **state)
{
	struct spool *s = spool_new("probe", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	struct part first = {.s = s, .key = "2"}, event = {.s = s, .key = "3"}, probe = {.s = s};
	struct spool_db other = {0};
	struct rlimit was, limit;
	off_t before, one;
	int64_t id;

	(void)state;
	assert_int_equal(put(s, "/a", "0", "one", &id), STORED);
	before = size_of_log("probe");
	assert_int_equal(put(s, "/a", "1", "one", &id), STORED);
	one = size_of_log("probe") - before;
	hold(&other, "probe");
	start(&first);
	start(&event);
	start(&probe);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	limit = was;
	limit.rlim_cur = (rlim_t)(before + 3 * one + 60000);
	setrlimit(RLIMIT_FSIZE, &limit);
	let_go(&other);
	pthread_join(first.thread, NULL);
	pthread_join(event.thread, NULL);
	pthread_join(probe.thread, NULL);
	setrlimit(RLIMIT_FSIZE, &was);
	assert_true(first.ok && event.ok);
	assert_false(probe.ok);
	start(&probe);
	pthread_join(probe.thread, NULL);
	assert_true(probe.ok);
	spool_close(s);
	assert_int_equal(ask("probe", "SELECT count(*) FROM event"), 4);
}

/* A flush and a probe that come together count once. */
static void probe_counts_nothing(void **state)
{
	static const char stored[] = "stored";
	struct spool *s = spool_new("count", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	struct part first = {.s = s, .key = "1"}, probe = {.s = s};
	struct spool_db other = {0};
	char why[256];
	pthread_t flusher;

	(void)state;
	assert_true(spool_open(s, why, sizeof why));
	hold(&other, "count");
	start(&first);
	spool_count(s, &(struct spool_tally){"/a", stored, 0, 100, 1, 0});
	start(&probe);
	assert_int_equal(pthread_create(&flusher, NULL, flush, s), 0);
	nanosleep(&a_moment, NULL);
	let_go(&other);
	pthread_join(first.thread, NULL);
	pthread_join(probe.thread, NULL);
	pthread_join(flusher, NULL);
	spool_close(s);
	assert_int_equal(ask("count", "SELECT n FROM counter"), 1);
}

/* What could not be written stays older than what was refused during the attempt. */
static void failed_flush_keeps_the_order(void **state)
{
	struct spool *s = spool_new("order", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	struct spool_db other = {0};
	pthread_t flusher;
	char why[256];

	(void)state;
	assert_true(spool_open(s, why, sizeof why));
	hold(&other, "order");
	reject(s, 1, "first");
	assert_int_equal(pthread_create(&flusher, NULL, flush, s), 0);
	nanosleep(&a_moment, NULL);
	reject(s, 2, "second");
	pthread_join(flusher, NULL); /* after a second without the lock */
	let_go(&other);
	assert_int_equal(ask("order", "SELECT count(*) FROM reject"), 0);
	spool_flush(s);
	spool_close(s);
	assert_int_equal(ask("order", "SELECT group_concat(received_at) = '1,2' FROM (SELECT received_at FROM reject ORDER BY id)"), 1);
}

/* What a forged file could have run by those that read it. */
static void no_schema_is_trusted(void **state)
{
	struct spool *s = spool_new("trust", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	struct spool_db db = {0};
	char why[256];
	int on = -1;

	(void)state;
	assert_true(spool_open(s, why, sizeof why));
	spool_close(s);
	assert_true(spool_db_open(&db, "trust", JOURNAL_WAL, SPOOL_MANAGE));
	assert_int_equal(sqlite3_db_config(db.sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, -1, &on), SQLITE_OK);
	assert_int_equal(on, 0);
	assert_int_equal(sqlite3_db_config(db.sql, SQLITE_DBCONFIG_DEFENSIVE, -1, &on), SQLITE_OK);
	assert_int_equal(on, 1);
	assert_int_equal(sqlite3_db_config(db.sql, SQLITE_DBCONFIG_ENABLE_VIEW, -1, &on), SQLITE_OK);
	assert_int_equal(on, 0);
	spool_db_close(&db);
}

/* The sum spares a command the making of a model; where the sum differs, the model decides. */
static void schema_is_known_by_its_sum(void **state)
{
	struct spool *s = spool_new("sum", JOURNAL_WAL, SPOOL_RECEIVE, limits(10));
	struct spool_db db = {0};
	char why[256];

	(void)state;
	assert_true(spool_open(s, why, sizeof why));
	spool_close(s);
	assert_true(spool_db_open(&db, "sum", JOURNAL_WAL, SPOOL_MANAGE));
	if (!spool_schema_is_known(&db))
		fail_msg("the schema has changed; set SCHEMA_SUM to the sum that spool_schema_is_known() computes");
	assert_true(spool_db_exec(&db, "ANALYZE"));
	assert_false(spool_schema_is_known(&db));
	assert_true(spool_schema_check(&db));
	assert_true(spool_db_exec(&db, "CREATE TRIGGER forged AFTER INSERT ON event BEGIN DELETE FROM event; END"));
	assert_false(spool_schema_check(&db));
	spool_db_close(&db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(schema_is_known_by_its_sum),
		cmocka_unit_test(no_schema_is_trusted),
		cmocka_unit_test(batch_is_stored_whole),
		cmocka_unit_test(event_ids_grow_and_are_not_reused),
		cmocka_unit_test(spool_files_are_private),
		cmocka_unit_test(owner_of_spool_files_is_repaired),
		cmocka_unit_test(test_lock_is_waited_for_until_the_deadline),
		cmocka_unit_test(test_queue_is_left_at_the_deadline),
		cmocka_unit_test(failed_commit_stores_nothing_and_the_next_succeeds),
		cmocka_unit_test(spool_moved_away_is_noticed),
		cmocka_unit_test(spool_that_cannot_be_opened_is_an_error),
		cmocka_unit_test(newer_schema_is_left_alone),
		cmocka_unit_test(wal_is_checkpointed),
		cmocka_unit_test(journal_delete_is_supported),
		cmocka_unit_test(first_schema_is_migrated),
		cmocka_unit_test(counters_wait_for_a_spool),
		cmocka_unit_test(lock_wait_is_bounded),
		cmocka_unit_test(waiting_threads_share_a_commit),
		cmocka_unit_test(probe_fails_no_event),
		cmocka_unit_test(probe_counts_nothing),
		cmocka_unit_test(failed_flush_keeps_the_order),
	};

	return cmocka_run_group_tests_name("spool", tests, unit_enter, unit_leave);
}
