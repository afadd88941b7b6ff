/*
 * hookspool check, the spool: is it there, whose is it, and does a transaction begin? Nothing is
 * made or changed: what the receiver would put right by itself is only said, and not tried.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cli/check.h"
#include "sink/spool_db.h"

enum { BUSY_MS = 5000 };

enum file_system { LOCAL, NETWORK, MEMORY, LAYER };

/* The last four lack a name in Debian 12's linux/magic.h, or differ from it. */
static const struct {
	unsigned long magic;
	const char *name;
	enum file_system kind;
} file_systems[] = {
	{EXT4_SUPER_MAGIC, "ext4", LOCAL}, {XFS_SUPER_MAGIC, "xfs", LOCAL}, {BTRFS_SUPER_MAGIC, "btrfs", LOCAL},
	{F2FS_SUPER_MAGIC, "f2fs", LOCAL}, {TMPFS_MAGIC, "tmpfs", MEMORY}, {RAMFS_MAGIC, "ramfs", MEMORY},
	{OVERLAYFS_SUPER_MAGIC, "overlay", LAYER}, {NFS_SUPER_MAGIC, "nfs", NETWORK}, {SMB_SUPER_MAGIC, "smb", NETWORK},
	{CEPH_SUPER_MAGIC, "ceph", NETWORK}, {AFS_SUPER_MAGIC, "afs", NETWORK}, {V9FS_MAGIC, "9p", NETWORK},
	{0xFF534D42, "cifs", NETWORK}, {0xFE534D42, "smb2", NETWORK}, {0x65735546, "fuse", NETWORK}, {0x2FC12FC1, "zfs", LOCAL},
};

static void check_file_system(struct check *c, const char *dir, enum journal journal)
{
	enum file_system kind = LOCAL;
	const char *name = "other";
	struct statfs fs;

	if (statfs(dir, &fs) != 0) {
		check_say(c, CHECK_FAIL, "spool's file system: %s: %s", dir, strerror(errno));
		return;
	}
	for (size_t i = 0; i < sizeof file_systems / sizeof *file_systems; i++) {
		if (file_systems[i].magic == ((unsigned long)fs.f_type & 0xFFFFFFFFUL)) {
			name = file_systems[i].name;
			kind = file_systems[i].kind;
		}
	}
	if (kind == NETWORK && journal == JOURNAL_WAL)
		check_say(c, CHECK_FAIL, "spool's file system: %s, a network's, can't share the WAL; use a local disk, "
			"or journal = \"delete\"", name);
	else if (kind == NETWORK)
		check_say(c, CHECK_WARN, "spool's file system: %s, a network's; an acknowledged event is as safe as its server", name);
	else if (kind == MEMORY)
		check_say(c, CHECK_WARN, "spool's file system: %s forgets everything when the machine stops; use a disk", name);
	else if (kind == LAYER)
		check_say(c, CHECK_WARN, "spool's file system: %s; in a container, events go when it goes: mount a volume there", name);
	else
		check_say(c, CHECK_OK, "spool's file system: %s", name);
}

static void check_room(struct check *c, const char *dir, size_t min_free)
{
	struct statvfs fs;
	uint64_t mib;

	if (statvfs(dir, &fs) != 0) {
		check_say(c, CHECK_FAIL, "spool's disk: %s: %s", dir, strerror(errno));
		return;
	}
	mib = (uint64_t)fs.f_bavail * fs.f_frsize >> 20;
	if ((uint64_t)fs.f_bavail * fs.f_frsize < min_free)
		check_say(c, CHECK_FAIL, "spool's disk: %" PRIu64 " MiB free, min-free asks for %zu MiB; make room, or purge events",
			mib, min_free >> 20);
	else if (fs.f_files > 0 && fs.f_favail < 16)
		check_say(c, CHECK_FAIL, "spool's disk: no inodes are left; remove files");
	else if (fs.f_flag & ST_RDONLY)
		check_say(c, CHECK_FAIL, "spool's disk: it is mounted read-only; remount it");
	else
		check_say(c, CHECK_OK, "spool's disk: %" PRIu64 " MiB free", mib);
}

/* The spool is not there: could the receiver make it? */
static void check_missing(struct check *c, const struct conf *conf)
{
	char path[PATH_MAX];
	const char *parent;

	snprintf(path, sizeof path, "%s", conf->spool);
	parent = dirname(path);
	if (access(parent, F_OK) != 0) {
		check_say(c, CHECK_FAIL, "spool %s: neither it nor %s is there; install -d -m 700 -o USER %s", conf->spool, parent,
			conf->spool);
		return;
	}
	if (geteuid() == 0)
		check_say(c, CHECK_WARN, "spool %s: not there; made by the receiver if its user may write to %s, "
			"else: install -d -m 700 -o USER %s", conf->spool, parent, conf->spool);
	else if (access(parent, W_OK | X_OK) != 0)
		check_say(c, CHECK_FAIL, "spool %s: not there, and user %s may not make it in %s; as root: install -d -m 700 -o %s %s",
			conf->spool, check_user(geteuid()), parent, check_user(geteuid()), conf->spool);
	else
		check_say(c, CHECK_OK, "spool %s: not there yet; the first delivery makes it", conf->spool);
	check_file_system(c, parent, conf->journal);
	check_room(c, parent, conf->min_free);
}

