/* SPDX-License-Identifier: ISC */
/* The listening socket: one that the process was started with, or one that it opens. */
#ifndef LISTEN_H
#define LISTEN_H

#include <stddef.h>
#include <sys/types.h>

/*
 * The listening socket that the process was started with: systemd's first (LISTEN_PID, LISTEN_FDS; fd 3), else
 * standard input when it is one (spawn-fcgi, mod_fcgid; FastCGI 1.0 section 2.2). -1: none.
 */
int listen_inherited(void);

/*
 * Opens "unix:PATH" (with mode, and group unless NULL) or "tcp:ADDRESS:PORT" on a loopback
 * address. A socket file that no process listens on is replaced. -1 with the reason in why.
 * The caller closes the descriptor and calls listen_remove().
 */
int listen_open(const char *address, mode_t mode, const char *group, char *why, size_t why_size);

/* Connects to such an address, in 3 s at most. -1 with the reason in why and errno. The caller closes. */
int listen_connect(const char *address, char *why, size_t why_size);

/* Writes the address of a listening socket, as listen_connect() takes it; "" where it has none that others can use. */
void listen_address(int fd, char *out, size_t n);

/* Removes the socket file of a "unix:PATH" address. */
void listen_remove(const char *address);

#endif
