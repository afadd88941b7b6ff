/* SPDX-License-Identifier: ISC */
/* Starts a sink's program. */
#define _GNU_SOURCE /* posix_spawn_file_actions_addclosefrom_np */
#include "config.h"

#include "sink/exec_spawn.h"
#include "sink/exec_options.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/io.h"
#include "core/program.h"
#include "sink/exec_environment.h"

enum { ENDS = 3 };

static int start_process(const struct sink *s, char **envp, const int ends[ENDS], pid_t *pid)
{
	char **argv = exec_options(s)->command.item;
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, pipes;
	int error;

	sigemptyset(&none);
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	error = posix_spawn_file_actions_init(&files);
	if (error)
		return error;
	error = posix_spawnattr_init(&attributes);
	for (int i = 0; !error && i < ENDS; i++)
		error = posix_spawn_file_actions_adddup2(&files, ends[i], i);
#ifdef HAVE_POSIX_SPAWN_FILE_ACTIONS_ADDCLOSEFROM_NP
	/* our own are closed by themselves, those of libraries are not */
	if (!error)
		error = posix_spawn_file_actions_addclosefrom_np(&files, ENDS);
#endif
	if (!error) {
		posix_spawnattr_setsigmask(&attributes, &none);
		posix_spawnattr_setsigdefault(&attributes, &pipes);
		posix_spawnattr_setpgroup(&attributes, 0);
		posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
		io_restore_limit();
		error = posix_spawnp(pid, argv[0], &files, &attributes, argv, envp);
		io_raise_limit();
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&files);
	return error;
}

int exec_spawn(const struct sink *s, const struct sink_message *m, const int ends[3], pid_t *pid)
{
	struct buf text = {0};
	char **envp = exec_environment(s, m, &text);
	int error = envp ? start_process(s, envp, ends, pid) : ENOMEM;

	free(envp);
	buf_free(&text);
	return error;
}

void exec_spawn_error(const struct sink *s, int error, char *text, size_t n)
{
	char path[PATH_MAX];

	/* execve(2) says ENOENT of a script whose interpreter is missing, too */
	if (!program_find(exec_options(s)->command.item[0], path, sizeof path))
		program_missing(exec_options(s)->command.item[0], text, n);
	else if (program_check(path, text, n))
		snprintf(text, n, "%s: %s", exec_options(s)->command.item[0], strerror(error));
}
