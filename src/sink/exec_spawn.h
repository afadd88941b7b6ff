/* SPDX-License-Identifier: ISC */
/* Starts a sink's program. */
#ifndef EXEC_SPAWN_H
#define EXEC_SPAWN_H

#include <sys/types.h>

#include "sink/driver.h"

/*
 * Starts the sink's command, not through a shell, in a process group of its own, with the three descriptors of ends as standard
 * input, output and error, no others, and the message's environment (exec_environment.h). Returns 0, or an errno.
 */
int exec_spawn(const struct sink *s, const struct sink_message *m, const int ends[3], pid_t *pid);

/* Says in plain words why a program could not be started, by the errno of exec_spawn(). */
void exec_spawn_error(const struct sink *s, int error, char *text, size_t size);

#endif
