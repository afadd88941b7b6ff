/* SPDX-License-Identifier: ISC */
/* Random bytes of the system, fit for secrets. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdbool.h>
#include <stddef.h>

/* At most 256 bytes. False with errno set. Early at boot the first one waits for the system; the second one is false then. */
bool random_bytes(void *p, size_t n);
bool random_bytes_now(void *p, size_t n);

#endif
