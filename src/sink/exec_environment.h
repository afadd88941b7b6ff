/* SPDX-License-Identifier: ISC */
/* The environment of a sink's program. */
#ifndef EXEC_ENVIRONMENT_H
#define EXEC_ENVIRONMENT_H

#include <stddef.h>

#include "conf/sink.h"
#include "core/buf.h"

/*
 * The variables for a program, ending with NULL: n strings of `ours`, each with its NUL, and those of this process that programs
 * need, or that the sink's environment names. The list is the caller's to free(), the strings are borrowed. NULL when memory is short.
 */
char **environment_make(const struct sink *s, const struct buf *ours, size_t n);

#endif
