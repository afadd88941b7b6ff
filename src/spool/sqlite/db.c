/* SPDX-License-Identifier: ISC */
/* The spool's database file: opening, schema, the lock between processes, checkpoints. */
#define _GNU_SOURCE /* SIGEV_THREAD_ID, gettid */
#include "spool/sqlite/db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "spool/fs.h"
#include "spool/sqlite/hash.h"
#include "spool/sqlite/reserve.h"
#include "spool/sqlite/rewrite.h"
#include "spool/sqlite/trust.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum {
	SCHEMA_VERSION = SPOOL_DB_SCHEMA,
	LOCK_WAIT_S = 8,       /* the sender gives up after 15 s */
	LOCK_WAIT_SHORT_S = 1, /* after an urgent wait of this process timed out, and for housekeeping */
	LOCK_NUDGE_NS = 100 * 1000 * 1000,
	CHECKPOINT_PAGES = 256, /* 4 MiB: what more would save in CPU, the longer pauses cost in latency */
};

/* One entry a version: the statements that lead there from the version before. */
static const char *const migrations[SCHEMA_VERSION] = {
	"CREATE TABLE event("
	" id INTEGER PRIMARY KEY,"
	" received_at INTEGER NOT NULL,"
	" endpoint TEXT NOT NULL,"
	" secret INTEGER NOT NULL,"
	" event TEXT NOT NULL,"
	" key TEXT, account TEXT, sender_id TEXT, sender_name TEXT, conversation TEXT, sent_at TEXT,"
	" remote_addr TEXT,"
	" headers TEXT NOT NULL,"
	" body BLOB NOT NULL);"
	/* The whole key and not a hash of it: providers' ids begin with a time or a counter, so that the
	   index grows at its end. A hash would rewrite a page anywhere in it for each event. */
	"CREATE UNIQUE INDEX event_key ON event(endpoint, key) WHERE key IS NOT NULL;"
	/* What AUTOINCREMENT would do, without a write for each event: no id is ever used twice. */
	"CREATE TABLE deleted(last_id INTEGER NOT NULL);"
	"INSERT INTO deleted VALUES(0);"
	"CREATE TRIGGER event_deleted AFTER DELETE ON event WHEN NOT EXISTS(SELECT 1 FROM event WHERE id > old.id)"
	" BEGIN UPDATE deleted SET last_id = max(last_id, old.id); END;"
	"CREATE TABLE reject("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" received_at INTEGER NOT NULL,"
	" endpoint TEXT,"
	" code TEXT NOT NULL,"
	" reason TEXT,"
	" bytes INTEGER NOT NULL,"
	" remote_addr TEXT,"
	" body BLOB);"
	"CREATE TABLE counter("
	" endpoint TEXT NOT NULL, code TEXT NOT NULL, secret INTEGER NOT NULL,"
	" n INTEGER NOT NULL, last_at INTEGER NOT NULL,"
	" PRIMARY KEY(endpoint, code, secret)) WITHOUT ROWID;",

	/* The keys of purged events, for as long as a delivery of them may still come. */
	"CREATE TABLE purged("
	" endpoint TEXT NOT NULL, key TEXT NOT NULL, id INTEGER NOT NULL, received_at INTEGER NOT NULL,"
	" PRIMARY KEY(endpoint, key)) WITHOUT ROWID;"
	"CREATE INDEX purged_at ON purged(received_at);"
	"ALTER TABLE reject ADD COLUMN headers TEXT;"
	"CREATE INDEX reject_at ON reject(received_at);"
	"CREATE INDEX reject_body ON reject(id) WHERE body IS NOT NULL;"
	/* A secret is counted by its id now; its number, which counted before, was another's whenever one was added. */
	"CREATE TEMP TABLE sums AS SELECT endpoint, code, sum(n) AS n, max(last_at) AS last_at FROM counter GROUP BY endpoint, code;"
	"DELETE FROM counter;"
	"INSERT INTO counter SELECT endpoint, code, 0, n, last_at FROM sums;"
	"DROP TABLE sums;",

	/* A relay is one event for one sink: pending (0), delivered (1) or dead (2). */
	"CREATE TABLE relay("
	" id INTEGER PRIMARY KEY,"
	" event INTEGER NOT NULL,"
	" sink TEXT NOT NULL,"
	" state INTEGER NOT NULL,"
	" since INTEGER NOT NULL," /* when its time to be tried began */
	" due INTEGER NOT NULL,"
	" attempts INTEGER NOT NULL,"
	" conversation TEXT);" /* of an ordered sink, which has one on the way for each */
	"CREATE INDEX relay_event ON relay(event);"
	"CREATE INDEX relay_due ON relay(sink, due, id) WHERE state = 0;"
	"CREATE INDEX relay_conversation ON relay(sink, conversation, id) WHERE state = 0 AND conversation IS NOT NULL;"
	"CREATE TABLE attempt("
	" id INTEGER PRIMARY KEY,"
	" relay INTEGER NOT NULL,"
	" at INTEGER NOT NULL,"
	" ms INTEGER NOT NULL,"
	" status INTEGER NOT NULL," /* HTTP's; 0: there was no answer */
	" error TEXT,"
	" answer BLOB);"
	"CREATE INDEX attempt_relay ON attempt(relay);"
	/* Makes the ids of events known to others, \"evt_NAME_ID\", differ from those of other spools. */
	"CREATE TABLE spool(name TEXT NOT NULL);"
	"INSERT INTO spool VALUES(lower(hex(randomblob(4))));",

	"ALTER TABLE relay ADD COLUMN judge INTEGER NOT NULL DEFAULT 0;" /* 1: whether the sink wants it is still to be found out */
	"ALTER TABLE relay ADD COLUMN reply TEXT;" /* to the event: this is sent */
	"ALTER TABLE relay ADD COLUMN sending INTEGER NOT NULL DEFAULT 0;" /* since when a reply is on its way; 0: it isn't */
	"CREATE INDEX relay_sending ON relay(id) WHERE sending <> 0;"
	/* The first event of each conversation, and when its last one came; for sinks that ask, up to the event in spool. */
	"CREATE TABLE conversation("
	" endpoint TEXT NOT NULL, conversation TEXT NOT NULL, event INTEGER NOT NULL, last_at INTEGER NOT NULL,"
	" PRIMARY KEY(endpoint, conversation)) WITHOUT ROWID;"
	"ALTER TABLE spool ADD COLUMN conversations INTEGER NOT NULL DEFAULT 0;",

	/* 5, of release 0.2 */
	"ALTER TABLE event ADD COLUMN note TEXT;" /* what a reader must know of it; NULL: nothing */
	"ALTER TABLE event ADD COLUMN digest BLOB;" /* SHA-256 of spool_key_bytes(), where nothing signs the id */
	"ALTER TABLE event ADD COLUMN scope TEXT NOT NULL DEFAULT '';" /* what makes the key unique: spool_store.h */
	"DROP INDEX event_key;"
	"CREATE UNIQUE INDEX event_key ON event(endpoint, key, scope) WHERE key IS NOT NULL;"
	"CREATE INDEX event_digest ON event(endpoint, digest) WHERE digest IS NOT NULL;"
	"ALTER TABLE purged ADD COLUMN digest BLOB;" /* SHA-256 of spool_key_bytes(); NULL in rows of release 0.1 */
	"CREATE INDEX purged_digest ON purged(endpoint, digest) WHERE digest IS NOT NULL;"
	"CREATE INDEX purged_id ON purged(id);"
	/* The last event of release 0.1, whose keys are the plain ids. */
	"ALTER TABLE spool ADD COLUMN legacy_id INTEGER NOT NULL DEFAULT 0;"
	"UPDATE spool SET legacy_id = (SELECT max(last_id, (SELECT ifnull(max(id), 0) FROM event)) FROM deleted);"
	"ALTER TABLE reject ADD COLUMN path TEXT;" /* of the URL, where no endpoint has it */
	"ALTER TABLE reject ADD COLUMN method TEXT;"
	"ALTER TABLE reject ADD COLUMN content_type TEXT;"
	/* The ring's shares: spool_rejects.h. */
	"ALTER TABLE reject ADD COLUMN signed INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE reject ADD COLUMN net TEXT;"
	"ALTER TABLE reject ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;"
	"UPDATE reject SET signed = reason IS 'wrong signature', net = remote_addr,"
	" kept = ifnull(length(body), 0) + ifnull(length(headers), 0);"
	"DROP INDEX reject_body;"
	/* The running programs, as they tell of themselves: spool_program.h. */
	"CREATE TABLE program("
	" role TEXT NOT NULL, pid INTEGER NOT NULL, ticks INTEGER NOT NULL, space INTEGER NOT NULL,"
	" started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL, version TEXT NOT NULL,"
	" files TEXT NOT NULL, secrets TEXT NOT NULL, loaded_at INTEGER NOT NULL, address TEXT NOT NULL,"
	" reloads INTEGER NOT NULL, reload_at INTEGER NOT NULL, reload_error TEXT NOT NULL,"
	" PRIMARY KEY(role, pid, space)) WITHOUT ROWID;"
	"CREATE INDEX reject_share ON reject(signed, endpoint, code, net, kept);"
	/* The key of a deleted event stays known as a hash of it: the key may name a person, who may have been erased. */
	"ALTER TABLE spool ADD COLUMN salt BLOB;"
	"UPDATE spool SET salt = randomblob(16);"
	"UPDATE purged SET key = key_hash((SELECT salt FROM spool), key);"
	/* When the receiver last deleted what is older than \"keep\", when it last looked at all events, and how far it is. */
	"CREATE TABLE retention(passed_at INTEGER NOT NULL, whole_at INTEGER NOT NULL, after INTEGER NOT NULL);"
	"INSERT INTO retention VALUES(0, 0, 0);"
	/* What drop gives back to a relay that replay made pending again; state 0: nothing. */
	"ALTER TABLE relay ADD COLUMN was_state INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE relay ADD COLUMN was_attempts INTEGER NOT NULL DEFAULT 0;"
	"CREATE INDEX relay_dead ON relay(id) WHERE state = 2;"
	/* The sinks that the running relay sends nothing to, until then. */
	"CREATE TABLE pause(sink TEXT PRIMARY KEY, until INTEGER NOT NULL, failures INTEGER NOT NULL) WITHOUT ROWID;",
};

