/* The user that owns a spool: root's commands become that user before they read what the spool says. */
#define _GNU_SOURCE /* initgroups, setresuid */
#include "cli/owner.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel is asked again: a program that goes on as root after a failed change is the worst outcome. */
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

bool owner_become_user(uid_t uid, gid_t gid)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		gid = pw->pw_gid;
	if ((pw ? initgroups(pw->pw_name, gid) : setgroups(0, NULL)) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, uid) != 0)
		return false;
	errno = EPERM;
	return is_user(uid, gid);
}

bool owner_become(const char *dir, char *why, size_t n)
{
	struct stat st;

	if (geteuid() != 0 || (stat(dir, &st) != 0 && errno == ENOENT))
		return true;
	if (stat(dir, &st) != 0) {
		snprintf(why, n, "%s: %s", dir, strerror(errno));
		return false;
	}
	if (st.st_uid == 0 && (st.st_mode & 022)) {
		snprintf(why, n, "%s: root owns it, and other users may write into it (mode %04o); chown it to the receiver's user", dir,
			(unsigned)st.st_mode & 07777);
		return false;
	}
	if (st.st_uid == 0 || owner_become_user(st.st_uid, st.st_gid))
		return true;
	snprintf(why, n, "%s: can't become its owner, user %lu: %s", dir, (unsigned long)st.st_uid, strerror(errno));
	return false;
}
