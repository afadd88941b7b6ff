/* A spool's place: what kind of file system it is on, as not every one keeps the promise of an fsync, and whose its files are. */
#ifndef SPOOL_FS_H
#define SPOOL_FS_H

#include <stdbool.h>

enum spool_fs_kind {
	SPOOL_FS_LOCAL,
	SPOOL_FS_NETWORK, /* memory isn't shared between hosts: no WAL */
	SPOOL_FS_MEMORY,  /* gone when the machine stops */
	SPOOL_FS_LAYER,   /* a container's own: gone when the container is */
	SPOOL_FS_UNKNOWN, /* statfs(2) failed; errno says why */
};

/* The kind of file system `path` is on; *name becomes what it is called, "other" when it is none we know. */
enum spool_fs_kind spool_fs_kind(const char *path, const char **name);

/* As root, gives a file of the directory to the directory's owner, as SQLite does it for its -wal and -shm. False with errno set. */
bool spool_fs_give(int dir_fd, const char *name);

#endif
