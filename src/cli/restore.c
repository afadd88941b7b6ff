/* SPDX-License-Identifier: ISC */
/* hookspool restore: makes a spool of a backup. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/child.h"
#include "cli/cli.h"
#include "cli/owner.h"
#include "core/clock.h"
#include "conf/place.h"
#include "spool/restore.h"

struct restore {
	const char *dir, *file;
	int from;
	int pending; /* an enum spool_pending */
};

static int restore_failed(const char *what, const char *why, int status)
{
	cli_error("%s: %s", what, why);
	return status;
}

static void say_restored(const struct restore *r, const struct spool_restored *done)
{
	static const char *const what[] = {
		[SPOOL_PENDING_HOLD] = "held as dead letters; hookspool retry sends them",
		[SPOOL_PENDING_SEND] = "sent by the relay; the sinks may have got them before",
		[SPOOL_PENDING_DROP] = "forgotten; hookspool replay sends their events",
	};
	char at[CLOCK_TEXT];

	printf("%" PRId64 " event%s restored to %s", done->events, done->events == 1 ? "" : "s", r->dir);
	if (done->newest)
		printf(", the newest of %s", clock_format(done->newest, at));
	printf("; new ones begin with id %" PRId64 "\n", done->next_id);
	printf("%" PRId64 " pending %s: %s\n", done->pending, done->pending == 1 ? "delivery" : "deliveries", what[r->pending]);
}

/* Runs in the child, which becomes the spool's owner. */
static int restore_as_owner(void *ctx)
{
	static const int statuses[] = {[SPOOL_RESTORE_DONE] = CLI_OK, [SPOOL_RESTORE_FAILED] = CLI_TEMPFAIL, [SPOOL_RESTORE_DAMAGED] = CLI_NO,
		[SPOOL_RESTORE_OCCUPIED] = CLI_NO};
	const struct restore *r = ctx;
	enum spool_restore result = SPOOL_RESTORE_FAILED;
	char why[PATH_MAX + 256];
	struct spool_restored done;
	struct spool_db *db;

	if (!owner_become(r->dir, why, sizeof why)) {
		cli_error("%s", why);
		return CLI_TEMPFAIL;
	}
	db = spool_db_new();
	if (db)
		result = spool_restore(db, r->dir, r->from, (enum spool_pending)r->pending, clock_now(), &done);
	if (result == SPOOL_RESTORE_DONE)
		say_restored(r, &done);
	else
		restore_failed(result == SPOOL_RESTORE_DAMAGED ? r->file : r->dir, spool_db_error(db), statuses[result]);
	spool_db_free(db);
	return statuses[result];
}

/* Makes the directory. Root gives a new one to the owner of the directory above. */
static bool make_directory(const char *dir)
{
	char path[PATH_MAX];
	struct stat st;
	bool ok;

	if (mkdir(dir, 0700) != 0)
		return errno == EEXIST;
	snprintf(path, sizeof path, "%s", dir);
	ok = geteuid() != 0 || (stat(dirname(path), &st) == 0 && chown(dir, st.st_uid, st.st_gid) == 0);
	if (ok && geteuid() == 0 && st.st_uid == 0)
		cli_error("%s is new and belongs to root; where the receiver runs as another user, remove it, make it for that user, and restore again: "
			"with the systemd units by systemd-tmpfiles --create, without them by install -d -m 700 -o USER %s", dir, dir);
	return ok;
}

/* True when the file has a write-ahead log beside it: then it is a spool in use and no backup. */
static bool has_log(const char *file)
{
	char log[PATH_MAX];
	struct stat st;

	return snprintf(log, sizeof log, "%s-wal", file) < (int)sizeof log && stat(log, &st) == 0 && st.st_size > 0;
}

static int restore_run(const struct cli *cli, void *values)
{
	struct restore *r = values;
	struct conf *conf = cli_conf(cli, CONF_SECRETS_NONE);
	struct stat st;
	int status;

	if (!conf)
		return CLI_CONFIG;
	if (place_is_server(conf->spool)) {
		conf_free(conf);
		return restore_failed(r->file, "the spool is in PostgreSQL, and this restores a directory; hookspool move then copies that", CLI_USAGE);
	}
	r->dir = conf->spool;
	r->from = open(r->file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (r->from < 0 || fstat(r->from, &st) != 0)
		status = restore_failed(r->file, strerror(errno), CLI_NO);
	else if (!S_ISREG(st.st_mode))
		status = restore_failed(r->file, "it is no regular file", CLI_NO);
	else if (has_log(r->file))
		status = restore_failed(r->file, "there is a -wal file beside it, so it is a spool in use and no backup; hookspool backup makes one", CLI_NO);
	else if (!make_directory(r->dir))
		status = restore_failed(r->dir, strerror(errno), CLI_TEMPFAIL);
	else
		status = child_run(restore_as_owner, r);
	if (r->from >= 0)
		close(r->from);
	conf_free(conf);
	return status;
}

static const char *const pending_words[] = {
	[SPOOL_PENDING_HOLD] = "hold", [SPOOL_PENDING_SEND] = "send", [SPOOL_PENDING_DROP] = "drop", NULL};

static const struct command_option restore_options[] = {
	{.name = "pending", .kind = COMMAND_WORD, .offset = offsetof(struct restore, pending), .argument = "hold|send|drop",
		.words = pending_words,
		.help = "what becomes of pending deliveries; hold: they become dead letters, as the sinks may have got them after the "
			"backup, and hookspool retry sends them (the default); send: they stay pending, and the relay sends them; drop: they "
			"are deleted, and hookspool replay sends their events"},
	{0},
};

const struct command cli_restore = {
	.name = "restore",
	.purpose = "make a spool of a backup",
	.usage = "[--pending hold|send|drop] FILE",
	.about = "Makes the spool that the configuration names of a backup. There must be no spool yet: stop the receiver, and move "
		"an old spool away. FILE is first read whole and checked.\n"
		"\n"
		"Events, dedupe keys, deliveries and rejected deliveries are as they were. The ids of new events begin 10 million "
		"above the last one.",
	.more = "Exit status: 0 restored; 1 FILE is no good backup, or there is a spool; 64 wrong usage, or the spool is in PostgreSQL; 75 it failed, and nothing is changed.",
	.examples = "restore /backup/hookspool-2026-05-12.db\nrestore --pending send /backup/hookspool-2026-05-12.db",
	.options = restore_options,
	.argument = {.kind = COMMAND_FILE, .offset = offsetof(struct restore, file), .argument = "FILE"},
	.size = sizeof(struct restore),
	.run = restore_run,
};
