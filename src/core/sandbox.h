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

enum { SANDBOX_WRITES = 8 };

/* What a process keeps. */
struct sandbox_needs {
	bool off;     /* it keeps all, but for core files */
	bool network; /* sockets of IPv4 and IPv6, and what resolves names; it still listens on no TCP port */
	bool writes_anywhere;
	const char *writes[SANDBOX_WRITES]; /* else the directories below which it makes, changes and removes files; NULL behind the last */
};

/* What of a sandbox is in place; the kernel decides. */
struct sandbox {
	bool seccomp;
	int landlock; /* the version of the kernel's interface; 0: it has none */
};

/*
 * Gives up, for this thread and those that it starts: executing a program, all sockets but Unix ones, signals to other programs,
 * writing outside of the directories that it needs, and system calls that reach into another process or the kernel. Open sockets and
 * files keep working, and each file can be read that its permissions let it read: a reload may name new ones. There is no way back.
 * What the kernel lacks is left out.
 *
 * A directory that is missing stands for the nearest one above it that is there. One that is replaced later can't be written.
 *
 * The receiver needs none of it once it listens. A stranger that takes it over finds no shell, no network, and no file to leave
 * anything in that others read or run.
 */
struct sandbox sandbox_enter(const struct sandbox_needs *needs);

#endif
