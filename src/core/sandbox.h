/* SPDX-License-Identifier: ISC */
/* The sandbox: a process closes its memory to others, and gives up programs and the network, before it talks to strangers. */
#ifndef SANDBOX_H
#define SANDBOX_H

#include <stdbool.h>

/*
 * Closes this process's memory to other processes of its user: no core file, no ptrace(2), no /proc/PID/mem. A secret that is
 * only in memory stays there. Call it first, before a secret is read. A program that is executed gets this back.
 */
void sandbox_hide(void);

/* What of a sandbox is in place; the kernel decides. */
struct sandbox {
	bool seccomp;
	int landlock; /* the version of the kernel's interface; 0: it has none */
};

/*
 * Gives up, for this thread and those that it starts: executing a program, all sockets but Unix ones, signals to other programs,
 * and system calls that reach into another process or the kernel. Open sockets keep working, files stay as they are. There is no
 * way back. What the kernel lacks is left out. With `network` sockets of the Internet are kept: a spool is a server there.
 *
 * The receiver needs none of it once it listens. A stranger that takes it over finds no shell and no network.
 */
struct sandbox sandbox_enter(bool network);

#endif
