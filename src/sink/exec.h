/* SPDX-License-Identifier: ISC */
/* Attempts by programs: the event on standard input, its fields in the environment, what is printed kept. */
#ifndef EXEC_H
#define EXEC_H

#include <stddef.h>

#include "conf/sink.h"
#include "relay/sending.h"

struct exec;

enum { EXEC_REPLY_MAX = 64 * 1024 /* bytes of an answer */ };

/* NULL when memory or descriptors are short. */
struct exec *exec_new(sending_done *done);

/*
 * Ends what still runs, with its process group, without sending_done(): by SIGTERM, and what is left of a group when the
 * program has ended, or a second later, by SIGKILL.
 */
void exec_free(struct exec *x);

/*
 * Starts the sink's command, not through a shell, in a process group of its own. environment: n strings, each with its NUL.
 * Of this process's own variables the program gets PATH, HOME, USER, LOGNAME, SHELL, LANG, LANGUAGE, LC_*, TZ, TMPDIR and those
 * that the sink's environment names. body is borrowed until the end. What can't be started has ended: done is called. False
 * when memory is short.
 *
 * Exit status 0 is success; EX_TEMPFAIL (75) is tried again; the other statuses of sysexits.h from EX_DATAERR (65) to
 * EX_CONFIG (78) are not; any other, and a signal, is. After the sink's timeout the group gets SIGTERM, and SIGKILL when the
 * program has ended, or 5 s later.
 */
bool exec_start(struct exec *x, const struct sink *s, const struct buf *environment, size_t n, struct slice body, void *attempt);

/* Becomes readable when exec_run() has something to do; but the end of a program is told by SIGCHLD, and by that to exec_run(). */
int exec_fd(const struct exec *x);
void exec_child_ended(struct exec *x);

/* Goes on with the programs, as far as that goes without waiting; *wait, in ms, is lowered to when it has to be called again. */
void exec_run(struct exec *x, int64_t *wait);

#endif
