/* SPDX-License-Identifier: ISC */
/* Random bytes of the system, by getrandom(2) or getentropy(3). */
#define _GNU_SOURCE /* getentropy */
#include "config.h"

#include "core/random.h"

#include <sys/types.h>
#include <unistd.h>
#ifdef HAVE_SYS_RANDOM_H
#include <sys/random.h>
#endif

bool random_bytes(void *p, size_t n)
{
#ifdef HAVE_GETRANDOM
	return getrandom(p, n, 0) == (ssize_t)n;
#else
	return getentropy(p, n) == 0;
#endif
}

bool random_bytes_now(void *p, size_t n)
{
#ifdef HAVE_GETRANDOM
	return getrandom(p, n, GRND_NONBLOCK) == (ssize_t)n;
#else
	return getentropy(p, n) == 0;
#endif
}