static bool fail(char *why, size_t n, const char *what, const char *detail)
{
	snprintf(why, n, "%s: %s", what, detail);
	return false;
}

static enum spool_error kind_of(int rc)
{
	switch (rc & 0xFF) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return SPOOL_ERROR_BUSY;
	case SQLITE_FULL:
		return SPOOL_ERROR_FULL;
	case SQLITE_READONLY:
		return SPOOL_ERROR_READONLY;
	case SQLITE_IOERR:
		return SPOOL_ERROR_DISK;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return SPOOL_ERROR_DAMAGED;
	default:
		return SPOOL_ERROR_OTHER;
	}
}

bool spool_db_fail(struct spool_db *db, int rc, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(db->error, sizeof db->error, fmt, ap);
	va_end(ap);
	db->kind = kind_of(rc);
	return false;
}

static bool fail_sql(struct spool_db *db, char *why, size_t n, const char *what)
{
	db->kind = db->sql ? kind_of(sqlite3_errcode(db->sql)) : SPOOL_ERROR_OTHER;
	return fail(why, n, what, db->sql ? sqlite3_errmsg(db->sql) : "out of memory");
}

static bool run(struct spool_db *db, const char *sql)
{
	return sqlite3_exec(db->sql, sql, NULL, NULL, NULL) == SQLITE_OK;
}

