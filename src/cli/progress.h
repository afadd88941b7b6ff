/* SPDX-License-Identifier: ISC */
/* A progress line on standard error, only where that is a terminal. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdint.h>

/*
 * Starts the line; label is borrowed until progress_end(). total 0: unknown, only the number is
 * shown. One at a time, from one thread. Does nothing where standard error is no terminal.
 */
void progress_start(const char *label, uint64_t total);

/* Sets how many are done. Draws at most ten times a second. */
void progress_update(uint64_t n);

/* Clears the line, so that the next output starts at the margin. Does nothing without a start. */
void progress_end(void);

#endif
