/* SPDX-License-Identifier: ISC */
/* hookspool: the administrator's command. Finds the subcommand and runs it. */
#include "config.h"

#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/help.h"
#include "core/sandbox.h"

/* Flushes standard output. Returns the status to exit with. The reader of a pipe may close it early: no error. */
static int close_output(int status)
{
	errno = 0; /* stays 0 when only an earlier write failed */
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	if (errno != EPIPE)
		cli_error("standard output: %s; what was printed is not complete", errno ? strerror(errno) : "a write failed");
	return status == CLI_OK || status == CLI_NO ? CLI_TEMPFAIL : status;
}

int main(int argc, char **argv)
{
	const struct command *command;
	struct cli cli = {0};
	bool help = false;
	int status;

	sandbox_hide();
	setlocale(LC_CTYPE, "C.UTF-8"); /* for the width of characters; what we print is UTF-8 */
	umask(077);
	status = command_take_options(&command_program, &cli, argc, argv, &help);
	if (status != CLI_OK)
		return status;
	if (cli.version)
		cli_print_version();
	else if (help)
		help_list(stdout);
	if (cli.version || help)
		return close_output(CLI_OK);
	if (optind == argc) {
		help_list(stderr);
		return CLI_USAGE;
	}
	command = command_find(argv[optind]);
	return command ? close_output(command_run(command, &cli, argc - optind, argv + optind)) : CLI_USAGE;
}
