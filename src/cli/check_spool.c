/*
 * hookspool check, the spool: is it there, whose is it, and does a transaction begin? Nothing is
 * made or changed: what the receiver would put right by itself is only said, and not tried.
 */
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/check.h"
#include "core/clock.h"
#include "sink/spool_db.h"
#include "sink/spool_fs.h"
#include "sink/spool_program.h"
#include "sink/spool_query.h"
#include "sink/spool_relay.h"

static void check_file_system(struct check *c, const char *dir, enum journal journal)
{
	const char *name;

	switch (spool_fs_kind(dir, &name)) {
	case SPOOL_FS_UNKNOWN:
		check_say(c, CHECK_FAIL, "spool-filesystem", "spool's file system: %s: %s", dir, strerror(errno));
		break;
	case SPOOL_FS_NETWORK:
		if (journal == JOURNAL_WAL)
			check_say(c, CHECK_FAIL, "spool-filesystem", "spool's file system: %s, a network's, can't share the WAL; use a local disk, "
				"or journal = \"delete\"", name);
		else
			check_say(c, CHECK_WARN, "spool-filesystem", "spool's file system: %s, a network's; an acknowledged event is as safe as its server",
				name);
		break;
	case SPOOL_FS_MEMORY:
		check_say(c, CHECK_WARN, "spool-filesystem", "spool's file system: %s forgets everything when the machine stops; use a disk", name);
		break;
	case SPOOL_FS_LAYER:
		check_say(c, CHECK_WARN, "spool-filesystem", "spool's file system: %s; in a container, events go when it goes: mount a volume there", name);
		break;
	case SPOOL_FS_LOCAL:
		check_say(c, CHECK_OK, "spool-filesystem", "spool's file system: %s", name);
		break;
	}
}

static void check_room(struct check *c, const char *dir, size_t min_free)
{
	struct statvfs fs;
	uint64_t mib;

	if (statvfs(dir, &fs) != 0) {
		check_say(c, CHECK_FAIL, "spool-disk", "spool's disk: %s: %s", dir, strerror(errno));
		return;
	}
	mib = (uint64_t)fs.f_bavail * fs.f_frsize >> 20;
	if ((uint64_t)fs.f_bavail * fs.f_frsize < min_free)
		check_say(c, CHECK_FAIL, "spool-disk", "spool's disk: %" PRIu64 " MiB free, min-free asks for %zu MiB; make room, or purge events",
			mib, min_free >> 20);
	else if (fs.f_files > 0 && fs.f_favail < 16)
		check_say(c, CHECK_FAIL, "spool-disk", "spool's disk: no inodes are left; remove files");
	else if (fs.f_flag & ST_RDONLY)
		check_say(c, CHECK_FAIL, "spool-disk", "spool's disk: it is mounted read-only; remount it");
	else
		check_say(c, CHECK_OK, "spool-disk", "spool's disk: %" PRIu64 " MiB free", mib);
}

/* The spool is not there: could the receiver make it? */
static void check_missing(struct check *c, const struct conf *conf)
{
	char path[PATH_MAX];
	const char *parent;

	snprintf(path, sizeof path, "%s", conf->spool);
	parent = dirname(path);
	if (access(parent, F_OK) != 0) {
		check_say(c, CHECK_FAIL, "spool", "spool %s: neither it nor %s is there; install -d -m 700 -o USER %s", conf->spool, parent,
			conf->spool);
		return;
	}
	if (geteuid() == 0)
		check_say(c, CHECK_WARN, "spool", "spool %s: not there; made by the receiver if its user may write to %s, "
			"else: install -d -m 700 -o USER %s", conf->spool, parent, conf->spool);
	else if (access(parent, W_OK | X_OK) != 0)
		check_say(c, CHECK_FAIL, "spool", "spool %s: not there, and user %s may not make it in %s; as root: install -d -m 700 -o %s %s",
			conf->spool, check_user(geteuid()), parent, check_user(geteuid()), conf->spool);
	else
		check_say(c, CHECK_OK, "spool", "spool %s: not there yet; the receiver makes it when it starts", conf->spool);
	check_file_system(c, parent, conf->journal);
	check_room(c, parent, conf->min_free);
}

/* A file of the spool that is somebody else's stops the receiver: the usual leftover of a command run as root. */
static bool check_owned(struct check *c, const char *dir, const char *name, const struct stat *place)
{
	bool shared = spool_fs_shared(place);
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	if (stat(path, &st) != 0)
		return errno == ENOENT;
	if (shared && st.st_gid == place->st_gid && (st.st_mode & 0667) == 0660)
		return true;
	if (st.st_uid != place->st_uid) {
		check_say(c, CHECK_FAIL, "spool", "%s: belongs to user %s; chown it to the spool's owner", path, check_user(st.st_uid));
		return false;
	}
	if (shared && st.st_gid != place->st_gid) {
		check_say(c, CHECK_FAIL, "spool", "%s: not the group's that shares the spool; chgrp --reference=%s it", path, dir);
		return false;
	}
	if (shared && !(st.st_mode & 007))
		return true; /* the receiver opens it to the group when it starts */
	if (st.st_mode & (shared ? 007 : 077)) {
		check_say(c, CHECK_FAIL, "spool", "%s: open to others; chmod %s it", path, shared ? "660" : "600");
		return false;
	}
	return true;
}

