/* SPDX-License-Identifier: ISC */
/*
 * hookspool check, the spool: does it exist, which user owns it, and is there room? Nothing is made or changed, not even what the
 * receiver would correct at its start.
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
#include "conf/place.h"
#include "spool/fs.h"

static void check_file_system(struct check *c, const char *dir, enum journal journal)
{
	const char *name;

	switch (spool_fs_kind(dir, &name)) {
	case SPOOL_FS_UNKNOWN:
		check_say(c, CHECK_FAIL, "spool-filesystem", "%s's file system: %s: %s", c->place, dir, strerror(errno));
		break;
	case SPOOL_FS_NETWORK:
		if (journal == JOURNAL_WAL)
			check_say(c, CHECK_FAIL, "spool-filesystem", "%s's file system: %s, a network's, can't share the WAL; use a local disk, "
				"or journal = \"delete\"", c->place, name);
		else
			check_say(c, CHECK_WARN, "spool-filesystem", "%s's file system: %s, a network's; an acknowledged event is as safe as its server", c->place,
				name);
		break;
	case SPOOL_FS_MEMORY:
		check_say(c, CHECK_WARN, "spool-filesystem", "%s's file system: %s loses everything when the machine stops; use a disk", c->place, name);
		break;
	case SPOOL_FS_LAYER:
		check_say(c, CHECK_WARN, "spool-filesystem", "%s's file system: %s; in a container, events are lost with it: mount a volume there", c->place, name);
		break;
	case SPOOL_FS_LOCAL:
		check_say(c, CHECK_OK, "spool-filesystem", "%s's file system: %s", c->place, name);
		break;
	}
}

static void check_room(struct check *c, const char *dir, size_t min_free)
{
	struct statvfs fs;
	uint64_t mib;

	if (statvfs(dir, &fs) != 0) {
		check_say(c, CHECK_FAIL, "spool-disk", "%s's disk: %s: %s", c->place, dir, strerror(errno));
		return;
	}
	mib = (uint64_t)fs.f_bavail * fs.f_frsize >> 20;
	if ((uint64_t)fs.f_bavail * fs.f_frsize < min_free)
		check_say(c, CHECK_FAIL, "spool-disk", "%s's disk: %" PRIu64 " MiB free, min-free asks for %zu MiB; make room, or purge events", c->place,
			mib, min_free >> 20);
	else if (fs.f_files > 0 && fs.f_favail < 16)
		check_say(c, CHECK_FAIL, "spool-disk", "%s's disk: no inodes are left; remove files", c->place);
	else if (fs.f_flag & ST_RDONLY)
		check_say(c, CHECK_FAIL, "spool-disk", "%s's disk: it is mounted read-only; remount it", c->place);
	else
		check_say(c, CHECK_OK, "spool-disk", "%s's disk: %" PRIu64 " MiB free", c->place, mib);
}

/* Two users share the directory that the systemd units make. A directory that is made by hand has one user. */
#define BY_UNITS "with the systemd units: systemd-tmpfiles --create; without them: "

/* The spool does not exist: could the receiver make it? */
static void check_missing(struct check *c, const struct conf *conf)
{
	char path[PATH_MAX];
	const char *parent;

	snprintf(path, sizeof path, "%s", conf->dir);
	parent = dirname(path);
	if (access(parent, F_OK) != 0) {
		check_say(c, CHECK_FAIL, "spool", "%s %s: neither it nor %s exists; " BY_UNITS "install -d -m 700 -o USER %s", c->place, conf->dir, parent,
			conf->dir);
		return;
	}
	if (geteuid() == 0)
		check_say(c, CHECK_WARN, "spool", "%s %s: not there; made by the receiver if its user may write to %s, "
			"else " BY_UNITS "install -d -m 700 -o USER %s", c->place, conf->dir, parent, conf->dir);
	else if (access(parent, W_OK | X_OK) != 0)
		check_say(c, CHECK_FAIL, "spool", "%s %s: not there, and user %s may not make it in %s; as root, " BY_UNITS "install -d -m 700 -o %s %s", c->place,
			conf->dir, check_user(geteuid()), parent, check_user(geteuid()), conf->dir);
	else
		check_say(c, CHECK_OK, "spool", "%s %s: not there yet; the receiver makes it when it starts", c->place, conf->dir);
	check_file_system(c, parent, conf->journal);
	check_room(c, parent, conf->min_free);
}

/* Reports that another user should own a file or directory, and the command for that. */
static void say_foreign(struct check *c, const char *path, uid_t is, uid_t right)
{
	char owner[64];

	snprintf(owner, sizeof owner, "%s", check_user(right));
	check_say(c, CHECK_FAIL, "spool", "%s: belongs to user %s; as root: chown %s %s", path, check_user(is), owner, path);
}

/*
 * True when one user owns all files of the spool, and another the directory: then the directory's owner was changed. The other
 * case is files that root made in another user's directory.
 */
