/* SPDX-License-Identifier: ISC */
/* Signals as a descriptor: by signalfd(2), or by a thread that waits for them and writes to a pipe. */
#include "config.h"

#include "core/signal_fd.h"

#include <errno.h>
#include <unistd.h>
#ifdef LOOP_EPOLL
#include <sys/signalfd.h>

int signal_fd_open(const sigset_t *set)
{
	return signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int signal_fd_next(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

#else
#include <pthread.h>

#include "core/descriptor.h"

enum { SIGNAL_STACK = 1024 * 1024 }; /* the thread-local variables of the page are in it, too */

static sigset_t waited;
static int signal_pipe = -1;

static void *wait_for_signals(void *arg)
{
	unsigned char byte;
	int number;

	(void)arg;
	while (sigwait(&waited, &number) == 0) {
		byte = (unsigned char)number;
		if (write(signal_pipe, &byte, 1) < 0 && errno != EAGAIN) /* the reader has ended, or has enough to read */
			break;
	}
	return NULL;
}

static int start_waiting(void)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, before;
	int error;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, SIGNAL_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&thread, &attr, wait_for_signals, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return error;
}

int signal_fd_open(const sigset_t *set)
{
	int ends[2], error;

	if (!descriptor_pipe(ends))
		return -1;
	waited = *set;
	signal_pipe = ends[1];
	error = descriptor_unblock(ends[0]) && descriptor_unblock(ends[1]) ? start_waiting() : errno;
	if (error == 0)
		return ends[0];
	close(ends[0]);
	close(ends[1]);
	errno = error;
	return -1;
}

int signal_fd_next(int fd)
{
	unsigned char byte;

	return read(fd, &byte, 1) == 1 ? byte : 0;
}

#endif
