/* SPDX-License-Identifier: ISC */
/* Functions that a system may lack: compat.h. */
#define _GNU_SOURCE
#include "core/compat.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef HAVE_CLOSEFROM
void closefrom(int first)
{
	long end = sysconf(_SC_OPEN_MAX);

	for (int fd = first; fd < (end < 0 ? 65536 : end); fd++)
		close(fd);
}
#endif

#ifndef HAVE_EXPLICIT_BZERO
void explicit_bzero(void *p, size_t n)
{
	volatile unsigned char *at = p; /* no compiler leaves out these writes */

	while (n--)
		*at++ = 0;
}
#endif

#ifndef HAVE_POSIX_FALLOCATE
/* Writes zeros behind the file's end. Holes before it stay. */
int posix_fallocate(int fd, off_t at, off_t n)
{
	static const char zeros[4096];
	struct stat st;
	ssize_t k;

	if (fstat(fd, &st) != 0)
		return errno;
	for (off_t end = at + n; st.st_size < end; st.st_size += k) {
		k = pwrite(fd, zeros, end - st.st_size < (off_t)sizeof zeros ? (size_t)(end - st.st_size) : sizeof zeros, st.st_size);
		if (k <= 0)
			return k < 0 ? errno : ENOSPC;
	}
	return 0;
}
#endif

#ifndef HAVE_PTHREAD_TIMEDJOIN_NP
struct joining {
	pthread_mutex_t mutex;
	pthread_cond_t ended;
	pthread_t thread;
	unsigned users;
	bool over;
};

static void leave_joining(struct joining *j)
{
	bool last = --j->users == 0;

	pthread_mutex_unlock(&j->mutex);
	if (!last)
		return;
	pthread_cond_destroy(&j->ended);
	pthread_mutex_destroy(&j->mutex);
	free(j);
}

static void *join_thread(void *arg)
{
	struct joining *j = arg;

	pthread_join(j->thread, NULL);
	pthread_mutex_lock(&j->mutex);
	j->over = true;
	pthread_cond_signal(&j->ended);
	leave_joining(j);
	return NULL;
}

/* A thread waits for the thread. It goes on with that after the end of the time. */
int pthread_timedjoin_np(pthread_t thread, void **result, const struct timespec *end)
{
	struct joining *j = calloc(1, sizeof *j);
	pthread_t helper;
	int error;

	(void)result;
	if (!j)
		return ENOMEM;
	*j = (struct joining){.thread = thread, .users = 2};
	pthread_mutex_init(&j->mutex, NULL);
	pthread_cond_init(&j->ended, NULL);
	error = pthread_create(&helper, NULL, join_thread, j);
	if (error) {
		free(j);
		return error;
	}
	pthread_detach(helper);
	pthread_mutex_lock(&j->mutex);
	while (!j->over && error == 0)
		error = pthread_cond_timedwait(&j->ended, &j->mutex, end);
	error = j->over ? 0 : error;
	leave_joining(j);
	return error;
}
#endif

#ifndef HAVE_PTHREAD_MUTEX_TIMEDLOCK
/* Waits without end: a worker of the receiver that is not needed any more stays. */
int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *end)
{
	(void)end;
	return pthread_mutex_lock(m);
}
#endif

#ifndef HAVE_PTHREAD_CONDATTR_SETCLOCK
#undef pthread_cond_timedwait

int compat_condattr_setclock(pthread_condattr_t *attr)
{
	(void)attr;
	return 0;
}

static int64_t ns_of(const struct timespec *t)
{
	return t->tv_sec * INT64_C(1000000000) + t->tv_nsec;
}

/* No machine runs for so long that a time of CLOCK_MONOTONIC would be nearer to that of CLOCK_REALTIME. */
int compat_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *end)
{
	struct timespec mono, real, until = *end;
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &mono);
	clock_gettime(CLOCK_REALTIME, &real);
	if (ns_of(end) < ns_of(&real) / 2) {
		ns = ns_of(&real) + ns_of(end) - ns_of(&mono);
		until = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = (long)(ns % 1000000000)};
	}
	return pthread_cond_timedwait(c, m, &until);
}
#endif

#ifdef F_FULLFSYNC
#undef fsync

/* A file system without that command takes fsync(2). */
int compat_fsync(int fd)
{
	return fcntl(fd, F_FULLFSYNC) == 0 ? 0 : fsync(fd);
}
#endif
