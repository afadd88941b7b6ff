/* SPDX-License-Identifier: ISC */
/*
 * New descriptors that programs started later do not inherit.
 *
 * Where the system sets the flag together with the descriptor, no thread can start a program in between. macOS sets it afterwards.
 */
#ifndef DESCRIPTOR_H
#define DESCRIPTOR_H

#include <stdbool.h>

/* As socket(2), socketpair(2) and pipe(2). -1, or false, with errno set. */
int descriptor_socket(int family, int type, int protocol);
int descriptor_socket_unblocked(int family, int type);
bool descriptor_pair(int type, int ends[2]); /* of AF_UNIX */
bool descriptor_pipe(int ends[2]);

/* As accept(2); the new descriptor does not block. -1 with errno set. */
int descriptor_accept(int listening);

/* False with errno set. */
bool descriptor_unblock(int fd);

#endif