static bool is_given_away(const char *dir, const struct stat *place, uid_t *owner)
{
	char path[PATH_MAX];
	struct stat st;
	size_t n = 0;

	for (const char *const *name = spool_fs_files; *name; name++) {
		snprintf(path, sizeof path, "%s/%s", dir, *name);
		if (lstat(path, &st) != 0)
			continue;
		if (n++ > 0 && st.st_uid != *owner)
			return false;
		*owner = st.st_uid;
	}
	return n > 0 && *owner != place->st_uid && *owner != 0;
}

/* A file of the spool that another user owns stops the receiver. A command that root ran may have left one. */
static bool check_owned(struct check *c, const char *dir, const char *name, const struct stat *place)
{
	bool shared = spool_fs_shared(place);
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	if (lstat(path, &st) != 0)
		return errno == ENOENT;
	if (!S_ISREG(st.st_mode)) {
		check_say(c, CHECK_FAIL, "spool", "%s: %s, and must be a plain file; move it away", path, S_ISLNK(st.st_mode) ? "it is a link" :
			S_ISDIR(st.st_mode) ? "it is a directory" : "it is a device, a pipe or a socket");
		return false;
	}
	if (shared && st.st_gid == place->st_gid && (st.st_mode & 0667) == 0660)
		return true;
	if (st.st_uid != place->st_uid) {
		say_foreign(c, path, st.st_uid, place->st_uid);
		return false;
	}
	if (shared && st.st_gid != place->st_gid) {
		check_say(c, CHECK_FAIL, "spool", "%s: another group than the directory's; chgrp --reference=%s it", path, dir);
		return false;
	}
	if ((st.st_mode & 0600) != 0600) {
		check_say(c, CHECK_FAIL, "spool", "%s: its mode is %03o, so that its owner can't use it; chmod %s it", path, (unsigned)st.st_mode & 0777,
			shared ? "660" : "600");
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

/* The files in it can't be seen, so both ways to correct the owner are printed. */
static void say_unusable(struct check *c, const char *dir, uid_t owner)
{
	char me[64];

	snprintf(me, sizeof me, "%s", check_user(geteuid()));
	check_say(c, CHECK_FAIL, "spool", "%s %s: belongs to user %s, and this is user %s; if the receiver runs as %s, as root: chown -R %s %s; "
		"else check as root", c->place, dir, check_user(owner), me, me, me, dir);
}

static bool check_directory(struct check *c, const char *dir, const struct stat *st)
{
	bool ok = true, shared = spool_fs_shared(st);
	char name[64];
	uid_t owner = 0;

	if (!S_ISDIR(st->st_mode)) {
		check_say(c, CHECK_FAIL, "spool", "%s %s: not a directory; move it away", c->place, dir);
		return false;
	}
	if (st->st_uid != geteuid() && !(shared && access(dir, R_OK | W_OK | X_OK) == 0)) {
		say_unusable(c, dir, st->st_uid);
		return false;
	}
	if (!shared && is_given_away(dir, st, &owner)) {
		snprintf(name, sizeof name, "%s", check_user(owner));
		check_say(c, CHECK_FAIL, "spool", "%s %s: belongs to user %s, and all its files to user %s; as root: chown %s %s", c->place, dir,
			check_user(st->st_uid), name, name, dir);
		return false;
	}
	if ((st->st_mode & 0777) != (shared ? 0770 : 0700)) {
		check_say(c, CHECK_FAIL, "spool", "%s %s: its mode is %03o, so that %s; chmod %s it", c->place, dir, (unsigned)st->st_mode & 0777,
			st->st_mode & 077 ? "others may enter it" : "its owner can't use it", shared ? "2770" : "700");
		return false;
	}
	for (const char *const *file = spool_fs_files; *file; file++)
		ok = check_owned(c, dir, *file, st) && ok;
	if (ok && st->st_uid == 0)
		check_say(c, CHECK_WARN, "spool", "%s %s: root owns it; let the receiver run as an ordinary user and chown -R it to that", c->place, dir);
	else if (ok)
		check_say(c, CHECK_OK, "spool", "%s %s: user %s's%s, closed to others", c->place, dir, check_user(st->st_uid),
			shared ? ", shared with its group" : "");
	return ok;
}

void check_spool(struct check *c, const struct conf *conf)
{
	struct stat st;

	c->place = !place_is_server(conf->spool) ? "spool" : conf->overflow_dir ? "overflow" : "local directory";
	if (stat(conf->dir, &st) != 0) {
		if (errno == ENOENT)
			check_missing(c, conf);
		else
			check_say(c, CHECK_FAIL, "spool", "%s %s: %s", c->place, conf->dir, strerror(errno));
		if (place_is_server(conf->spool))
			check_database(c, conf);
		return;
	}
	check_file_system(c, conf->dir, conf->journal);
	check_room(c, conf->dir, conf->min_free);
	if (check_directory(c, conf->dir, &st) || place_is_server(conf->spool))
		check_database(c, conf);
}
