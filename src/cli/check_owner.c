/* SPDX-License-Identifier: ISC */
/* hookspool check, run by root: the parts run as the user that owns the spool, or as the relay's user. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/check.h"
#include "cli/owner.h"
#include "core/io.h"

enum { FINDINGS_MAX = 4 << 20 };

const char *check_user(uid_t uid)
{
	static char number[24];
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		return pw->pw_name;
	snprintf(number, sizeof number, "%lu", (unsigned long)uid);
	return number;
}

struct user {
	uid_t uid;
	gid_t gid;
};

/* Runs the part in the child and writes the findings to the pipe. Does not return. */
static void be_child(const struct check *c, int fd, const struct user *user, const struct conf *conf, check_part *part)
{
	struct check found = {.socket = c->socket, .deep = c->deep, .quiet = true, .is_child = true, .notes = c->notes,
		.relay_unknown = c->relay_unknown};

	if (owner_become_user(user->uid, user->gid))
		part(&found, conf);
	else
		check_say(&found, CHECK_FAIL, "owner", "can't become user %s: %s", check_user(user->uid), strerror(errno));
	_exit(io_write_all(fd, found.findings.data, found.findings.len) ? 0 : 1);
}

static void check_as(struct check *c, const struct conf *conf, const struct user *user, check_part *part)
{
	struct buf found = {0};
	int fd[2], status = 1;
	pid_t pid;

	if (pipe(fd) != 0) {
		check_say(c, CHECK_FAIL, "owner", "pipe: %s", strerror(errno));
		return;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		be_child(c, fd[1], user, conf, part);
	close(fd[1]);
	if (pid > 0 && io_read_all(fd[0], &found, FINDINGS_MAX))
		check_take(c, (struct slice){found.data, found.len});
	close(fd[0]);
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (status != 0)
		check_say(c, CHECK_FAIL, "owner", "the check as user %s failed", check_user(user->uid));
	buf_free(&found);
}

void check_as_owner(struct check *c, const struct conf *conf, check_part *part)
{
	struct stat dir;

	if (geteuid() != 0 || stat(conf->dir, &dir) != 0 || dir.st_uid == 0)
		part(c, conf);
	else
		check_as(c, conf, &(struct user){dir.st_uid, dir.st_gid}, part);
}

void check_as_relay(struct check *c, const struct conf *conf, check_part *part)
{
	struct user user;

	c->relay_unknown = geteuid() == 0 && !owner_knows_relay(conf->dir);
	if (geteuid() != 0 || !owner_of_relay(conf->dir, &user.uid, &user.gid) || user.uid == 0)
		part(c, conf);
	else
		check_as(c, conf, &user, part);
}
