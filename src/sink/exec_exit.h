/* SPDX-License-Identifier: ISC */
/* What the end of a sink's program means. */
#ifndef EXEC_EXIT_H
#define EXEC_EXIT_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"
#include "sink/driver.h"

enum { EXEC_REPLY_MAX = 64 * 1024 /* bytes of a reply */ };

/*
 * Sets the verdict by the status of waitpid(2), see exec.h, and the error, which is in text. timed_out: the program was asked to
 * end, and its success does not count.
 */
void exec_exit_verdict(const struct sink *s, int status, bool timed_out, struct sink_result *r, char *text, size_t size);

/* The program delivered, and printed these bytes: its reply, without white space around it. no_memory: not all of them are there. */
void exec_exit_reply(const struct buf *printed, bool no_memory, struct sink_result *r);

#endif
