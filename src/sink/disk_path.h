/* SPDX-License-Identifier: ISC */
/* Paths that drivers of files write to. */
#ifndef DISK_PATH_H
#define DISK_PATH_H

#include "sink/driver.h"

/* Opens the directory that the path's last part is in, and sets *name to that part, in path. -1 with errno set. */
int disk_path_parent(const char *path, const char **name);

/* Takes the lock of flock(2) on an open file or directory, and waits for it. False with errno set. */
bool disk_path_lock(int fd);

/* True when the path still names the open file or directory. */
bool disk_path_is_current(int fd, const char *path);

/*
 * For check(): says where this process may not write to the directory, and where the directory's file system does not keep an
 * fsync's promise. True when neither is said.
 */
bool disk_path_check(const char *dir, sink_say *say, void *ctx);

/* The same for the directory that the path's last part is in. */
bool disk_path_check_parent(const char *path, sink_say *say, void *ctx);

#endif
