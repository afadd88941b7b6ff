/* hookspool check, run by root: seeing the spool with the eyes of the user who owns it. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/check.h"
#include "cli/owner.h"

const char *check_user(uid_t uid)
{
	static char number[24];
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		return pw->pw_name;
	snprintf(number, sizeof number, "%lu", (unsigned long)uid);
	return number;
}

/* Never returns; what was found goes down the pipe. */
static void be_child(int fd, const struct stat *dir, const struct conf *conf,
	void (*part)(struct check *c, const struct conf *conf))
{
	struct check found = {0};

	if (owner_become_user(dir->st_uid, dir->st_gid))
		part(&found, conf);
	else
		check_say(&found, CHECK_FAIL, "can't become user %s: %s", check_user(dir->st_uid), strerror(errno));
	fflush(stdout);
	_exit(write(fd, &found, sizeof found) == (ssize_t)sizeof found ? 0 : 1);
}

void check_as_owner(struct check *c, const struct conf *conf, void (*part)(struct check *c, const struct conf *conf))
{
	struct check found;
	struct stat dir;
	int fd[2];
	bool ok;
	pid_t pid;

	if (geteuid() != 0 || stat(conf->spool, &dir) != 0 || dir.st_uid == 0) {
		part(c, conf);
		return;
	}
	if (pipe(fd) != 0) {
		check_say(c, CHECK_FAIL, "pipe: %s", strerror(errno));
		return;
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		be_child(fd[1], &dir, conf, part);
	close(fd[1]);
	ok = pid > 0 && read(fd[0], &found, sizeof found) == (ssize_t)sizeof found;
	close(fd[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	if (!ok) {
		check_say(c, CHECK_FAIL, "the check as user %s broke off", check_user(dir.st_uid));
		return;
	}
	c->failures += found.failures;
}
