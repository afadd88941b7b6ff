/* SPDX-License-Identifier: ISC */
/* Sinks of the type dir: a file for each event, in a directory. */
#ifndef DIR_SINK_H
#define DIR_SINK_H

#include <sys/types.h>

#include "sink/driver.h"

struct dir_options {
	char *path;
	mode_t mode; /* of the files */
};

extern const struct sink_driver dir_driver;

#endif
