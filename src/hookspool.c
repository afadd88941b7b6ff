/* SPDX-License-Identifier: ISC */
/* hookspool: the administrator's command; finds the subcommand and runs it. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/suggest.h"
#include "core/sandbox.h"

static cli_run help, completion;

static const struct {
	const char *name;
	cli_run *run;
	const char *what;
} commands[] = {
	{"check", cli_check, "look for faults, before the first delivery and later"},
	{"keygen", cli_keygen, "make a random secret"},
	{"send", cli_send, "deliver test events as a provider would"},
	{"list", cli_list, "print the newest events"},
	{"show", cli_show, "print one event in full"},
	{"tail", cli_tail, "print events as they come"},
	{"stats", cli_stats, "count events and outcomes"},
	{"rejects", cli_rejects, "print deliveries that were turned away"},
	{"verify", cli_verify, "check a signature, and find out why it is wrong"},
	{"export", cli_export, "print events as JSON lines"},
	{"purge", cli_purge, "delete old events"},
	{"erase", cli_erase, "delete all that there is of a person"},
	{"reload", cli_reload, "have receiver and relay read their configuration anew, and wait for it"},
	{"backup", cli_backup, "copy the spool while it is in use"},
	{"restore", cli_restore, "make a spool of a backup"},
	{"relay", cli_relay, "send events on to their sinks"},
	{"deliveries", cli_deliveries, "print what was sent to sinks, and what was not"},
	{"retry", cli_retry, "send dead deliveries again"},
	{"replay", cli_replay, "send stored events to a sink, again or for the first time"},
	{"drop", cli_drop, "give pending deliveries up"},
	{"completion", completion, "print a shell's completion of these words and their options"},
	{"help", help, "print what there is, or what a subcommand does"},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(FILE *to)
{
	fputs("usage: hookspool [-c FILE] SUBCOMMAND [OPTION]...\n\n", to);
	for (int i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-10s  %s\n", commands[i].name, commands[i].what);
	fputs("\n  -c FILE   the configuration; else $HOOKSPOOL_CONF, hookspool.conf beside this program,\n"
	      "            or the installed one\n"
	      "\n\"hookspool SUBCOMMAND --help\" says more; see hookspool(1).\n", to);
}

/* The subcommand of that name, from 0; -1: there is none, which is said with the name that comes nearest. */
static int find_command(const char *name)
{
	const char *names[COMMANDS + 1] = {NULL}, *nearest;

	for (int i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return i;
		names[i] = commands[i].name;
	}
	nearest = suggest(name, names);
	fprintf(stderr, "hookspool: there is no subcommand %s", name);
	if (nearest)
		fprintf(stderr, "; did you mean %s?", nearest);
	fputs("\nTry: hookspool help\n", stderr);
	return -1;
}

static int help(const struct cli *cli, int argc, char **argv)
{
	char flag[] = "--help", *words[] = {argv[argc - 1], flag, NULL};
	int i;

	if (argc == 1) {
		print_help(stdout);
		return CLI_OK;
	}
	if (argc > 2)
		return cli_usage("help", "one subcommand at a time");
	i = find_command(argv[1]);
	if (i < 0)
		return CLI_USAGE;
	if (commands[i].run == help) {
		print_help(stdout);
		return CLI_OK;
	}
	return commands[i].run(cli, 2, words);
}

static int completion(const struct cli *cli, int argc, char **argv)
{
	const char *names[COMMANDS + 1] = {NULL};

	(void)cli;
	for (int i = 0; i < COMMANDS; i++)
		names[i] = commands[i].name;
	return completion_run(names, argc, argv);
}

/* The status to exit with, when all that was printed has been written. A reader of a pipe may close it before that. */
static int close_output(int status)
{
	errno = 0; /* stays so when only an earlier write failed */
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno != EPIPE)
		cli_error("standard output: %s; what was printed is not complete", errno ? strerror(errno) : "a write failed");
	return status == CLI_OK || status == CLI_NO ? CLI_TEMPFAIL : status;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
		{"version", no_argument, NULL, 'V'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct cli cli = {0};
	int c;

	sandbox_hide();
	setlocale(LC_CTYPE, "C.UTF-8"); /* for the width of characters; what we print is UTF-8 */
	umask(077);
	while ((c = getopt_long(argc, argv, "+c:h", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			cli.conf_file = optarg;
			break;
		case 'V':
			puts(PACKAGE_STRING);
			return CLI_OK;
		case 'h':
			print_help(stdout);
			return CLI_OK;
		default:
			print_help(stderr);
			return CLI_USAGE;
		}
	}
	if (optind == argc) {
		print_help(stderr);
		return CLI_USAGE;
	}
	c = find_command(argv[optind]);
	return c < 0 ? CLI_USAGE : close_output(commands[c].run(&cli, argc - optind, argv + optind));
}
