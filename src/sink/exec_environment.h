/* SPDX-License-Identifier: ISC */
/* The environment of a sink's program. */
#ifndef EXEC_ENVIRONMENT_H
#define EXEC_ENVIRONMENT_H

#include "core/buf.h"
#include "sink/driver.h"

/*
 * The variables for a program, ending with NULL. First what it is told of the message, "HOOKSPOOL_ID=evt_..." and so on, printed to
 * text; values longer than 32 KiB are cut. Then those of this process's own: PATH, HOME, USER, LOGNAME, SHELL, LANG, LANGUAGE, LC_*,
 * TZ, TMPDIR, and those that the sink's option environment names. The list is the caller's to free(), the strings are borrowed. NULL
 * when memory is short.
 */
char **exec_environment(const struct sink *s, const struct sink_message *m, struct buf *text);

#endif