static int pragma_int(struct spool_db *db, const char *sql)
{
	sqlite3_stmt *st;
	int v = -1;

	if (sqlite3_prepare_v2(db->sql, sql, -1, &st, NULL) != SQLITE_OK)
		return -1;
	if (sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	return v;
}

/* As it was in the handle's last transaction. False when it can't be told: to take a WAL for none would switch it off. */
static bool find_wal(struct spool_db *db)
{
	sqlite3_stmt *st;
	bool found;

	if (sqlite3_prepare_v2(db->sql, "PRAGMA journal_mode", -1, &st, NULL) != SQLITE_OK)
		return false;
	found = sqlite3_step(st) == SQLITE_ROW;
	db->wal = found && strcmp((const char *)sqlite3_column_text(st, 0), "wal") == 0;
	sqlite3_finalize(st);
	return found;
}

static int on_wal(void *ctx, sqlite3 *sql, const char *name, int pages)
{
	struct spool_db *db = ctx;

	(void)sql;
	(void)name;
	db->wal_pages = pages;
	return SQLITE_OK;
}

/* Makes the directory durable too: a file whose name a power cut takes back was never written. */
static bool make_dir(const char *dir)
{
	char parent[PATH_MAX];
	char *slash;
	int fd, error = 0;

	if (mkdir(dir, 0700) != 0)
		return errno == EEXIST;
	snprintf(parent, sizeof parent, "%s", dir);
	slash = strrchr(parent, '/');
	if (!slash)
		snprintf(parent, sizeof parent, ".");
	else
		slash[slash == parent] = '\0';
	fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		error = fsync(fd) == 0 ? 0 : errno;
		close(fd);
	}
	if (error) {
		rmdir(dir);
		errno = error;
	}
	return !error;
}

