/* SPDX-License-Identifier: ISC */
/* The user that owns a spool: root's commands become that user before they read what the spool says. */
#define _GNU_SOURCE /* initgroups, setresuid */
#include "config.h"

#include "cli/owner.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sandbox.h"
#include "spool/fs.h"
#include "spool/wakeup.h"

#ifdef HAVE_SETRESUID

static bool set_user(uid_t uid, gid_t gid)
{
	return setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0;
}

/* Asks the kernel again: a program must not go on as root after a failed change. */
static bool is_user(uid_t uid, gid_t gid)
{
	uid_t u[3];
	gid_t g[3];

	if (getresuid(&u[0], &u[1], &u[2]) != 0 || getresgid(&g[0], &g[1], &g[2]) != 0)
		return false;
	for (int i = 0; i < 3; i++)
		if (u[i] != uid || g[i] != gid)
			return false;
	return true;
}

#else

/* As root, both set the real, effective and saved ones. */
static bool set_user(uid_t uid, gid_t gid)
{
	return setgid(gid) == 0 && setuid(uid) == 0;
}

/* Asks the kernel again; the saved ones are seen by what is not allowed any more. */
static bool is_user(uid_t uid, gid_t gid)
{
	return getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid && (uid == 0 || setuid(0) != 0);
}

#endif

bool owner_become_user(uid_t uid, gid_t gid)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		gid = pw->pw_gid;
	if ((pw ? initgroups(pw->pw_name, gid) : setgroups(0, NULL)) != 0 || !set_user(uid, gid))
		return false;
	sandbox_hide(); /* with another user, the kernel may open the memory again: fs.suid_dumpable of proc(5) */
	errno = EPERM;
	return is_user(uid, gid);
}

/* Finds the owner of the socket that a relay has made in the directory, whose state is `place`. False: there is none. */
static bool find_relay(const char *dir, const struct stat *place, uid_t *uid)
{
	char path[PATH_MAX];
	struct stat wakeup;

	if (snprintf(path, sizeof path, "%s/" SPOOL_WAKEUP_SOCKET, dir) >= (int)sizeof path || lstat(path, &wakeup) != 0 ||
	    !S_ISSOCK(wakeup.st_mode) || wakeup.st_nlink != 1 || wakeup.st_uid == 0 || wakeup.st_gid != place->st_gid)
		return false;
	*uid = wakeup.st_uid;
	return true;
}

bool owner_of_relay(const char *dir, uid_t *uid, gid_t *gid)
{
	struct stat st;

	if (stat(dir, &st) != 0)
		return false;
	*uid = st.st_uid;
	*gid = st.st_gid;
	if (spool_fs_shared(&st))
		find_relay(dir, &st, uid);
	return true;
}

bool owner_knows_relay(const char *dir)
{
	struct stat st;
	uid_t uid;

	return stat(dir, &st) != 0 || !spool_fs_shared(&st) || find_relay(dir, &st, &uid);
}

/* Root owns the directory: its content is trusted only where no other user may write. */
static bool stay_root(const char *dir, mode_t mode, char *why, size_t n)
{
	if (mode & 022)
		snprintf(why, n, "%s: root owns it, and other users may write into it (mode %04o); chown it to the receiver's user", dir,
			(unsigned)mode & 07777);
	return !(mode & 022);
}

static bool become(const char *dir, bool relay, char *why, size_t n)
{
	struct stat st;
	bool missing;
	uid_t uid;
	gid_t gid;

	if (geteuid() != 0)
		return true;
	if (stat(dir, &st) != 0 || !owner_of_relay(dir, &uid, &gid)) {
		missing = errno == ENOENT; /* the caller says so */
		snprintf(why, n, "%s: %s", dir, strerror(errno));
		return missing;
	}
	if (st.st_uid == 0)
		return stay_root(dir, st.st_mode, why, n);
	if (!relay)
		uid = st.st_uid;
	if (owner_become_user(uid, gid))
		return true;
	snprintf(why, n, "%s: can't become user %lu, which uses it: %s", dir, (unsigned long)uid, strerror(errno));
	return false;
}

bool owner_become(const char *dir, char *why, size_t n)
{
	return become(dir, false, why, n);
}

bool owner_become_relay(const char *dir, char *why, size_t n)
{
	return become(dir, true, why, n);
}
