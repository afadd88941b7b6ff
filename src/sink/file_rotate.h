/* SPDX-License-Identifier: ISC */
/* Rotation of a file sink's file: it becomes PATH.YYYYMMDDTHHMMSSZ, or with -2, -3, ... where that is there. */
#ifndef FILE_ROTATE_H
#define FILE_ROTATE_H

#include <stdbool.h>
#include <sys/stat.h>

#include "sink/file.h"

/* True when the options want a new file in place of this one, at that time in ms since the epoch. An empty file is not rotated. */
bool file_rotate_is_due(const struct file_options *o, const struct stat *st, int64_t now);

/*
 * Renames the file, and removes the oldest of the rotated ones beyond the number that is kept. Replaces no other file. The caller
 * flushes the directory. False with errno set.
 */
bool file_rotate(const struct file_options *o, int64_t now);

#endif
