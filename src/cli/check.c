/* hookspool check: everything that can be known to be wrong before the first delivery. */
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/check.h"
#include "cli/cli.h"

static const char help[] =
	"Usage: hookspool check [--socket unix:PATH|tcp:ADDRESS:PORT]\n"
	"\n"
	"Checks the configuration, the permissions of its files, the endpoints, the spool and\n"
	"the receiver's socket, and says what to do about each thing that is wrong. Changes\n"
	"nothing. Run by root, it looks at the spool as the user that owns it.\n"
	"\n"
	"  --socket ADDRESS   the receiver's socket, where the configuration has no listen\n"
	"  --help             this\n"
	"\n"
	"Exit status: 0 no FAIL; 1 at least one FAIL; 64 wrong usage.\n";

void check_say(struct check *c, enum check_grade grade, const char *fmt, ...)
{
	static const char *const words[] = {[CHECK_OK] = "ok  ", [CHECK_WARN] = "warn", [CHECK_FAIL] = "FAIL"};
	va_list ap;

	c->failures += grade == CHECK_FAIL;
	printf("%s ", words[grade]);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void on_report(void *ctx, enum log_level level, const char *message)
{
	check_say(ctx, level == LOG_LEVEL_ERROR ? CHECK_FAIL : CHECK_WARN, "%s", message);
}

static void say_endpoint(struct check *c, const struct endpoint *e)
{
	struct buf more = {0};

	if (e->events.n)
		buf_printf(&more, ", %zu event type%s", e->events.n, e->events.n == 1 ? "" : "s");
	if (e->accounts.n)
		buf_printf(&more, ", %zu account%s", e->accounts.n, e->accounts.n == 1 ? "" : "s");
	if (e->allow.n)
		buf_printf(&more, ", %zu address range%s", e->allow.n, e->allow.n == 1 ? "" : "s");
	check_say(c, CHECK_OK, "endpoint %s: scheme %s, %zu secret%s, authorization %s%s", e->path, e->scheme.name,
		e->secrets.n, e->secrets.n == 1 ? "" : "s", e->authorizations.n ? "yes" : "no", buf_str(&more));
	buf_free(&more);
}

static void check_all(struct check *c, const char *file, const char *socket)
{
	struct conf *conf = conf_load(file, on_report, c);

	if (!conf)
		return;
	check_say(c, CHECK_OK, "configuration %s", file);
	for (size_t i = 0; i < conf->n_endpoints; i++)
		say_endpoint(c, &conf->endpoints[i]);
	check_as_owner(c, conf, check_files);
	check_as_owner(c, conf, check_spool);
	check_as_owner(c, conf, check_rotation);
	check_as_owner(c, conf, check_sinks);
	if (!socket)
		socket = conf->listen;
	if (socket)
		check_socket(c, socket);
	else
		check_say(c, CHECK_WARN, "socket not checked: the configuration has no listen; name it with --socket unix:PATH");
	conf_free(conf);
}

int cli_check(const struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		{"socket", required_argument, NULL, 's'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct check c = {0};
	const char *socket = NULL;
	char file[PATH_MAX];
	int o;

	optind = 0;
	opterr = 0;
	while ((o = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (o == 'h') {
			fputs(help, stdout);
			return CLI_OK;
		}
		if (o != 's')
			return cli_usage("check", o == ':' ? "%s needs a value" : "unknown option %s", argv[optind - 1]);
		socket = optarg;
	}
	if (optind < argc)
		return cli_usage("check", "it takes no %s", argv[optind]);
	check_all(&c, conf_find(cli->conf_file, file, sizeof file), socket);
	return c.failures ? CLI_NO : CLI_OK;
}