/* A file of the spool that is somebody else's stops the receiver: the usual leftover of a command run as root. */
static bool check_owned(struct check *c, const char *dir, const char *name, uid_t owner)
{
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	if (stat(path, &st) != 0)
		return errno == ENOENT;
	if (st.st_uid != owner) {
		check_say(c, CHECK_FAIL, "%s: belongs to user %s; chown it to the spool's owner", path, check_user(st.st_uid));
		return false;
	}
	if (st.st_mode & 077) {
		check_say(c, CHECK_FAIL, "%s: open to others; chmod 600 it", path);
		return false;
	}
	return true;
}

static bool check_directory(struct check *c, const char *dir, const struct stat *st)
{
	static const char *const names[] = {"hookspool.db", "hookspool.db-wal", "hookspool.db-shm", "hookspool.db-journal", "lock"};
	bool ok = true;

	if (!S_ISDIR(st->st_mode)) {
		check_say(c, CHECK_FAIL, "spool %s: not a directory; move it away", dir);
		return false;
	}
	if (st->st_uid != geteuid()) {
		check_say(c, CHECK_FAIL, "spool %s: belongs to user %s; check as that user or as root", dir, check_user(st->st_uid));
		return false;
	}
	if ((st->st_mode & 0777) != 0700) {
		check_say(c, CHECK_FAIL, "spool %s: its mode is %03o, so that %s; chmod 700 it", dir, (unsigned)st->st_mode & 0777,
			st->st_mode & 077 ? "others may enter it" : "its owner can't use it");
		return false;
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		ok = check_owned(c, dir, names[i], st->st_uid) && ok;
	if (ok && st->st_uid == 0)
		check_say(c, CHECK_WARN, "spool %s: root's; let the receiver run as an ordinary user and chown -R it to that", dir);
	else if (ok)
		check_say(c, CHECK_OK, "spool %s: user %s's, closed to others", dir, check_user(st->st_uid));
	return ok;
}

/* Looks at the file's first bytes: is it a database in the configured journal mode? */
static bool check_head(struct check *c, const char *path, enum journal journal)
{
	static const char magic[16] = "SQLite format 3"; /* sqlite.org/fileformat2.html, 1.3 */
	char head[20] = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? pread(fd, head, sizeof head, 0) : -1;

	if (fd >= 0)
		close(fd);
	if (n < 0)
		check_say(c, CHECK_FAIL, "%s: %s", path, strerror(errno));
	else if (n == 0)
		check_say(c, CHECK_OK, "spool database: empty; the first delivery fills it");
	else if (memcmp(head, magic, sizeof magic) != 0)
		check_say(c, CHECK_FAIL, "%s: not an SQLite database; move it away", path);
	else if (head[18] != (journal == JOURNAL_WAL ? 2 : 1))
		check_say(c, CHECK_WARN, "spool database: not in the configured journal mode; the receiver changes it at its next start");
	else
		return true;
	return false;
}

/* The schema's version, 0 for a database without tables, -1 when it can't be read. Reads only. */
static int schema_version(const char *path)
{
	sqlite3_stmt *st = NULL;
	sqlite3 *sql = NULL;
	int version = -1;

	if (sqlite3_open_v2(path, &sql, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
	    sqlite3_db_config(sql, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) == SQLITE_OK &&
	    sqlite3_busy_timeout(sql, BUSY_MS) == SQLITE_OK &&
	    sqlite3_prepare_v2(sql, "PRAGMA user_version", -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		version = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(sql);
	return version;
}

/* Opening makes what is missing of the spool, and sets its journal mode; these cases are left to the receiver. */
static bool untouched_by_opening(struct check *c, const struct conf *conf)
{
	char lock[PATH_MAX], db[PATH_MAX];

	snprintf(lock, sizeof lock, "%s/lock", conf->spool);
	snprintf(db, sizeof db, "%s/hookspool.db", conf->spool);
	if (access(db, F_OK) != 0 || access(lock, F_OK) != 0)
		check_say(c, CHECK_OK, "spool database: not there yet; the first delivery makes it");
	else if (!check_head(c, db, conf->journal))
		return false;
	else if (schema_version(db) == 0)
		check_say(c, CHECK_WARN, "spool database: without tables; it was never used, or its -wal file, with all in it, is lost");
	else
		return true;
	return false;
}

static void check_transaction(struct check *c, const struct conf *conf)
{
	char why[PATH_MAX + 256];
	struct spool_db db;

	if (!untouched_by_opening(c, conf))
		return;
	if (!spool_db_open(&db, conf->spool, conf->journal, SPOOL_MANAGE, false, why, sizeof why)) {
		check_say(c, CHECK_FAIL, "spool database: %s", why);
		return;
	}
	if (spool_db_begin(&db, why, sizeof why)) {
		check_say(c, CHECK_OK, "spool database: a transaction begins");
		spool_db_end(&db);
	} else {
		check_say(c, CHECK_FAIL, "spool database: %s", why);
	}
	spool_db_close(&db);
}

void check_spool(struct check *c, const struct conf *conf)
{
	struct stat st;

	if (stat(conf->spool, &st) != 0) {
		if (errno == ENOENT)
			check_missing(c, conf);
		else
			check_say(c, CHECK_FAIL, "spool %s: %s", conf->spool, strerror(errno));
		return;
	}
	check_file_system(c, conf->spool, conf->journal);
	check_room(c, conf->spool, conf->min_free);
	if (check_directory(c, conf->spool, &st))
		check_transaction(c, conf);
}
