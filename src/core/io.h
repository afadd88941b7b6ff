/* SPDX-License-Identifier: ISC */
/* Files: whole reads with a bound, whole writes, and the permission rule for secrets. */
#ifndef IO_H
#define IO_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "core/buf.h"

/* Writes all n bytes, through short writes and EINTR. False with errno set on failure. */
bool io_write_all(int fd, const void *p, size_t n);

/*
 * Appends the whole of fd to out, at most max bytes. False with errno set on failure;
 * EFBIG when there is more than max.
 */
bool io_read_all(int fd, struct buf *out, size_t max);

/*
 * Appends a regular file to out, at most max bytes, and leaves what fstat(2) says of it in st. Refuses any other file: a pipe may
 * wait, and a device may never end. On failure returns false and leaves a reason in why.
 */
bool io_read_regular(const char *path, size_t max, struct buf *out, struct stat *st, char *why, size_t why_size);

/*
 * Reads a secret from a file into out. White space and invisible characters around it, such as a byte order mark, are not part of
 * it. On failure returns false and leaves in why a reason with the fix: missing, readable by others (mode & 007), UTF-16, empty,
 * blank, larger than 4 KiB, more than one line, or an invisible character inside. The reason never quotes the secret.
 */
bool io_read_secret(const char *path, struct buf *out, char *why, size_t why_size);

/* The same from the environment's variable of that name. Not while another thread changes the environment. */
bool io_read_secret_env(const char *name, struct buf *out, char *why, size_t why_size);

/* Raises the limit of open descriptors as far as this process may. Not thread-safe. */
void io_raise_limit(void);

/*
 * Takes that back, for a program that is started: one that uses select(2) must not get more than 1,024. In between,
 * other threads may get no more either.
 */
void io_restore_limit(void);

#endif
