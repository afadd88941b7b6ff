/* SPDX-License-Identifier: ISC */
/* The relay: sends what is due to its sinks, and writes down what became of it. */
#ifndef RELAY_H
#define RELAY_H

#include <stdbool.h>

#include "conf/conf.h"

enum relay_end {
	RELAY_ENDED,   /* by a signal; or nothing more was due, with --once */
	RELAY_RELOAD,  /* to be called again, after SIGHUP with a new configuration */
	RELAY_REFUSED, /* another relay has this spool */
	RELAY_FAILED,
};

/*
 * Whether the sinks' secrets and URLs are there and right, as relay_run() needs them. False with the reason in why.
 */
bool relay_check(const struct conf *c, char *why, size_t why_size);

struct spool_program;

/* Asked at SIGHUP: is the new configuration right? The relay goes on with what it has where it isn't. */
typedef bool relay_may_reload(void *ctx);

/*
 * Runs until it is told to end, also while there is no spool; drain: until nothing more is due, and nothing new after 50 s. The
 * reason of a failure or a refusal is in why. Not to be called in a process with other threads: it takes SIGTERM, SIGINT, SIGHUP
 * and SIGCHLD, and ignores SIGPIPE.
 *
 * self is what the spool is told of this process, at the beginning, after a reload that was refused, and at the end; while the
 * relay runs, it sets the time of its lock's file every few seconds, by which check knows one that hangs.
 */
enum relay_end relay_run(const struct conf *c, bool drain, struct spool_program *self, relay_may_reload *may_reload, void *ctx,
	char *why, size_t why_size);

#endif
