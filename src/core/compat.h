/* SPDX-License-Identifier: ISC */
/*
 * Functions that a system may lack. ./configure has the compiler include this file before each source where one is missing; with the
 * libraries of GNU/Linux none is, and nothing here is used.
 */
#ifndef COMPAT_H
#define COMPAT_H

#define _GNU_SOURCE
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __GLIBC__
#undef _DEFAULT_SOURCE /* which sources define, too */
#endif

#ifndef HAVE_CLOSEFROM
void closefrom(int first);
#endif

#ifndef HAVE_EXPLICIT_BZERO
void explicit_bzero(void *p, size_t n);
#endif

#ifndef HAVE_POSIX_FALLOCATE
int posix_fallocate(int fd, off_t at, off_t n);
#endif

#ifndef HAVE_PTHREAD_TIMEDJOIN_NP
int pthread_timedjoin_np(pthread_t thread, void **result, const struct timespec *end);
#endif

#ifndef HAVE_PTHREAD_MUTEX_TIMEDLOCK
int pthread_mutex_timedlock(pthread_mutex_t *m, const struct timespec *end);
#endif

#ifndef HAVE_PTHREAD_CONDATTR_SETCLOCK
/* A wait's end may be a time of CLOCK_MONOTONIC, as if the attribute had that clock. */
#define pthread_condattr_setclock(attr, clock) compat_condattr_setclock(attr)
#define pthread_cond_timedwait compat_cond_timedwait
int compat_condattr_setclock(pthread_condattr_t *attr);
int compat_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *end);
#endif

#ifdef F_FULLFSYNC
/* fsync(2) of macOS leaves what was written in the drive's memory. */
#define fsync compat_fsync
#define fdatasync compat_fsync
int compat_fsync(int fd);
#endif

#ifndef MSG_NOSIGNAL /* servers ignore SIGPIPE */
#define MSG_NOSIGNAL 0
#endif

#endif
