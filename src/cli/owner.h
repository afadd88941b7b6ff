/* SPDX-License-Identifier: ISC */
/* The user that owns a spool: root's commands become that user before they read what the spool says. */
#ifndef OWNER_H
#define OWNER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Run by root, makes this process the user that owns the directory, for good: user, group and supplementary groups, real,
 * effective and saved. A spool is written by a receiver that strangers talk to, so root must not parse it, or write beside it.
 * Call it when the configuration is read and all files that only root may read or write are open.
 *
 * Does nothing for another user than root, where the directory is root's own, or where it is missing. False with the reason in
 * why: the user can't be changed, or root owns the directory and other users may write into it.
 */
bool owner_become(const char *dir, char *why, size_t why_size);

/* The same, but it becomes the user that the spool's relay runs as: see owner_of_relay(). */
bool owner_become_relay(const char *dir, char *why, size_t why_size);

/*
 * The user of the spool's relay. The relay makes its socket anew at each start. Where a group shares the directory, and the socket has
 * that group, the user is the owner of the socket. Otherwise it is the directory's owner. False with errno set.
 */
bool owner_of_relay(const char *dir, uid_t *uid, gid_t *gid);

/* False where a group shares the directory and no relay has run there yet: then the relay's user is unknown. */
bool owner_knows_relay(const char *dir);

/* The same for a user that is known. False with errno set. */
bool owner_become_user(uid_t uid, gid_t gid);

#endif
