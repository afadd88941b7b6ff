/* SPDX-License-Identifier: ISC */
/* What the subcommands of hookspool share: their table's entries, exit statuses, configuration. */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>

#include "conf/conf.h"
#include "spool/db.h"

/* Exit statuses, documented in hookspool(1); from 64 on as in sysexits(3). */
enum {
	CLI_OK = 0,
	CLI_NO = 1, /* the answer is no: refused, not found, a check failed */
	CLI_USAGE = 64,
	CLI_NO_SPOOL = 66,
	CLI_UNAVAILABLE = 69, /* built without libcurl */
	CLI_TEMPFAIL = 75,
	CLI_CONFIG = 78,
};

struct cli {
	const char *conf_file; /* from -c; NULL: search as conf_find() does */
};

/* A subcommand: argv[0] is its name; returns the exit status. */
typedef int cli_run(const struct cli *cli, int argc, char **argv);

cli_run cli_check, cli_keygen, cli_send, cli_list, cli_show, cli_tail, cli_stats, cli_rejects, cli_verify, cli_export,
	cli_purge, cli_relay, cli_deliveries, cli_retry, cli_drop,
	cli_replay, cli_erase, cli_reload, cli_backup, cli_restore;

/*
 * Loads the configuration, errors to stderr. NULL after an error; exit then with CLI_CONFIG. The caller frees. A command that
 * judges signatures needs all secrets; another one runs with those that can be read: CONF_SECRETS_THERE.
 */
struct conf *cli_conf(const struct cli *cli, enum conf_secrets secrets);

/*
 * Loads the configuration and opens its spool. Run by root, the process becomes the spool's owner in between, for good: files
 * that only root may use are opened before. Anything but CLI_OK is the status to exit with, after a message, and nothing is
 * then open. Otherwise cli_close() must follow.
 */
int cli_open(const struct cli *cli, enum conf_secrets secrets, struct conf **conf, struct spool_db **db);

/* Closes both. Unless ok it prints why, or where that is NULL the connection's error. Returns the status to exit with. */
int cli_close(struct conf *conf, struct spool_db *db, bool ok, const char *why);

/* Prints "hookspool NAME: message" and where help is to stderr. Returns CLI_USAGE. */
int cli_usage(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Prints "hookspool: message" to stderr. */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
