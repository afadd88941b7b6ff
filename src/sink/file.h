/* SPDX-License-Identifier: ISC */
/* Sinks of the type file: JSON lines, as hookspool export prints them, at the end of a file. */
#ifndef FILE_SINK_H
#define FILE_SINK_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sink/driver.h"

struct file_options {
	char *path;
	mode_t mode;          /* of a file that the relay makes */
	size_t rotate_size;   /* bytes after which a new file begins; 0: any */
	int64_t rotate_every; /* ms after which a new file begins; 0: any */
	unsigned rotate_keep; /* the old files that are kept; 0: all */
};

extern const struct sink_driver file_driver;

#endif
