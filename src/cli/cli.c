/* SPDX-License-Identifier: ISC */
/* What the subcommands of hookspool share. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/owner.h"
#include "cli/terminal.h"
#include "core/io.h"

void cli_error(const char *fmt, ...)
{
	struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	fputs("hookspool: ", stderr);
	terminal_json(stderr, (struct slice){text.data, text.len}); /* it may contain text from the spool or from a sink */
	fputc('\n', stderr);
	buf_free(&text);
}

int cli_usage(const char *name, const char *fmt, ...)
{
	struct buf text = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	fprintf(stderr, "hookspool%s%s: ", *name ? " " : "", name);
	terminal_json(stderr, (struct slice){text.data, text.len}); /* as above */
	fprintf(stderr, "\nTry: hookspool%s%s --help\n", *name ? " " : "", name);
	buf_free(&text);
	return CLI_USAGE;
}

/* Warnings are for check and for the receiver's log, not for every command. */
static void print_report(void *ctx, enum log_level level, const char *message)
{
	(void)ctx;
	if (level == LOG_LEVEL_ERROR)
		cli_error("%s", message);
}

struct conf *cli_conf(const struct cli *cli, enum conf_secrets secrets)
{
	char file[PATH_MAX];

	return conf_load_with(conf_find(cli->conf_file, file, sizeof file), secrets, print_report, NULL);
}

int cli_open(const struct cli *cli, enum conf_secrets secrets, struct conf **conf, struct spool_db **db)
{
	char why[PATH_MAX + 256];
	bool there;

	*db = NULL;
	*conf = cli_conf(cli, secrets);
	if (!*conf)
		return CLI_CONFIG;
	if (!owner_become((*conf)->dir, why, sizeof why)) {
		cli_error("%s", why);
		conf_free(*conf);
		return CLI_TEMPFAIL;
	}
	there = spool_db_exists((*conf)->spool);
	if (!there)
		cli_error("no spool in %s: %s%s", (*conf)->spool, strerror(errno), errno == ENOENT ? "; the receiver makes it when it starts" : "");
	else if ((*db = spool_db_new()) && spool_db_open(*db, (*conf)->spool, (*conf)->journal, SPOOL_MANAGE))
		return CLI_OK;
	else
		cli_error("%s", spool_db_error(*db));
	there = there && (!*db || spool_db_error_kind(*db) != SPOOL_ERROR_MISSING);
	spool_db_free(*db);
	conf_free(*conf);
	return there ? CLI_TEMPFAIL : CLI_NO_SPOOL;
}

int cli_close(struct conf *conf, struct spool_db *db, bool ok, const char *why)
{
	if (!ok)
		cli_error("%s", why ? why : spool_db_error(db));
	spool_db_free(db);
	conf_free(conf);
	return ok ? CLI_OK : CLI_TEMPFAIL;
}

bool cli_read(const char *file, struct buf *out, size_t max)
{
	bool is_stdin = strcmp(file, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && io_read_all(fd, out, max);

	if (!ok && errno == EFBIG)
		cli_error("%s: more than %zu %s", file, max >> 20 ? max >> 20 : max >> 10, max >> 20 ? "MiB" : "KiB");
	else if (!ok)
		cli_error("%s: %s", file, strerror(errno));
	if (fd >= 0 && !is_stdin)
		close(fd);
	return ok;
}
