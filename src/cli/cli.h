/* SPDX-License-Identifier: ISC */
/* What the subcommands of hookspool share: exit statuses, messages, the configuration and its spool. */
#ifndef CLI_H
#define CLI_H

#include <stdbool.h>

#include "cli/command.h"
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
	bool version;          /* --version was given */
};

extern const struct command cli_backup, cli_check, cli_completion, cli_deliveries, cli_drop, cli_erase, cli_export, cli_help, cli_keygen,
	cli_list, cli_purge, cli_rejects, cli_relay, cli_reload, cli_replay, cli_restore, cli_retry, cli_send, cli_show, cli_stats,
	cli_tail, cli_verify;

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

/* Appends a file's bytes, at most max; "-" is standard input. False after a message. */
bool cli_read(const char *file, struct buf *out, size_t max);

/* Prints "hookspool NAME: message" and where help is to stderr. The name may be empty. Returns CLI_USAGE. */
int cli_usage(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Prints "hookspool: message" to stderr. */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
