/* SPDX-License-Identifier: ISC */
/* hookspool init: the users that files are given to, and the places of files. */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/cli.h"
#include "cli/init.h"
#include "cli/owner.h"

#define DEFAULT_SOCKET "/run/hookspool/hookspool.sock"

/* A path that goes into configurations as it is. */
static bool means_nothing(const char *path)
{
	return *path == '/' && strspn(path, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/+") == strlen(path);
}

static bool find_user(const char *const *names, const char **name, uid_t *uid, gid_t *gid)
{
	for (; *names; names++) {
		const struct passwd *pw = getpwnam(*names);

		if (!pw)
			continue;
		*name = *names;
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
		return true;
	}
	return false;
}

int init_find_users(struct init *i)
{
	const char *const wanted[] = {i->o->user, NULL};
	static const char *const usual[] = {RECEIVER_USER, "_hookspool", "hookspool", WEB_GROUP, NULL},
		*const relays[] = {RELAY_USER, "_hookspool-relay", "hookspool-relay", NULL};
	const char *relay;

	i->uid = i->relay_uid = geteuid();
	i->gid = i->relay_gid = getegid();
	i->group = i->o->group;
	if (geteuid() != 0)
		return i->o->user ? cli_usage("init", "--user: only root gives files to another user") : CLI_OK;
	if (!find_user(i->o->user ? wanted : usual, &i->user, &i->uid, &i->gid))
		return cli_usage("init", "--user: there is no user %s; name the one that hookspool.fcgi is to run as", i->o->user ? i->o->user : "hookspool");
	if (i->o->user || !find_user(relays, &relay, &i->relay_uid, &i->relay_gid)) {
		i->relay_uid = i->uid;
		i->relay_gid = i->gid;
	}
	if (!i->group && getgrnam(WEB_GROUP))
		i->group = WEB_GROUP;
	return CLI_OK;
}

static bool join_path(char *out, const char *directory, const char *name, const char *suffix)
{
	return snprintf(out, PATH_MAX, "%s/%s%s", directory, name, suffix) < PATH_MAX;
}

/* A path of the command line starts at the working directory. */
static bool make_absolute(const char *path, char *out)
{
	char here[PATH_MAX];

	if (*path == '/')
		return snprintf(out, PATH_MAX, "%s", path) < PATH_MAX;
	return getcwd(here, sizeof here) && join_path(out, here, path, "");
}

int init_find_places(struct init *i, const struct cli *cli)
{
	bool ok;
	char found[PATH_MAX];

	ok = make_absolute(conf_find(cli->conf_file, found, sizeof found), i->conf);
	snprintf(i->directory, sizeof i->directory, "%s", i->conf);
	if (!ok || !means_nothing(i->conf))
		return cli_usage("init", "-c: %s: write a path of letters, digits and - . _ / alone", i->conf);
	*strrchr(i->directory, '/') = '\0';
	ok = i->o->spool ? make_absolute(i->o->spool, i->spool) : geteuid() == 0 ? make_absolute("/var/lib/hookspool", i->spool) :
		join_path(i->spool, i->directory, "spool", "");
	ok = ok && (i->o->socket ? make_absolute(i->o->socket, i->socket) : geteuid() == 0 ? make_absolute(DEFAULT_SOCKET, i->socket) :
		join_path(i->socket, i->directory, "hookspool.sock", ""));
	if (!ok || !means_nothing(i->spool) || !means_nothing(i->socket))
		return cli_usage("init", "--spool and --socket are paths of letters, digits and - . _ / alone");
	return CLI_OK;
}

int init_name_files(struct init *i)
{
	char file[PATH_MAX];
	bool ok = join_path(i->secret, i->directory, i->name, ".secret") && join_path(i->token, i->directory, i->name, ".token") &&
		join_path(i->sink, i->directory, "sinks/", i->sink_name ? i->sink_name : "") && strlen(i->sink) + sizeof ".url" <= sizeof i->sink;

	if (ok)
		strcat(i->sink, ".url");
	ok = ok && (!i->web || (make_absolute(i->web_file, file) && means_nothing(file)));
	if (ok && i->web)
		memcpy(i->web_file, file, sizeof file);
	return ok && init_page_name(i) ? CLI_OK : cli_usage("init", "the web server's file is a path of letters, digits and - . _ / alone");
}

/* ---- the socket's directory */

/* Run in a child process, which becomes the receiver's user. */
static int try_socket_directory(void *ctx)
{
	const struct init *i = ctx;
	char directory[PATH_MAX], *slash;
	int error;

	snprintf(directory, sizeof directory, "%s", i->socket);
	slash = strrchr(directory, '/');
	slash[slash == directory] = '\0';
	if ((geteuid() != 0 || i->uid == 0 || owner_become_user(i->uid, i->gid)) && access(directory, W_OK | X_OK) == 0)
		return CLI_OK;
	error = errno;
	printf("FAIL  the receiver can't make its socket in %s: %s; ", directory, strerror(error));
	if (i->user && error == EACCES)
		printf("where it is hookspool's alone, run \"chown %s %s\"; else remove the files made, and run init with another --socket\n", i->user, directory);
	else
		puts("remove the files made, and run init with another --socket");
	return CLI_NO;
}

bool init_try_socket(struct init *i)
{
	/* systemd makes it, as root */
	if (geteuid() == 0 && access("/run/systemd/system", F_OK) == 0)
		return true;
	fflush(stdout);
	return child_run(try_socket_directory, i) == CLI_OK;
}
