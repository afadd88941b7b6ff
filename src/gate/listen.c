/* SPDX-License-Identifier: ISC */
/* The listening socket: one that the process was started with, or one that it opens. */
#include "gate/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/descriptor.h"

enum {
	SYSTEMD_FD = 3, /* SD_LISTEN_FDS_START, sd_listen_fds(3) */
	BACKLOG = 4096, /* a full one makes nginx answer 502 */
	CONNECT_S = 3,  /* a full one would let connect(2) wait for ever */
};

union address {
	struct sockaddr any;
	struct sockaddr_un local;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int fail_to_listen(char *why, size_t n, const char *address, const char *text)
{
	snprintf(why, n, "%s: %s", address, text);
	return -1;
}

static bool accepts(int fd)
{
	int on = 0;
	socklen_t n = sizeof on;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on;
}

int listen_inherited(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

	if (pid && fds && strtol(pid, NULL, 10) == getpid() && strtol(fds, NULL, 10) >= 1)
		return accepts(SYSTEMD_FD) ? SYSTEMD_FD : -1;
	return accepts(STDIN_FILENO) ? STDIN_FILENO : -1;
}

static socklen_t parse_tcp(const char *text, union address *a)
{
	char host[INET6_ADDRSTRLEN + 2];
	const char *colon = strrchr(text, ':');
	unsigned long port;
	char *end;
	size_t n;

	if (!colon || (size_t)(colon - text) >= sizeof host)
		return 0;
	port = strtoul(colon + 1, &end, 10);
	if (end == colon + 1 || *end || port == 0 || port > 65535)
		return 0;
	n = (size_t)(colon - text);
	memcpy(host, text, n);
	host[n] = '\0';
	if (inet_pton(AF_INET, host, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons((uint16_t)port);
		return sizeof a->v4;
	}
	if (n < 2 || host[0] != '[' || host[n - 1] != ']')
		return 0;
	host[n - 1] = '\0';
	if (inet_pton(AF_INET6, host + 1, &a->v6.sin6_addr) != 1)
		return 0;
	a->v6.sin6_family = AF_INET6;
	a->v6.sin6_port = htons((uint16_t)port);
	return sizeof a->v6;
}

/* The socket's address and its length; 0 with the reason in why. */
static socklen_t parse_listen_address(const char *address, union address *a, char *why, size_t n)
{
	socklen_t len = 0;

	memset(a, 0, sizeof *a);
	if (strncmp(address, "unix:", 5) == 0) {
		if (!address[5] || strlen(address + 5) >= sizeof a->local.sun_path) {
			fail_to_listen(why, n, address, "the path of a socket has 1 to 107 bytes");
			return 0;
		}
		a->local.sun_family = AF_UNIX;
		strcpy(a->local.sun_path, address + 5);
		return sizeof a->local;
	}
	if (strncmp(address, "tcp:", 4) == 0)
		len = parse_tcp(address + 4, a);
	if (len == 0)
		fail_to_listen(why, n, address, "write unix:PATH, tcp:127.0.0.1:PORT or tcp:[::1]:PORT");
	return len;
}

/* FastCGI has no authentication: a process that can connect can send any request. So TCP is for loopback alone. */
static bool loopback(const union address *a)
{
	if (a->any.sa_family == AF_INET)
		return ntohl(a->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return a->any.sa_family == AF_UNIX || IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

int listen_connect(const char *address, char *why, size_t n)
{
	union address a;
	socklen_t len = parse_listen_address(address, &a, why, n);
	struct timeval wait = {CONNECT_S, 0};
	int fd, error;

	if (len == 0)
		return -1;
	fd = descriptor_socket(a.any.sa_family, SOCK_STREAM, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
	if (fd < 0 || connect(fd, &a.any, len) != 0) {
		error = errno;
		fail_to_listen(why, n, address, strerror(error));
		if (fd >= 0)
			close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

static bool make_way(const char *address, const char *path, char *why, size_t n)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) != 0)
		return true;
	if (!S_ISSOCK(st.st_mode)) {
		fail_to_listen(why, n, address, "exists and is not a socket");
		return false;
	}
	fd = listen_connect(address, why, n);
	if (fd >= 0) {
		close(fd);
		fail_to_listen(why, n, address, "another process listens there");
		return false;
	}
	return unlink(path) == 0;
}

static bool set_group(const char *path, const char *group, char *why, size_t n)
{
	const struct passwd *me = getpwuid(geteuid());
	const char *user = me ? me->pw_name : "USER";
	const struct group *g = getgrnam(group);

	if (g && chown(path, (uid_t)-1, g->gr_gid) == 0)
		return true;
	if (!g)
		snprintf(why, n, "socket-group %s: there is no such group", group);
	else if (errno == EPERM)
		snprintf(why, n, "socket-group %s: user %s is not in that group; add it with usermod -aG %s %s, or remove socket-group",
			group, user, group, user);
	else
		fail_to_listen(why, n, path, strerror(errno));
	return false;
}

/* Sets the mode last: until then no other user can connect, whatever the group. */
static bool set_owner(const char *path, mode_t mode, const char *group, char *why, size_t n)
{
	if (group && !set_group(path, group, why, n))
		return false;
	if (chmod(path, mode) == 0)
		return true;
	fail_to_listen(why, n, path, strerror(errno));
	return false;
}

int listen_open(const char *address, mode_t mode, const char *group, char *why, size_t n)
{
	union address a;
	socklen_t len = parse_listen_address(address, &a, why, n);
	const char *path = a.any.sa_family == AF_UNIX ? a.local.sun_path : NULL;
	int fd, on = 1;
	mode_t mask;
	bool ok;

	if (len == 0)
		return -1;
	if (!loopback(&a))
		return fail_to_listen(why, n, address, "FastCGI over TCP is for loopback addresses only");
	if (path && !make_way(address, path, why, n))
		return -1;
	fd = descriptor_socket(a.any.sa_family, SOCK_STREAM, 0);
	if (fd < 0)
		return fail_to_listen(why, n, address, strerror(errno));
	if (!path)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	mask = umask(0177);
	ok = bind(fd, &a.any, len) == 0;
	umask(mask);
	if (!ok)
		fail_to_listen(why, n, address, strerror(errno));
	else if (path)
		ok = set_owner(path, mode, group, why, n);
	if (ok && listen(fd, BACKLOG) != 0) {
		fail_to_listen(why, n, address, strerror(errno));
		ok = false;
	}
	if (ok)
		return fd;
	close(fd);
	return -1;
}

void listen_address(int fd, char *out, size_t n)
{
	union address a = {0};
	socklen_t len = sizeof a;
	char host[INET6_ADDRSTRLEN] = "";

	*out = '\0';
	if (getsockname(fd, &a.any, &len) != 0)
		return;
	if (a.any.sa_family == AF_UNIX && a.local.sun_path[0] == '/')
		snprintf(out, n, "unix:%.*s", (int)sizeof a.local.sun_path, a.local.sun_path);
	else if (a.any.sa_family == AF_INET && inet_ntop(AF_INET, &a.v4.sin_addr, host, sizeof host))
		snprintf(out, n, "tcp:%s:%u", host, ntohs(a.v4.sin_port));
	else if (a.any.sa_family == AF_INET6 && inet_ntop(AF_INET6, &a.v6.sin6_addr, host, sizeof host))
		snprintf(out, n, "tcp:[%s]:%u", host, ntohs(a.v6.sin6_port));
}

void listen_remove(const char *address)
{
	if (strncmp(address, "unix:", 5) == 0)
		unlink(address + 5);
}
