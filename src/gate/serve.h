/* SPDX-License-Identifier: ISC */
/* The FastCGI server: connections, worker threads, deadlines, signals. */
#ifndef SERVE_H
#define SERVE_H

#include "conf/conf.h"

/*
 * Holds SIGTERM and the like back until serve() takes them. Call it before a socket is opened: a signal in between would end the
 * process and leave the socket file behind.
 */
void serve_hold_signals(void);

/*
 * Opens a descriptor of the signals that end or reload a server; the caller closes it. SIGPIPE is ignored from then on. -1 on an error,
 * with errno set.
 */
int serve_take_signals(void);

/*
 * Serves requests from the listening socket until SIGTERM, SIGINT or SIGUSR1, reloading on SIGHUP.
 * Takes over conf and listen_fd. own_address is the address of a socket that this process opened, and is
 * removed at the end; NULL: the process was started with the socket. Returns the exit status.
 */
int serve(int listen_fd, const char *own_address, struct conf *conf);

#endif
