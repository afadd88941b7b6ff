/* SPDX-License-Identifier: ISC */
/* hookspool check, the socket: does a receiver answer a request there, and which users may connect? */
#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/check.h"
#include "gate/listen.h"
#include "gate/probe.h"
#include "spool/program.h"

enum {
	PROBE_MS = 5000,
	SOCKETS_MAX = 8,
};

static const char *fix_for(int error)
{
	switch (error) {
	case ENOENT:
		return "; is the receiver running, and on this path?";
	case ECONNREFUSED:
		return "; no process listens: start the receiver";
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

/* FastCGI has no authentication: any user that may connect can send deliveries. */
static void say_mode(struct check *c, const struct conf *conf, const char *where, const char *path)
{
	char number[24];
	struct stat st;

	if (stat(path, &st) != 0)
		check_say(c, CHECK_FAIL, "socket", "socket %s: %s", where, strerror(errno));
	else if (st.st_mode & 002)
		check_say(c, CHECK_WARN, "socket", "socket %s: a receiver answers, also to any local user; set %s", where,
			conf->listen ? "socket-mode = \"0660\"" : "SocketMode=0660 in hookspool.socket, spawn-fcgi's -M 0660, or --socket-mode 0660");
	else
		check_say(c, CHECK_OK, "socket", "socket %s: a receiver answers; mode %03o, user %s, group %s: the web server must be one of them", where,
			(unsigned)st.st_mode & 0777, check_user(st.st_uid), group_name(st.st_gid, number, sizeof number));
}

/* True when a registered receiver has that pid. */
static bool is_noted(const struct check *c, int64_t pid)
{
	for (const char *noted = NULL; (noted = check_next_note(c, "receiver", noted));)
		if (strtoll(noted, NULL, 10) == pid)
			return true;
	return false;
}

/*
 * True when a registered receiver has that pid. A receiver writes its row before it answers, so the rows are read again for one
 * that was starting.
 */
static bool is_known_receiver(struct check *c, const struct conf *conf, int64_t pid)
{
	if (!is_noted(c, pid))
		check_as_relay(c, conf, check_note_receivers);
	return is_noted(c, pid);
}

/* Reads the answer to the probe. True where all is well. */
static bool say_answer(struct check *c, const struct conf *conf, const char *where, const struct probe_result *r)
{
	if (!r->writable && strncmp(r->error, "lock: held", 10) == 0)
		check_say(c, CHECK_WARN, "socket", "socket %s: the receiver (pid %" PRId64 ") answers, but another process held the spool's lock for 1 s; "
			"is that a purge? check again", where, r->pid);
	else if (!r->writable)
		check_say(c, CHECK_FAIL, "socket", "socket %s: the receiver (pid %" PRId64 ") answers, but can't write its spool, so that deliveries "
			"are answered 503: %s", where, r->pid, r->error);
	else if (!check_next_note(c, CHECK_UNUSABLE, NULL) && !is_known_receiver(c, conf, r->pid))
		check_say(c, CHECK_FAIL, "socket", "socket %s: the receiver there (pid %" PRId64 ") does not use this configuration's spool; "
			"is it another configuration's receiver, or was the spool moved? restart it with -c", where, r->pid);
	else
		return true;
	return false;
}

/* Sends a request through the socket. True where the receiver answers it, and reports no fault. */
static bool probe(struct check *c, const struct conf *conf, const char *where, int fd)
{
	struct probe_result r;

	switch (probe_ask(fd, PROBE_MS, &r)) {
	case FCGI_CLIENT_ANSWERED:
		return say_answer(c, conf, where, &r);
	case FCGI_CLIENT_SILENT:
		check_say(c, CHECK_FAIL, "socket", "socket %s: no receiver answers within %d s: it hangs, is stopped, or systemd holds the socket "
			"of one that does not start; see its log, and restart it", where, PROBE_MS / 1000);
		return false;
	case FCGI_CLIENT_CLOSED:
		check_say(c, CHECK_FAIL, "socket", "socket %s: the connection was closed without an answer; see the receiver's log, and restart it", where);
		return false;
	case FCGI_CLIENT_OTHER:
		check_say(c, CHECK_FAIL, "socket", "socket %s: the program that answers is no receiver of this release; restart the receiver, or name its socket "
			"with --socket", where);
		return false;
	}
	return false;
}

static void look_at_socket(struct check *c, const struct conf *conf, const char *where)
{
	char why[PATH_MAX];
	bool well;
	int fd;

	errno = 0;
	fd = listen_connect(where, why, sizeof why);
	if (fd < 0 && errno == EACCES) {
		check_say(c, CHECK_WARN, "socket", "socket %s: user %s may not connect, so that it can't be asked; check as root, or as a user "
			"of the socket's group", where, check_user(geteuid()));
		return;
	}
	if (fd < 0) {
		check_say(c, CHECK_FAIL, "socket", "socket %s%s", why, fix_for(errno));
		return;
	}
	well = probe(c, conf, where, fd);
	close(fd);
	if (!well)
		return;
	if (strncmp(where, "unix:", 5) == 0)
		say_mode(c, conf, where, where + 5);
	else
		check_say(c, CHECK_OK, "socket", "socket %s: a receiver answers; any local user may connect, unlike to a unix: socket", where);
}

/* The sockets that receivers are registered with, each once. They are copied, because a new note may move all notes. */
static size_t collect_noted(const struct check *c, char (*found)[SPOOL_PROGRAM_ADDRESS])
{
	const char *address = NULL;
	size_t n = 0, i;

	while (n < SOCKETS_MAX && (address = check_next_note(c, "address", address))) {
		for (i = 0; i < n && strcmp(found[i], address) != 0; i++)
			;
		if (i == n && snprintf(found[n], sizeof found[n], "%s", address) < (int)sizeof found[n])
			n++;
	}
	return n;
}

/* False when no receiver is registered with a socket. */
static bool look_at_noted(struct check *c, const struct conf *conf)
{
	char found[SOCKETS_MAX][SPOOL_PROGRAM_ADDRESS];
	size_t n = collect_noted(c, found);

	for (size_t i = 0; i < n; i++)
		look_at_socket(c, conf, found[i]);
	return n > 0;
}

void check_socket(struct check *c, const struct conf *conf)
{
	const char *where = c->socket ? c->socket : conf->listen, *when;

	if (where && strcmp(where, "none") == 0)
		check_say(c, CHECK_OK, "socket", "socket: there is none to ask: the web server starts the receiver, or none runs yet");
	else if (where)
		look_at_socket(c, conf, where);
	else if (look_at_noted(c, conf))
		return;
	else if (check_next_note(c, CHECK_UNUSABLE, NULL))
		check_say(c, CHECK_WARN, "socket", "socket not checked: its address is in the spool, which can't be read; name it with --socket unix:PATH");
	else if ((when = check_next_note(c, "gone", NULL)) && !check_next_note(c, "receiver", NULL))
		check_say(c, CHECK_FAIL, "socket", "socket: there is none, and the receiver that was started at %s was killed, or the machine "
			"stopped; start it, and see its log", when);
	else if ((when = check_next_note(c, "ended", NULL)))
		check_say(c, CHECK_WARN, "socket", "socket: there is none; the receiver ended at %s; start it, or write --socket none where the "
			"web server starts it, as mod_fcgid does", when);
	else if ((when = check_next_note(c, "cgi", NULL)))
		check_say(c, CHECK_OK, "socket", "socket: there is none to ask, since the web server starts the receiver for each delivery, as CGI; the "
			"last one at %s", when);
	else
		check_say(c, CHECK_WARN, "socket", "socket not checked: no receiver is registered with one; name it with --socket unix:PATH, "
			"or write --socket none where the web server starts the receiver, as for CGI and mod_fcgid");
}
