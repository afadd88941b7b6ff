/* SPDX-License-Identifier: ISC */
/* New descriptors that programs started later do not inherit. */
#define _GNU_SOURCE /* accept4, pipe2, SOCK_CLOEXEC */
#include "config.h"

#include "core/descriptor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

bool descriptor_unblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0;
}

#if defined HAVE_ACCEPT4 && defined HAVE_PIPE2

int descriptor_socket(int family, int type, int protocol)
{
	return socket(family, type | SOCK_CLOEXEC, protocol);
}

int descriptor_socket_unblocked(int family, int type)
{
	return socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

bool descriptor_pair(int type, int ends[2])
{
	return socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) == 0;
}

bool descriptor_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC) == 0;
}

int descriptor_accept(int listening)
{
	return accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

#else

/* Closes the descriptor where that fails. */
static int close_on_exec(int fd)
{
	int error;

	if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* Closes the descriptor where that fails. */
static int unblocked(int fd)
{
	int error;

	if (fd < 0 || descriptor_unblock(fd))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static bool close_both_on_exec(int ends[2])
{
	if (close_on_exec(ends[0]) < 0) {
		close(ends[1]);
		return false;
	}
	if (close_on_exec(ends[1]) >= 0)
		return true;
	close(ends[0]);
	return false;
}

int descriptor_socket(int family, int type, int protocol)
{
	return close_on_exec(socket(family, type, protocol));
}

int descriptor_socket_unblocked(int family, int type)
{
	return unblocked(close_on_exec(socket(family, type, 0)));
}

bool descriptor_pair(int type, int ends[2])
{
	return socketpair(AF_UNIX, type, 0, ends) == 0 && close_both_on_exec(ends);
}

bool descriptor_pipe(int ends[2])
{
	return pipe(ends) == 0 && close_both_on_exec(ends);
}

int descriptor_accept(int listening)
{
	return unblocked(close_on_exec(accept(listening, NULL, NULL)));
}

#endif
