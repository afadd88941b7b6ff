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

extern const struct command cli_backup, cli_catch_up, cli_check, cli_completion, cli_deliveries, cli_drop, cli_erase, cli_export, cli_help, cli_identify, cli_index, cli_init, cli_keygen,
	cli_list, cli_mcp, cli_migrate, cli_move, cli_purge, cli_rejects, cli_relay, cli_reload, cli_replay, cli_reply, cli_restore, cli_retry, cli_schemes, cli_send, cli_show, cli_stats,
	cli_tail, cli_verify;

/*
 * Loads the configuration; the caller frees it. Returns NULL after messages to stderr: exit then with CLI_CONFIG. A command that
 * checks signatures needs all secrets. Others run with those that can be read: CONF_SECRETS_THERE.
 */
struct conf *cli_conf(const struct cli *cli, enum conf_secrets secrets);

/*
 * Loads the configuration and opens its spool. A process of root becomes the spool's owner before it opens the spool, and stays
 * that user: open before what only root may read. Returns CLI_OK, and then cli_close() must follow; or the status to exit with,
 * after a message, and nothing is open.
 */
int cli_open(const struct cli *cli, enum conf_secrets secrets, struct conf **conf, struct spool_db **db);

/* Closes both. Unless ok, prints why; where that is NULL, the connection's error. Returns the status to exit with. */
int cli_close(struct conf *conf, struct spool_db *db, bool ok, const char *why);

/* Appends a file's bytes, at most max; "-" is standard input. False after a message. */
bool cli_read(const char *file, struct buf *out, size_t max);

/* Prints "hookspool NAME: message" and where help is to stderr. The name may be empty. Returns CLI_USAGE. */
int cli_usage(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Prints "hookspool: message" to stderr. */
void cli_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Prints the version, the types of sinks that are built in, and the modules that are there. */
void cli_print_version(void);

#endif
