/* SPDX-License-Identifier: ISC */
/* Runs a function in a child process, which may drop root's privileges while the parent keeps them. */
#include "cli/child.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"

int child_run(int (*run)(void *ctx), void *ctx)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		status = run(ctx);
		if (fflush(stdout) != 0 && status == CLI_OK)
			status = CLI_TEMPFAIL;
		_exit(status);
	}
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			pid = -1;
	if (pid < 0) {
		cli_error("%s", strerror(errno));
		return CLI_TEMPFAIL;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	cli_error("stopped by signal %d", WTERMSIG(status));
	return CLI_TEMPFAIL;
}
