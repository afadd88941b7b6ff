/* SPDX-License-Identifier: ISC */
/* A spool's place: its file system, as not every kind keeps the promise of an fsync, and the owners of its files. */
#ifndef SPOOL_FS_H
#define SPOOL_FS_H

#include <stdbool.h>
#include <sys/stat.h>

enum spool_fs_kind {
	SPOOL_FS_LOCAL,
	SPOOL_FS_NETWORK, /* memory isn't shared between hosts: no WAL */
	SPOOL_FS_MEMORY,  /* gone when the machine stops */
	SPOOL_FS_LAYER,   /* a container's own: gone when the container is */
	SPOOL_FS_UNKNOWN, /* statfs(2) failed; errno says why */
};

/* The kind of file system `path` is on; *name becomes what it is called, "other" when it is none we know. */
enum spool_fs_kind spool_fs_kind(const char *path, const char **name);

#define SPOOL_FS_RELAY_LOCK "relay.lock" /* the process that holds it is the spool's relay */
#define SPOOL_FS_CATCHUP_LOCK "catch-up.lock" /* the process that holds it catches up */
#define SPOOL_FS_SEARCH "search" /* the directory of the search index */

/* The names of the files that a spool's directory may hold, beside sockets; NULL ends them. */
extern const char *const spool_fs_files[];

/*
 * True for a directory that a group shares, as receiver and relay of two users do: its mode is 2770. Any other directory is its
 * owner's alone.
 */
bool spool_fs_shared(const struct stat *dir);

/*
 * Gives an open file of this process's user what the directory says: mode 0660 where a group shares it, else 0600; and, as root,
 * its owner and group. A file with other links or of another user stays as it is. False with errno set.
 */
bool spool_fs_give(int dir_fd, int fd);

/* The same mode and group for a file that is closed, as the owner of both: after the directory's mode was changed. */
void spool_fs_adopt(int dir_fd, const char *name);

/*
 * Makes the directory where it is missing, and syncs its parent: where a power cut takes the directory's name back, all its files are
 * lost. False with errno set.
 */
bool spool_fs_make(const char *dir);

#endif
