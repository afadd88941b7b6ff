/* SPDX-License-Identifier: ISC */
/* The options of sinks of the type exec, beside those of all sinks. */
#ifndef EXEC_OPTIONS_H
#define EXEC_OPTIONS_H

#include "conf/sink.h"
#include "core/strlist.h"

struct exec_options {
	struct strlist command;     /* the program and its arguments */
	struct strlist environment; /* variables of the relay's environment that the program gets beside the usual ones */
};

/* The options of a sink of this type. */
static inline const struct exec_options *exec_options(const struct sink *s)
{
	return s->options;
}

#endif
