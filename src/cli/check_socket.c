/* hookspool check, the socket: does a receiver accept there, and who may connect to it? */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/check.h"
#include "gate/listen.h"

static const char *fix_for(int error)
{
	switch (error) {
	case ENOENT:
		return "; is the receiver running, and on this path?";
	case ECONNREFUSED:
		return "; nobody listens: start the receiver";
	case EACCES:
		return "; this user is not in the socket's group: see socket-group and socket-mode";
	case EAGAIN:
	case ETIMEDOUT:
	case EINPROGRESS:
		return "; it does not accept: the receiver hangs";
	default:
		return "";
	}
}

static const char *group_name(gid_t gid, char *number, size_t n)
{
	const struct group *gr = getgrgid(gid);

	if (gr)
		return gr->gr_name;
	snprintf(number, n, "%lu", (unsigned long)gid);
	return number;
}

/* A socket that everybody may connect to is fed by everybody: FastCGI has no authentication. */
static void say_mode(struct check *c, const char *where, const char *path)
{
	char number[24];
	struct stat st;

	if (stat(path, &st) != 0)
		check_say(c, CHECK_FAIL, "socket", "socket %s: %s", where, strerror(errno));
	else if (st.st_mode & 002)
		check_say(c, CHECK_WARN, "socket", "socket %s: accepts, also from any local user; set socket-mode = \"0660\"", where);
	else
		check_say(c, CHECK_OK, "socket", "socket %s: accepts; mode %03o, user %s, group %s: the web server must be one of them", where,
			(unsigned)st.st_mode & 0777, check_user(st.st_uid), group_name(st.st_gid, number, sizeof number));
}

void check_socket(struct check *c, const char *where)
{
	char why[PATH_MAX];
	int fd;

	errno = 0;
	fd = listen_connect(where, why, sizeof why);
	if (fd < 0) {
		check_say(c, CHECK_FAIL, "socket", "socket %s%s", why, fix_for(errno));
		return;
	}
	close(fd);
	if (strncmp(where, "unix:", 5) == 0)
		say_mode(c, where, where + 5);
	else
		check_say(c, CHECK_OK, "socket", "socket %s: accepts; so it does from any local user, unlike a unix: socket", where);
}