static bool check_directory(struct check *c, const char *dir, const struct stat *st)
{
	bool ok = true, shared = spool_fs_shared(st);

	if (!S_ISDIR(st->st_mode)) {
		check_say(c, CHECK_FAIL, "spool", "spool %s: not a directory; move it away", dir);
		return false;
	}
	if (st->st_uid != geteuid() && !(shared && access(dir, R_OK | W_OK | X_OK) == 0)) {
		check_say(c, CHECK_FAIL, "spool", "spool %s: belongs to user %s; check as that user or as root", dir, check_user(st->st_uid));
		return false;
	}
	if ((st->st_mode & 0777) != (shared ? 0770 : 0700)) {
		check_say(c, CHECK_FAIL, "spool", "spool %s: its mode is %03o, so that %s; chmod %s it", dir, (unsigned)st->st_mode & 0777,
			st->st_mode & 077 ? "others may enter it" : "its owner can't use it", shared ? "2770" : "700");
		return false;
	}
	for (const char *const *name = spool_fs_files; *name; name++)
		ok = check_owned(c, dir, *name, st) && ok;
	if (ok && st->st_uid == 0)
		check_say(c, CHECK_WARN, "spool", "spool %s: root's; let the receiver run as an ordinary user and chown -R it to that", dir);
	else if (ok)
		check_say(c, CHECK_OK, "spool", "spool %s: user %s's%s, closed to others", dir, check_user(st->st_uid),
			shared ? ", shared with its group" : "");
	return ok;
}

/* What to do about an error of SQLite's. */
static const char *fix_of(int rc)
{
	switch (rc & 0xFF) {
	case SQLITE_FULL:
		return "; make room, or purge events";
	case SQLITE_READONLY:
		return "; give the spool's owner write access to each of its files, and remount a disk that is read-only";
	case SQLITE_IOERR:
		return "; look for errors of the disk in dmesg";
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return "; it is damaged: stop the receiver, keep a copy, and restore a backup";
	default:
		return "";
	}
}

enum { CLOCK_SLACK_MS = 60 * 1000 };

static void check_clock(struct check *c, struct spool_db *db)
{
	int64_t events, latest;
	char why[256], text[CLOCK_TEXT];

	if (spool_query_ahead(db, clock_now() + CLOCK_SLACK_MS, &events, &latest, why, sizeof why) && events)
		check_say(c, CHECK_WARN, "clock", "%" PRId64 " of the newest 1000 events %s from the future, up to %s: the clock was wrong when "
			"they came, or is wrong now; keep it right with NTP", events, events == 1 ? "is" : "are", clock_format(latest, text));
}

static void check_transaction(struct check *c, const struct conf *conf)
{
	char why[PATH_MAX + 256];
	struct spool_db db = {0};

	if (!spool_db_exists(conf->spool)) {
		check_say(c, CHECK_OK, "spool-database", "spool database: not there yet; the receiver makes it when it starts");
		return;
	}
	if (!spool_db_open(&db, conf->spool, conf->journal, SPOOL_MANAGE, why, sizeof why)) {
		check_say(c, CHECK_FAIL, "spool-database", "spool database: %s", why);
		return;
	}
	if (!spool_db_begin(&db, true, why, sizeof why)) {
		check_say(c, CHECK_FAIL, "spool-database", "spool database: %s", why);
	} else {
		int rc = spool_program_try(db.sql);

		if (rc == SQLITE_OK)
			check_say(c, CHECK_OK, "spool-database", "spool database: can be written");
		else
			check_say(c, CHECK_FAIL, "spool-database", "spool database: can't be written: %s%s", sqlite3_errstr(rc), fix_of(rc));
		spool_db_end(&db);
	}
	check_clock(c, &db);
	spool_db_close(&db);
}

void check_spool(struct check *c, const struct conf *conf)
{
	struct stat st;

	if (stat(conf->spool, &st) != 0) {
		if (errno == ENOENT)
			check_missing(c, conf);
		else
			check_say(c, CHECK_FAIL, "spool", "spool %s: %s", conf->spool, strerror(errno));
		return;
	}
	check_file_system(c, conf->spool, conf->journal);
	check_room(c, conf->spool, conf->min_free);
	if (check_directory(c, conf->spool, &st))
		check_transaction(c, conf);
}
