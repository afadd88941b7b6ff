/* SPDX-License-Identifier: ISC */
/* The text of one file of the configuration. */
#ifndef SOURCE_H
#define SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

/*
 * Reads the file into text, with a blank behind it: fmemopen() takes no empty text, and after a line feed libconfuse would count
 * one line more than the file has. A byte order mark of UTF-8 becomes blanks. Refuses a pipe, a file above 4 MiB, and a text
 * that is not UTF-8. Without `any_writer` it refuses a file that any user may change. False with "FILE: the reason and the fix" in
 * why.
 */
bool source_read(const char *file, bool any_writer, struct buf *text, char *why, size_t why_size);

#endif