/* True when it is closed, as personal data wants it: to all but its owner, and the group that shares it. */
static bool close_dir(int fd)
{
	struct stat st;
	bool shared;

	if (fstat(fd, &st) != 0)
		return true;
	shared = spool_fs_shared(&st);
	return !(st.st_mode & (shared ? 007 : 077)) || fchmod(fd, shared ? 02770 : 0700) == 0;
}

/* Opens the directory; the receiver closes it to others. */
static int open_dir(const char *dir, enum spool_access access, char *why, size_t n)
{
	int fd;

	if (access == SPOOL_RECEIVE && !make_dir(dir)) {
		fail(why, n, dir, strerror(errno));
		return -1;
	}
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		fail(why, n, dir, strerror(errno));
		return -1;
	}
	if (access == SPOOL_RECEIVE && !close_dir(fd)) {
		fail(why, n, dir, "others may enter it and its mode can't be changed; chmod 700 it");
	} else if (spool_trust_files(fd, why, n)) {
		for (const char *const *name = spool_fs_files; access == SPOOL_RECEIVE && *name; name++)
			spool_fs_adopt(fd, *name);
		return fd;
	}
	close(fd);
	return -1;
}

static int open_lock(int dir_fd)
{
	int fd = openat(dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd >= 0 && !spool_fs_give(dir_fd, fd)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A file with the mode and owner that the directory says, before SQLite could make it otherwise. *made stays when it is there. */
static bool make_file(int dir_fd, const char *name, bool *made)
{
	bool ok;
	int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == EEXIST;
	*made = true;
	ok = spool_fs_give(dir_fd, fd);
	close(fd);
	return ok;
}

static void on_nudge(int sig)
{
	(void)sig;
}

/*
 * flock(2) queues its waiters fairly but has no time limit, so a timer signal to this thread ends
 * the wait; it repeats, because the first one may come just before flock() is entered.
 */
static bool wait_for_lock(int fd, int seconds)
{
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN};
	struct itimerspec every = {{0, LOCK_NUDGE_NS}, {seconds, 0}};
	struct sigaction sa = {.sa_handler = on_nudge};
	int64_t end = clock_mono_us() + seconds * 1000000LL;
	sigset_t nudge, old;
	timer_t timer;
	int error;
	bool ok;

	ev.sigev_notify_thread_id = gettid();
	sigemptyset(&nudge);
	sigaddset(&nudge, SIGRTMIN);
	if (sigaction(SIGRTMIN, &sa, NULL) != 0 || timer_create(CLOCK_MONOTONIC, &ev, &timer) != 0)
		return false;
	pthread_sigmask(SIG_UNBLOCK, &nudge, &old);
	timer_settime(timer, 0, &every, NULL);
	do
		ok = flock(fd, LOCK_EX) == 0;
	while (!ok && errno == EINTR && clock_mono_us() < end);
	error = errno;
	timer_delete(timer);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = error;
	return ok;
}

static atomic_bool stuck; /* this process's last wait for the lock timed out */

/*
 * Byte 0 of the lock file is a dirty flag: 1 while a process writes under the lock. A process that is killed, or that cannot repair
 * after a failed fsync, leaves it at 1. The next process repairs first, though what it reads seems to be right.
 */
static bool set_mark(struct spool_db *db, char *why, size_t n)
{
	static const char set = 1;

	db->marked = db->marked || pwrite(db->lock_fd, &set, 1, 0) == 1;
	return db->marked || fail(why, n, "lock", strerror(errno));
}

static void unlock(struct spool_db *db)
{
	if (db->marked && !db->suspect)
		(void)!pwrite(db->lock_fd, "", 1, 0); /* where that fails, the next one writes again what there is no need to */
	flock(db->lock_fd, LOCK_UN);
}

static bool lock(struct spool_db *db, bool urgent, char *why, size_t n)
{
	bool ok = flock(db->lock_fd, LOCK_EX | LOCK_NB) == 0;
	char mark = 0;

	urgent = urgent && !db->housekeeping;
	db->contended = !ok;
	ok = ok || wait_for_lock(db->lock_fd, urgent && !atomic_load(&stuck) ? LOCK_WAIT_S : LOCK_WAIT_SHORT_S);
	if (ok || urgent)
		atomic_store(&stuck, !ok);
	if (!ok)
		return fail(why, n, "lock", errno == EINTR ? "held by another process" : strerror(errno));
	if (pread(db->lock_fd, &mark, 1, 0) >= 0) {
		db->marked = mark;
		db->suspect = db->suspect || db->marked;
		return true;
	}
	fail(why, n, "lock", strerror(errno));
	flock(db->lock_fd, LOCK_UN);
	return false;
}

/* What a failed fsync may have dropped, names too, is synced and written again before any process may build on it. */
static bool mend(struct spool_db *db)
{
	if (!db->suspect)
		return true;
	if (fsync(db->dir_fd) != 0 || !run(db, "BEGIN IMMEDIATE"))
		return false;
	db->suspect = !find_wal(db) || spool_rewrite(db->sql, pragma_int(db, "PRAGMA page_size"), db->wal) != SQLITE_OK;
	run(db, "ROLLBACK");
	return !db->suspect;
}

static bool fail_mend(char *why, size_t n, const char *what)
{
	return fail(why, n, what, "an fsync failed or a process was killed, and what may be missing on the disk could not be written again");
}

/*
 * The receiver chooses whether there is a WAL, others take what they find. A rollback journal is emptied and not deleted: when
 * it is made again, SQLite doesn't notice that its name could not be synced.
 */
static bool configure(struct spool_db *db, enum journal journal, enum spool_access access, char *why, size_t n)
{
	bool receive = access == SPOOL_RECEIVE;

	sqlite3_busy_timeout(db->sql, SPOOL_DB_BUSY_MS);
	sqlite3_db_config(db->sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_wal_hook(db->sql, on_wal, db); /* replaces the automatic checkpoint, which runs without the lock */
	if (receive && !mend(db)) /* before another journal mode moves what is suspect */
		return fail_mend(why, n, "journal mode");
	db->wal = journal == JOURNAL_WAL;
	if ((!receive && !find_wal(db)) ||
	    ((receive || !db->wal) && !run(db, db->wal ? "PRAGMA journal_mode=WAL" : "PRAGMA journal_mode=TRUNCATE")))
		return fail_sql(db, why, n, "journal mode");
	/* EXTRA is FULL in WAL mode; secure_delete: purge means gone, also from the file's free pages */
	if (!run(db, db->wal ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=EXTRA") ||
	    !run(db, "PRAGMA secure_delete=ON"))
		return fail_sql(db, why, n, "settings");
	return true;
}

static bool migrate(struct spool_db *db, int version, enum spool_access access, char *why, size_t n)
{
	char set[64];

	if (spool_hash_register(db->sql) != SQLITE_OK)
		return fail_sql(db, why, n, "schema");
	if (version > SCHEMA_VERSION)
		return fail(why, n, "schema", "made by a newer hookspool; upgrade this one");
	if (version == SCHEMA_VERSION)
		return true;
	if (access != SPOOL_RECEIVE)
		return fail(why, n, "schema", "empty, or made by an older hookspool; the receiver brings it up to date when it starts");
	if (!run(db, "BEGIN IMMEDIATE"))
		return fail_sql(db, why, n, "migration");
	for (; version < SCHEMA_VERSION; version++) {
		snprintf(set, sizeof set, "PRAGMA user_version=%d", version + 1);
		if (!run(db, migrations[version]) || !run(db, set))
			return fail_sql(db, why, n, "migration");
	}
	if (!run(db, "COMMIT"))
		return fail_sql(db, why, n, "migration");
	return true;
}

/* After a failure: was it the disk's and not SQLite's? */
static void judge(struct spool_db *db)
{
	if ((sqlite3_extended_errcode(db->sql) & 0xFF) == SQLITE_IOERR)
		db->suspect = true;
}

/* Only where that is sure: what it has left would be removed. */
static bool is_missing(const struct spool_db *db)
{
	struct stat st;

	return fstatat(db->dir_fd, "hookspool.db", &st, 0) == 0 ? st.st_size == 0 : errno == ENOENT;
}

/* What a database that is gone has left would be taken for the new one's. */
static bool remove_left(const char *path)
{
	static const char *const ends[] = {".new", "-wal", "-shm", "-journal"};
	char left[PATH_MAX + 16];
	bool ok = true;

	for (size_t i = 0; ok && i < sizeof ends / sizeof *ends; i++) {
		snprintf(left, sizeof left, "%s%s", path, ends[i]);
		ok = unlink(left) == 0 || errno == ENOENT;
	}
	return ok;
}

/*
 * Makes it under another name, whole, with the schema, and synced: a power cut must not leave one that can't be opened. Pages of
 * 16 KiB hold a batch of events in few frames of the WAL, and long bodies in few links of a chain.
 */
static bool make_database(struct spool_db *db, const char *path, char *why, size_t n)
{
	char new[PATH_MAX + 16];
	bool ok, made;

	snprintf(new, sizeof new, "%s.new", path);
	if (!remove_left(path) || !make_file(db->dir_fd, "hookspool.db.new", &made))
		return fail(why, n, path, strerror(errno));
	ok = (sqlite3_open_v2(new, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL) == SQLITE_OK &&
		run(db, "PRAGMA page_size=16384; PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=MEMORY")) || fail_sql(db, why, n, new);
	ok = ok && migrate(db, 0, SPOOL_RECEIVE, why, n);
	sqlite3_close_v2(db->sql);
	db->sql = NULL;
	return ok && (rename(new, path) == 0 || fail(why, n, path, strerror(errno)));
}

/* A schema is what SQLite runs by itself: that of a spool which others write is compared with the one that is made here. */
static bool trust_schema(struct spool_db *db, char *why, size_t n)
{
	struct spool_db model = {.dir_fd = -1, .lock_fd = -1};
	bool ok = sqlite3_open_v2(":memory:", &model.sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK ||
		fail_sql(&model, why, n, "schema");

	ok = ok && migrate(&model, 0, SPOOL_RECEIVE, why, n) && spool_trust_schema(db->sql, model.sql, why, n);
	sqlite3_close_v2(model.sql);
	return ok;
}

/* All under the lock: two processes may be starting on an empty directory. */
static bool prepare(struct spool_db *db, const char *path, enum journal journal, enum spool_access access, char *why, size_t n)
{
	bool receive = access == SPOOL_RECEIVE, made = journal == JOURNAL_DELETE;
	int version;

	if (receive && (!set_mark(db, why, n) || (is_missing(db) && !make_database(db, path, why, n))))
		return false;
	made = made || faccessat(db->dir_fd, "hookspool.db-wal", F_OK, 0) != 0;
	if (sqlite3_open_v2(path, &db->sql, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL) != SQLITE_OK)
		return fail_sql(db, why, n, path);
	if (!spool_trust_nothing(db->sql))
		return fail_sql(db, why, n, "settings");
	if (!configure(db, journal, access, why, n))
		return false;
	version = pragma_int(db, "PRAGMA user_version");
	if (version < 0)
		return fail_sql(db, why, n, "schema version");
	if (receive && journal == JOURNAL_DELETE && !make_file(db->dir_fd, "hookspool.db-journal", &made))
		return fail(why, n, path, strerror(errno));
	if (receive && made && fsync(db->dir_fd) != 0) {
		db->suspect = true;
		return fail(why, n, path, strerror(errno));
	}
	if (!migrate(db, version, access, why, n) || (!receive && !trust_schema(db, why, n)))
		return false;
	if (!run(db, "PRAGMA temp_store=MEMORY")) /* the indexes that a migration makes of a large spool need a file */
		return fail_sql(db, why, n, "settings");
	if (receive)
		spool_reserve_make(db->dir_fd);
	return true;
}

bool spool_db_exists(const char *dir)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/hookspool.db", dir);
	return access(path, F_OK) == 0;
}

bool spool_db_open(struct spool_db *db, const char *dir, enum journal journal, enum spool_access access)
{
	char path[PATH_MAX], real[PATH_MAX], *why = db->error;
	const size_t n = sizeof db->error;
	const char *fs;
	bool ok;

	db->lock_fd = db->dir_fd = -1;
	db->kind = SPOOL_ERROR_OTHER;
	db->dir_fd = open_dir(dir, access, why, n);
	ok = db->dir_fd >= 0;
	if (ok && !realpath(dir, real)) /* the administrator may have made it a link; SQLite is told to follow none */
		ok = fail(why, n, dir, strerror(errno));
	if (ok && snprintf(path, sizeof path, "%s/hookspool.db", real) >= (int)sizeof path)
		ok = fail(why, n, dir, "the path is too long");
	if (ok && journal == JOURNAL_WAL && spool_fs_kind(dir, &fs) == SPOOL_FS_NETWORK)
		ok = fail(why, n, fs, "a network file system can't share the WAL; use a local disk, or journal = \"delete\"");
	if (ok) {
		db->lock_fd = open_lock(db->dir_fd);
		ok = db->lock_fd < 0 ? fail(why, n, dir, strerror(errno)) : lock(db, true, why, n);
	}
	if (ok) {
		ok = prepare(db, path, journal, access, why, n);
		if (!ok)
			judge(db);
		unlock(db);
	}
	/* unsynced: what a power cut takes back is sent once more, with the same id */
	if (ok && access == SPOOL_RELAY && !spool_db_sync(db, false))
		ok = fail_sql(db, why, n, "settings");
	if (!ok)
		spool_db_close(db);
	return ok;
}

struct spool_db *spool_db_new(void)
{
	struct spool_db *db = calloc(1, sizeof *db);

	if (db)
		db->lock_fd = db->dir_fd = -1;
	return db;
}

void spool_db_free(struct spool_db *db)
{
	if (db)
		spool_db_close(db);
	free(db);
}

const char *spool_db_error(const struct spool_db *db)
{
	return db ? db->error : "memory is short";
}

enum spool_error spool_db_error_kind(const struct spool_db *db)
{
	return db->kind;
}

void spool_db_close(struct spool_db *db)
{
	sqlite3_close_v2(db->sql);
	if (db->lock_fd >= 0)
		close(db->lock_fd);
	if (db->dir_fd >= 0)
		close(db->dir_fd);
	db->sql = NULL;
	db->lock_fd = db->dir_fd = -1;
	db->housekeeping = db->contended = db->wal = db->marked = db->suspect = false;
	db->wal_pages = 0;
}

bool spool_db_contended(const struct spool_db *db)
{
	return db->contended;
}

bool spool_db_moved(struct spool_db *db)
{
	int moved = 0;

	return sqlite3_file_control(db->sql, NULL, SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

bool spool_db_in_place(struct spool_db *db)
{
	return !spool_db_moved(db) ||
		spool_db_fail(db, SQLITE_ERROR, "the spool was moved or replaced: events go to another file now; run this again");
}

bool spool_db_sync(struct spool_db *db, bool on)
{
	return !db->wal || run(db, on ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
}

bool spool_db_begin(struct spool_db *db, bool urgent)
{
	char *why = db->error;
	const size_t n = sizeof db->error;

	db->kind = SPOOL_ERROR_OTHER;
	if (!lock(db, urgent, why, n))
		return false;
	if (!mend(db))
		fail_mend(why, n, "begin");
	else if (set_mark(db, why, n) && (run(db, "BEGIN IMMEDIATE") || fail_sql(db, why, n, "begin")))
		return true;
	unlock(db);
	return false;
}

bool spool_db_commit(struct spool_db *db)
{
	if (run(db, "COMMIT"))
		return true;
	judge(db);
	return fail_sql(db, db->error, sizeof db->error, "commit");
}

void spool_db_end(struct spool_db *db)
{
	judge(db); /* SQLite may have rolled back by itself */
	if (!sqlite3_get_autocommit(db->sql) && !run(db, "ROLLBACK"))
		judge(db);
	if (mend(db) && db->wal_pages >= CHECKPOINT_PAGES &&
	    sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) != SQLITE_OK) {
		judge(db);
		mend(db);
	}
	unlock(db);
}
