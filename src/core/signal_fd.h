/* SPDX-License-Identifier: ISC */
/* Signals as a descriptor: by signalfd(2), or by a thread that waits for them and writes to a pipe. */
#ifndef SIGNAL_FD_H
#define SIGNAL_FD_H

#include <signal.h>

/*
 * A descriptor that is readable when one of the signals has come. All threads must block them, before and after. Once a process; the
 * caller closes it. -1 with errno set.
 */
int signal_fd_open(const sigset_t *set);

/* The number of a signal that has come; 0: there is none now. */
int signal_fd_next(int fd);

#endif
