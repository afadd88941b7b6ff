/* SPDX-License-Identifier: ISC */
/*
 * Addresses of hosts, found by a thread. The thread and its caller share nothing but a socket pair, so that either may end first.
 * The answer is one message: "=" and the address, or "!" and the reason.
 */
#include "sink/lookup.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/descriptor.h"

struct lookup {
	int fd;
	char host[]; /* NUL-terminated */
};

static int look_up(const char *host, int family, char out[LOOKUP_SIZE])
{
	struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM}, *found = NULL;
	int code = getaddrinfo(host, NULL, &hints, &found);

	*out = '=';
	if (code == 0)
		code = getnameinfo(found->ai_addr, found->ai_addrlen, out + 1, LOOKUP_SIZE - 1, NULL, 0, NI_NUMERICHOST);
	if (code == 0)
		freeaddrinfo(found);
	else
		snprintf(out, LOOKUP_SIZE, "!%s: %s", host, gai_strerror(code));
	return code;
}

static void *run_lookup(void *of)
{
	struct lookup *l = of;
	char answer[LOOKUP_SIZE];

	if (look_up(l->host, AF_INET, answer) != 0)
		look_up(l->host, AF_INET6, answer);
	send(l->fd, answer, strlen(answer), MSG_NOSIGNAL); /* where that fails, the caller has closed its end */
	close(l->fd);
	free(l);
	return NULL;
}

/* The thread takes no signal: the loop does. */
static int start_thread(struct lookup *l)
{
	sigset_t all, before;
	pthread_t thread;
	int code;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	code = pthread_create(&thread, NULL, run_lookup, l);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (code == 0)
		pthread_detach(thread);
	return code;
}

int lookup_start(const char *host)
{
	size_t n = strlen(host) + 1;
	struct lookup *l = malloc(sizeof *l + n);
	int fd[2];

	if (!l || !descriptor_pair(SOCK_SEQPACKET, fd)) {
		free(l);
		return -1;
	}
	l->fd = fd[1];
	memcpy(l->host, host, n);
	errno = start_thread(l);
	if (errno == 0)
		return fd[0];
	free(l);
	close(fd[0]);
	close(fd[1]);
	return -1;
}

bool lookup_read(int fd, char out[LOOKUP_SIZE])
{
	ssize_t n = recv(fd, out, LOOKUP_SIZE - 1, 0);
	bool ok = n > 1 && *out == '=';

	out[n > 1 ? n : 0] = '\0';
	memmove(out, out + (n > 1), n > 1 ? (size_t)n : 1);
	return ok;
}
