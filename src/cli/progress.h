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

/* Says that n are done. Cheap: draws at most ten times a second. */
void progress_update(uint64_t n);

/* Takes the line away, so that what is printed next starts at the margin. Harmless without a start. */
void progress_end(void);

#endif
