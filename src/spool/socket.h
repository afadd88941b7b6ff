/* SPDX-License-Identifier: ISC */
/* The relay's sockets in the spool's directory: the directory's permissions say which processes reach them. */
#ifndef SPOOL_SOCKET_H
#define SPOOL_SOCKET_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The address of DIR/name. False with errno ENAMETOOLONG where the path is longer than a socket's may be. */
bool spool_socket_address(struct sockaddr_un *address, const char *dir, const char *name);

/*
 * A new non-blocking socket of that type (SOCK_DGRAM, SOCK_SEQPACKET), closed by the caller. Returns -1 with errno set on
 * failure.
 */
int spool_socket_new(int type);

/*
 * The same, bound to DIR/name. A socket that is there is replaced: the caller has made sure that no other relay runs. Its mode is
 * 0660 in a directory that a group shares, else 0600. Root gives it the directory's owner and group.
 */
int spool_socket_bind(const char *dir, const char *name, int type);

#endif
