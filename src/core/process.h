/* SPDX-License-Identifier: ISC */
/* A process of this machine, by its number and its start time: numbers are reused. */
#ifndef PROCESS_H
#define PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct process {
	int64_t pid;
	int64_t ticks; /* when it started, in clock ticks since boot: proc(5), field 22 of stat */
	int64_t space; /* the number of its PID namespace; 0: unknown */
};

enum process_state {
	PROCESS_RUNS,
	PROCESS_STOPPED, /* by a signal such as SIGSTOP, or by a debugger */
	PROCESS_GONE,    /* it has ended; its number may be another process's */
	PROCESS_UNKNOWN, /* it is in another PID namespace, as in another container */
};

/* This process. */
struct process process_self(void);

enum process_state process_look(const struct process *p);

#endif
