/* SPDX-License-Identifier: ISC */
/* The relay: sends due events to their sinks, and records the results. */
#ifndef RELAY_H
#define RELAY_H

#include <stdbool.h>

#include "conf/conf.h"

enum relay_end {
	RELAY_ENDED,   /* by a signal; or nothing more was due, with --once */
	RELAY_RELOAD,  /* SIGHUP: call it again, with the new configuration */
	RELAY_REFUSED, /* another relay has this spool */
	RELAY_FAILED,
};

/* Checks that all sinks can be opened: their secrets and URLs. False with the reason in why. */
bool relay_check(const struct conf *c, char *why, size_t why_size);

struct spool_program;

/* Called at SIGHUP: true when the new configuration is valid. Otherwise the relay keeps the present one. */
typedef bool relay_may_reload(void *ctx);

/*
 * Runs until a signal ends it; it waits while there is no spool. drain: ends when nothing more is due, and sends nothing new after
 * 50 s. The reason of a failure or a refusal is in why. The process must have no other threads: the relay takes SIGTERM, SIGINT,
 * SIGHUP and SIGCHLD, and ignores SIGPIPE.
 *
 * self is registered in the spool at the beginning, after a refused reload, and at the end. The relay sets the time of its lock file
 * every few seconds; check finds a relay that hangs by that.
 */
enum relay_end relay_run(const struct conf *c, bool drain, struct spool_program *self, relay_may_reload *may_reload, void *ctx,
	char *why, size_t why_size);

#endif
