/* SPDX-License-Identifier: ISC */
/*
 * hookspool backup: copies the spool while it is in use.
 *
 * The file is the caller's, the spool another user's: a child becomes the spool's owner and writes to the file that the parent has
 * opened. The parent, which may be root, reads nothing of the spool.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/cli.h"
#include "cli/progress.h"
#include "conf/place.h"
#include "spool/backup.h"
#include "spool/restore.h"

struct backup {
	const struct cli *cli;
	int fd;
};

static void show_progress(uint64_t done, uint64_t total)
{
	(void)total;
	progress_update(done);
}

/* In the child. */
static int copy_spool(void *ctx)
{
	struct backup *b = ctx;
	struct spool_db *db = NULL;
	struct conf *conf;
	int status = cli_open(b->cli, CONF_SECRETS_NONE, &conf, &db);
	bool ok;
	int closed;

	if (status != CLI_OK)
		return status;
	if (place_is_server(conf->spool)) {
		cli_error("the spool is in PostgreSQL; back it up with pg_dump, or copy it into a directory with hookspool move");
		cli_close(conf, db, true, NULL);
		return CLI_USAGE;
	}
	progress_start("pages copied", 0);
	ok = spool_backup(db, b->fd, show_progress);
	progress_end();
	if (ok && !spool_restore_check(db, b->fd)) {
		cli_error("the backup is as damaged as the spool: %s; see hookspool check --deep", spool_db_error(db));
		status = CLI_NO;
	}
	closed = cli_close(conf, db, ok, NULL);
	return status == CLI_OK ? closed : status;
}

/* A backup may be replaced. Any other file may not: the caller may have named a spool's database by mistake. */
static bool may_replace(const char *file)
{
	struct stat st;
	int fd = open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool ok = fd < 0 && errno == ENOENT;

	if (fd >= 0) {
		ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && spool_backup_is_one(fd);
		close(fd);
	}
	if (!ok)
		cli_error("%s: there is another file of that name; remove it, or choose another name", file);
	return ok;
}

static bool sync_directory(const char *file)
{
	char path[PATH_MAX];
	int fd;
	bool ok;

	snprintf(path, sizeof path, "%s", file);
	fd = open(dirname(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ok = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool finish_copy(const char *new, const char *file)
{
	if (rename(new, file) == 0 && sync_directory(file))
		return true;
	cli_error("%s: %s", file, strerror(errno));
	return false;
}

/*
 * Opens the incomplete copy, empty and locked. Its name is fixed: the next backup overwrites the copy that a killed one left. A
 * file of another user, or with a second name, is not written to. Returns -1 after a message.
 */
static int open_copy(const char *new)
{
	struct stat st, named;
	const char *why = NULL;
	int fd = open(new, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd < 0 || fstat(fd, &st) != 0)
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink > 1)
		why = "there is another file of that name; remove it";
	else if (flock(fd, LOCK_EX | LOCK_NB) != 0 || lstat(new, &named) != 0 || named.st_ino != st.st_ino)
		why = "another backup to that file is being made";
	else if (fchmod(fd, 0600) != 0 || ftruncate(fd, 0) != 0)
		why = strerror(errno);
	if (!why)
		return fd;
	cli_error("%s: %s", new, why);
	if (fd >= 0)
		close(fd);
	return -1;
}

struct backup_options {
	const char *file;
};

static int backup_run(const struct cli *cli, void *values)
{
	const char *file = ((const struct backup_options *)values)->file;
	struct backup b = {.cli = cli};
	char new[PATH_MAX];
	int status;

	if (strcmp(file, "-") == 0)
		return cli_usage("backup", "name a file: a backup is not written to standard output");
	if (snprintf(new, sizeof new, "%s.incomplete", file) >= (int)sizeof new) {
		cli_error("%s: the name is too long", file);
		return CLI_TEMPFAIL;
	}
	if (!may_replace(file))
		return CLI_TEMPFAIL;
	b.fd = open_copy(new);
	if (b.fd < 0)
		return CLI_TEMPFAIL;
	status = child_run(copy_spool, &b);
	if ((status == CLI_OK || status == CLI_NO) && !finish_copy(new, file))
		status = CLI_TEMPFAIL;
	if (status != CLI_OK && status != CLI_NO)
		unlink(new);
	close(b.fd);
	return status;
}

const struct command cli_backup = {
	.name = "backup",
	.purpose = "copy the spool while it is in use",
	.usage = "FILE",
	.about = "Copies the whole spool, as it is at one moment, to FILE. Receiving goes on. FILE belongs to the caller and has mode "
		"0600. It has its name only when it is complete and on the disk; until then it is called FILE.incomplete. A backup of "
		"that name is replaced; any other file is not. hookspool restore makes a spool of it.",
	.more = "Exit status: 0 FILE is complete; 1 it is complete, but the spool is damaged; 64 wrong usage, or the spool is in PostgreSQL; 66 there is no spool; 75 no backup was made.",
	.examples = "backup /backup/hookspool-$(date +%F).db",
	.argument = {.kind = COMMAND_FILE, .offset = offsetof(struct backup_options, file), .argument = "FILE"},
	.size = sizeof(struct backup_options),
	.run = backup_run,
};
