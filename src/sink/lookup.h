/* SPDX-License-Identifier: ISC */
/* Addresses of hosts, found by a thread: getaddrinfo(3) waits for the network. */
#ifndef LOOKUP_H
#define LOOKUP_H

#include <stdbool.h>
#include <stddef.h>

enum { LOOKUP_SIZE = 256 };

/*
 * Begins to look up the address of the host. Returns a descriptor that becomes readable when the answer is there. The caller may close it
 * before. -1 with errno set.
 */
int lookup_start(const char *host);

/* Writes the address to out, one of IPv4 where the host has both. False with the reason in out. The caller closes the descriptor. */
bool lookup_read(int fd, char out[LOOKUP_SIZE]);

#endif
